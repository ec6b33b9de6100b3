//! Opening a pull request once, and keeping its text up to date.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::client::{Call, Client};
use crate::commit::check_branch;
use crate::error::Error;
use crate::refusal::Failed;
use crate::repository::Repository;
use crate::wire::{CreatePull, PullAnswer, UpdatePull};

/// The most characters of a pull request's title.
const TITLE_CHARS_MAX: usize = 256;

/// The most characters of a pull request's body.
const BODY_CHARS_MAX: usize = 65_536;

/// What the end of a body that was cut says.
const BODY_CUT: &str = "\n\n*The rest did not fit and is left out.*";

/// How often the opening is sent: again only after a look that found none.
const OPEN_ROUNDS_MAX: u32 = 3;

pub(crate) const OPEN: &str = "open the pull request";
pub(crate) const LIST: &str = "look for the pull request";
pub(crate) const UPDATE: &str = "update the pull request";

/// A pull request that shall be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// The branch with the changes, in the same repository.
    pub head: String,
    /// The branch they are for.
    pub base: String,
    /// One line; cut at 256 characters.
    pub title: String,
    /// Markdown; cut at 65,536 characters, with a note.
    pub body: String,
    /// Whether it may be open already, by an earlier attempt or an earlier task: then look first.
    pub repeat: bool,
}

/// A pull request that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its number in the repository.
    pub number: u64,
    /// The page for people.
    pub html_url: String,
    /// What became of it.
    pub state: PullState,
}

/// What became of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullState {
    /// It waits.
    Open,
    /// It was closed and not merged.
    Closed,
    /// Its changes are in the base.
    Merged,
}

impl From<PullAnswer> for Opened {
    fn from(answer: PullAnswer) -> Self {
        Self {
            number: answer.number,
            state: state(&answer),
            html_url: answer.html_url,
        }
    }
}

fn state(answer: &PullAnswer) -> PullState {
    match (answer.state.as_str(), &answer.merged_at) {
        ("open", _) => PullState::Open,
        (_, Some(_)) => PullState::Merged,
        (_, None) => PullState::Closed,
    }
}

impl Client {
    /// Makes sure that a pull request with this text is open from `head` to `base`.
    ///
    /// # Idempotency
    /// Key: `head` and `base`; GitHub allows one open pull request for both. A first attempt posts
    /// at once: one request. After "already exists", a lost answer, or with `repeat`, it looks: an
    /// open one gets title and body if they differ; closed and merged ones are left alone, and a
    /// new one is opened. Where there is nothing to merge any more because the last one was merged,
    /// that one is the answer.
    ///
    /// # Errors
    /// Terminal: [`Error::Validation`] (also: nothing to merge, no such branch),
    /// [`Error::MissingPermission`], [`Error::Archived`], [`Error::NotFound`],
    /// [`Error::Unauthorized`]. Transient, to be called again with `repeat`:
    /// [`Error::RateLimited`], [`Error::Unavailable`], [`Error::Server`], [`Error::Transport`].
    pub async fn ensure_pull_request(
        &self,
        repo: &Repository,
        pull: &PullRequest,
    ) -> Result<Opened, Error> {
        for branch in [&pull.head, &pull.base] {
            check_branch(branch).map_err(|message| Error::Validation {
                operation: OPEN,
                message,
            })?;
        }
        let title = cut(pull.title.trim(), TITLE_CHARS_MAX, "…").replace(['\r', '\n'], " ");
        let body = cut(&pull.body, BODY_CHARS_MAX, BODY_CUT);
        let wanted = CreatePull {
            title: &title,
            head: &pull.head,
            base: &pull.base,
            body: &body,
        };
        let end = self.ensure_pull(repo, &wanted, pull.repeat).await;
        match self.renamed(repo, end.as_ref().err()).await? {
            Some(now) => self.ensure_pull(&now, &wanted, true).await,
            None => end,
        }
    }

    async fn ensure_pull(
        &self,
        repo: &Repository,
        wanted: &CreatePull<'_>,
        mut look: bool,
    ) -> Result<Opened, Error> {
        let path = format!("/repos/{}/pulls", repo.full_name);
        let mut merged = None;
        let mut round = 0;
        loop {
            if look {
                let found = self.pulls(repo, wanted).await?;
                let (open, ended): (Vec<_>, Vec<_>) = found
                    .into_iter()
                    .partition(|pull| state(pull) == PullState::Open);
                if let Some(open) = open.into_iter().next() {
                    return self.update_pull(repo, wanted, open).await;
                }
                merged = ended
                    .into_iter()
                    .max_by_key(|pull| pull.number)
                    .filter(|pull| state(pull) == PullState::Merged);
            }
            let failed = match self.once(&Call::post(&path, wanted)).await {
                Ok::<PullAnswer, _>(opened) => return Ok(opened.into()),
                Err(failed) => failed,
            };
            if failed.is_without_commits()
                && let Some(merged) = merged
            {
                return Ok(merged.into());
            }
            let lost = failed.is_unanswered() || matches!(failed, Failed::Shape(_));
            let exists = failed.is_already_there();
            round += 1;
            if exists && round == OPEN_ROUNDS_MAX {
                return Err(Error::Unavailable { operation: LIST });
            }
            if !(lost || exists) || round == OPEN_ROUNDS_MAX {
                return Err(failed.into_error(OPEN));
            }
            if lost || look {
                tokio::time::sleep(self.pace.repeat(round)).await;
            }
            look = true;
        }
    }

    /// The pull requests from this branch to that one, newest first.
    async fn pulls(
        &self,
        repo: &Repository,
        wanted: &CreatePull<'_>,
    ) -> Result<Vec<PullAnswer>, Error> {
        let value = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let path = format!(
            "/repos/{}/pulls?head={}&base={}&state=all",
            repo.full_name,
            value(&format!("{}:{}", repo.owner, wanted.head)),
            value(wanted.base),
        );
        self.again(&Call::get(&path), |_| false)
            .await
            .map_err(|failed| failed.into_error(LIST))
    }

    async fn update_pull(
        &self,
        repo: &Repository,
        wanted: &CreatePull<'_>,
        open: PullAnswer,
    ) -> Result<Opened, Error> {
        let same =
            |one: &str, other: &str| one.replace("\r\n", "\n") == other.replace("\r\n", "\n");
        let body = open.body.as_deref().unwrap_or_default();
        if same(&open.title, wanted.title) && same(body, wanted.body) {
            return Ok(open.into());
        }
        let path = format!("/repos/{}/pulls/{}", repo.full_name, open.number);
        let update = UpdatePull {
            title: wanted.title,
            body: wanted.body,
        };
        self.again(&Call::patch(&path, &update), |_| false)
            .await
            .map(PullAnswer::into)
            .map_err(|failed| failed.into_error(UPDATE))
    }
}

/// The text within a limit of characters; what was cut ends in `note`.
fn cut(text: &str, chars_max: usize, note: &str) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let kept = chars_max.saturating_sub(note.chars().count());
    text.chars().take(kept).chain(note.chars()).collect()
}
