//! Making a repository exactly once.

use serde::de::IgnoredAny;

use crate::auth::Credentials;
use crate::client::{Call, Client};
use crate::error::Error;
use crate::refusal::Failed;
use crate::wire::{Account, CreateRepository, Permissions, ReplaceTopics, RepositoryAnswer};

/// The most characters of a repository's name.
const NAME_CHARS_MAX: usize = 100;

/// The most characters of a repository's description; GitHub refuses more, and control characters.
const DESCRIPTION_CHARS_MAX: usize = 350;

/// How often the creation is sent: again only after a look that found nothing.
const CREATE_ROUNDS_MAX: u32 = 3;

/// The most topics of a repository.
const TOPICS_MAX: usize = 20;

/// The most characters of a topic.
const TOPIC_CHARS_MAX: usize = 50;

pub(crate) const CREATE: &str = "create the repository";
pub(crate) const LOOK: &str = "read the repository";
pub(crate) const TOPICS: &str = "set the topics";
const WRITE: &str = "write to the repository";

/// The repository that shall exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRepository {
    /// `None`: the account of the token (`POST /user/repos`, not open to GitHub Apps).
    /// `Some`: an organization, or the login of the token's account, which costs two requests more
    /// than `None`.
    pub owner: Option<String>,
    /// 1 to 100 of `A-Z a-z 0-9 . _ -`.
    pub name: String,
    /// Shown under the name; control characters become spaces, cut at 350 characters.
    pub description: String,
    /// Whether only invited people see it.
    pub private: bool,
    /// A URL only this project has. It becomes the `homepage` and tells our repository from
    /// somebody's, so it must not change between attempts.
    pub marker: String,
    /// At most 20 of at most 50 of `a-z 0-9 -`, not beginning with `-`; upper case becomes lower
    /// case. Set when there are any and the repository has none: one more request.
    pub topics: Vec<String>,
    /// Whether an earlier attempt may have created it: then look first.
    pub looked_before: bool,
}

/// A repository that exists and may be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Stays the same when the repository is renamed.
    pub id: u64,
    /// The login of the owner.
    pub owner: String,
    /// The name as GitHub spells it.
    pub name: String,
    /// `owner/name`.
    pub full_name: String,
    /// The branch to publish to, from the owner's settings; often `main`.
    pub default_branch: String,
    /// The page for people.
    pub html_url: String,
    /// The HTTPS URL for `git clone`.
    pub clone_url: String,
    /// Our marker, unless somebody edited it later.
    pub homepage: Option<String>,
    /// Whether only invited people see it.
    pub private: bool,
}

impl From<RepositoryAnswer> for Repository {
    fn from(answer: RepositoryAnswer) -> Self {
        Self {
            id: answer.id,
            owner: answer.owner.login,
            name: answer.name,
            full_name: answer.full_name,
            default_branch: answer.default_branch,
            html_url: answer.html_url,
            clone_url: answer.clone_url,
            homepage: answer.homepage,
            private: answer.private,
        }
    }
}

impl Client {
    /// Makes sure that the repository exists and is ours, with an initial commit in it.
    ///
    /// # Idempotency
    /// Key: owner, name and marker. A first attempt posts at once: one request. After "name already
    /// exists", a lost answer, or with `looked_before`, it looks: a repository with our marker is
    /// adopted, also when it was renamed since; the creation is sent again only when there is none.
    ///
    /// # Errors
    /// Terminal: [`Error::NameTaken`], [`Error::Unauthorized`], [`Error::MissingPermission`],
    /// [`Error::Policy`], [`Error::Archived`], [`Error::Validation`] (also: no such organization,
    /// an App in a personal account). Transient, to be repeated with `looked_before`:
    /// [`Error::RateLimited`], [`Error::Unavailable`], [`Error::Server`], [`Error::Transport`].
    pub async fn ensure_repository(&self, new: &NewRepository) -> Result<Repository, Error> {
        let topics = check(new)?;
        let found = self.ensure(new).await?;
        if found.archived {
            return Err(Error::Archived { operation: WRITE });
        }
        if !topics.is_empty() && found.topics.is_empty() {
            self.set_topics(&found.full_name, &topics).await?;
        }
        Ok(found.into())
    }

    /// Reads a repository that somebody made. One request, one more when it was renamed.
    ///
    /// # Errors
    /// Terminal: [`Error::NotFound`], [`Error::Archived`], [`Error::MissingPermission`] (it cannot
    /// be pushed to), [`Error::Unauthorized`], [`Error::Validation`] (not `owner/name`). Transient:
    /// [`Error::RateLimited`], [`Error::Server`], [`Error::Transport`].
    pub async fn existing_repository(&self, full_name: &str) -> Result<Repository, Error> {
        let named = full_name
            .split_once('/')
            .is_some_and(|(owner, name)| is_login(owner) && is_name(name));
        if !named {
            return Err(Error::Validation {
                operation: LOOK,
                message: format!("`{full_name}` is not of the form owner/name"),
            });
        }
        let path = format!("/repos/{full_name}");
        let found: RepositoryAnswer = self
            .again(&Call::get(&path), |_| false)
            .await
            .map_err(|failed| failed.into_error(LOOK))?;
        if found.archived {
            return Err(Error::Archived { operation: WRITE });
        }
        // An installation's token is told "no push" whatever it may do.
        let may_push = !matches!(found.permissions, Some(Permissions { push: false }));
        if !may_push && !self.credentials.is_installation() {
            return Err(Error::MissingPermission {
                operation: WRITE,
                needed: Some("contents=write".to_owned()),
                message: format!(
                    "its account can only read `{}`; ask its owner for write access, or use \
                     another token",
                    found.full_name
                ),
            });
        }
        Ok(found.into())
    }

    /// The repository under its new name, if that is why something failed: then the caller does
    /// it once more there.
    pub(crate) async fn renamed(
        &self,
        repo: &Repository,
        failed: Option<&Error>,
    ) -> Result<Option<Repository>, Error> {
        if !matches!(failed, Some(Error::Renamed { .. })) {
            return Ok(None);
        }
        let now = self.existing_repository(&repo.full_name).await?;
        Ok(Some(now).filter(|now| now.id == repo.id && now.full_name != repo.full_name))
    }

    async fn ensure(&self, new: &NewRepository) -> Result<RepositoryAnswer, Error> {
        self.refuse_app_of_a_person(new).await?;
        let mut look = new.looked_before;
        let mut round = 0;
        loop {
            if look && let Some(found) = self.find(new).await? {
                return adopt(new, found);
            }
            let failed = match self.create(new).await {
                Ok(created) => return Ok(created),
                Err(failed) => failed,
            };
            if failed.is_name_taken() {
                return self.look_until_visible(new, look).await;
            }
            let lost = failed.is_unanswered() || matches!(failed, Failed::Shape(_));
            round += 1;
            if !lost || round == CREATE_ROUNDS_MAX {
                return Err(refused(new, failed));
            }
            tokio::time::sleep(self.pace.repeat(round)).await;
            look = true;
        }
    }

    /// GitHub answers an App that asks for a repository in a personal account with just 404.
    async fn refuse_app_of_a_person(&self, new: &NewRepository) -> Result<(), Error> {
        let app = matches!(*self.credentials, Credentials::App(_));
        if app && (new.owner.is_none() || self.is_app_of_a_person().await?) {
            return Err(no_person(new.owner.as_deref()));
        }
        Ok(())
    }

    async fn create(&self, new: &NewRepository) -> Result<RepositoryAnswer, Failed> {
        let Some(owner) = &new.owner else {
            return self.create_at("/user/repos", new).await;
        };
        let is_own = |login: &str| login.eq_ignore_ascii_case(owner);
        if self.login.get().is_some_and(|login| is_own(login)) {
            return self.create_at("/user/repos", new).await;
        }
        match self.create_at(&format!("/orgs/{owner}/repos"), new).await {
            Err(failed) if failed.is_absent() => {}
            end => return end,
        }
        let stopped = |error| Failed::Stopped(Box::new(error));
        if matches!(*self.credentials, Credentials::App(_)) {
            return Err(stopped(no_person(Some(owner))));
        }
        let login = self.own_login().await.map_err(stopped)?;
        if is_own(&login) {
            return self.create_at("/user/repos", new).await;
        }
        Err(stopped(Error::Validation {
            operation: CREATE,
            message: format!(
                "`{owner}` is neither an organization that the token can see nor its own account, \
                 which is `{login}`"
            ),
        }))
    }

    async fn create_at(&self, path: &str, new: &NewRepository) -> Result<RepositoryAnswer, Failed> {
        let description: String = new
            .description
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .take(DESCRIPTION_CHARS_MAX)
            .collect();
        let body = CreateRepository {
            name: &new.name,
            description: description.trim(),
            homepage: &new.marker,
            private: new.private,
            auto_init: true,
        };
        self.once(&Call::post(path, &body)).await
    }

    /// Replaces the topics, which is the same however often it happens.
    async fn set_topics(&self, full_name: &str, topics: &[String]) -> Result<(), Error> {
        let path = format!("/repos/{full_name}/topics");
        let body = ReplaceTopics { names: topics };
        self.when_visible::<_, IgnoredAny>(&Call::put(&path, &body), |_| false)
            .await
            .map(|_| ())
            .map_err(|failed| failed.into_error(TOPICS))
    }

    /// One look by name. `None`: nothing visible has this name.
    async fn find(&self, new: &NewRepository) -> Result<Option<RepositoryAnswer>, Error> {
        let full_name = self.full_name(new).await?;
        let path = format!("/repos/{full_name}");
        let found: RepositoryAnswer = match self.again(&Call::get(&path), |_| false).await {
            Ok(found) => found,
            Err(failed) if failed.is_not_found() => return Ok(None),
            Err(failed) => return Err(failed.into_error(LOOK)),
        };
        // The old name of a renamed repository leads to it, but is free for a new one.
        let renamed = !found.full_name.eq_ignore_ascii_case(&full_name);
        Ok(Some(found).filter(|found| !renamed || is_ours(new, found)))
    }

    /// Looks for the repository that has the name, which may not be visible for some seconds.
    async fn look_until_visible(
        &self,
        new: &NewRepository,
        maybe_ours: bool,
    ) -> Result<RepositoryAnswer, Error> {
        let mut attempt = 0;
        loop {
            if let Some(found) = self.find(new).await? {
                return adopt(new, found);
            }
            let Some(delay) = self.pace.visible(attempt) else {
                break;
            };
            tokio::time::sleep(delay).await;
            attempt += 1;
        }
        if maybe_ours {
            return Err(Error::Unavailable { operation: LOOK });
        }
        // Nobody of us made it, and the token cannot see it.
        Err(Error::NameTaken {
            full_name: self.full_name(new).await?,
        })
    }

    /// `owner/name`. Asks for the login of the token's account at most once.
    async fn full_name(&self, new: &NewRepository) -> Result<String, Error> {
        let owner = match &new.owner {
            Some(owner) => owner.clone(),
            None => self.own_login().await?,
        };
        Ok(format!("{owner}/{}", new.name))
    }

    async fn own_login(&self) -> Result<String, Error> {
        if let Some(login) = self.login.get() {
            return Ok(login.clone());
        }
        let account: Account = self
            .again(&Call::get("/user"), |_| false)
            .await
            .map_err(|failed| failed.into_error("read the token's account"))?;
        Ok(self.login.get_or_init(|| account.login).clone())
    }
}

/// The error of a creation that GitHub refused; where an organization did, it is named.
fn refused(new: &NewRepository, failed: Failed) -> Error {
    match (&new.owner, failed.policy()) {
        (Some(owner), Some(message)) => Error::Policy {
            owner: owner.clone(),
            operation: CREATE,
            message,
        },
        (Some(_) | None, _) => failed.into_error(CREATE),
    }
}

/// The error of an App that was asked to create something where it cannot.
fn no_person(owner: Option<&str>) -> Error {
    let place = owner.map_or_else(String::new, |owner| {
        format!(" (`{owner}` is no organization that it can see)")
    });
    Error::Validation {
        operation: CREATE,
        message: format!(
            "a GitHub App cannot create a repository in a personal account{place}; name an \
             organization, use a token, or choose an existing repository"
        ),
    }
}

fn is_ours(new: &NewRepository, found: &RepositoryAnswer) -> bool {
    found.homepage.as_deref() == Some(new.marker.as_str())
}

fn adopt(new: &NewRepository, found: RepositoryAnswer) -> Result<RepositoryAnswer, Error> {
    if is_ours(new, &found) {
        Ok(found)
    } else {
        Err(Error::NameTaken {
            full_name: found.full_name,
        })
    }
}

/// Whether it can be the login of a person or an organization, and nothing else in a URL.
pub(crate) fn is_login(text: &str) -> bool {
    !text.is_empty() && is_plain(text) && !text.starts_with('.')
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_CHARS_MAX
        && is_plain(text)
        && !matches!(text, "." | "..")
}

fn is_plain(text: &str) -> bool {
    text.chars()
        .all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.'))
}

/// What goes into URLs is checked, so that it cannot lead elsewhere; returns the topics.
fn check(new: &NewRepository) -> Result<Vec<String>, Error> {
    let refuse = |message: &str| {
        Err(Error::Validation {
            operation: CREATE,
            message: message.to_owned(),
        })
    };
    let name = new.name.as_str();
    if !is_name(name) && !matches!(name, "." | "..") {
        return refuse("the name must be 1 to 100 letters, digits, `.`, `_` or `-`");
    }
    if matches!(name, "." | "..") || name.ends_with(".git") || name.ends_with(".wiki") {
        return refuse("the name is reserved");
    }
    if new.owner.as_deref().is_some_and(|owner| !is_login(owner)) {
        return refuse("the owner is not a login");
    }
    if new.marker.trim().is_empty() {
        return refuse("the marker is empty");
    }
    let mut topics = Vec::new();
    for topic in &new.topics {
        let topic = topic.to_lowercase();
        let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
        let fits = !topic.is_empty() && topic.len() <= TOPIC_CHARS_MAX;
        if !fits || topic.starts_with('-') || !topic.chars().all(plain) {
            return refuse("a topic must be 1 to 50 of `a-z`, `0-9` and `-`, not `-` first");
        }
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    if topics.len() > TOPICS_MAX {
        return refuse("there are more than 20 topics");
    }
    Ok(topics)
}
