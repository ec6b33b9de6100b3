//! Making a repository exactly once.

use crate::client::{Call, Client};
use crate::error::Error;
use crate::refusal::Failed;
use crate::wire::{Account, CreateRepository, RepositoryAnswer};

/// The most characters of a repository's name.
const NAME_CHARS_MAX: usize = 100;

/// The most characters of a repository's description; GitHub refuses more, and control characters.
const DESCRIPTION_CHARS_MAX: usize = 350;

/// How often the creation is sent: again only after a look that found nothing.
const CREATE_ROUNDS_MAX: u32 = 3;

const CREATE: &str = "create the repository";
const LOOK: &str = "read the repository";

/// The repository that shall exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRepository {
    /// `None`: the account of the token (`POST /user/repos`, not open to GitHub Apps).
    /// `Some`: an organization.
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
    /// Whether an earlier attempt may have created it: then look first.
    pub looked_before: bool,
}

/// A repository that exists and is ours.
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
    /// [`Error::NotFound`] (no such organization), [`Error::Validation`]. Transient, to be repeated
    /// with `looked_before`: [`Error::RateLimited`], [`Error::Unavailable`], [`Error::Server`],
    /// [`Error::Transport`].
    pub async fn ensure_repository(&self, new: &NewRepository) -> Result<Repository, Error> {
        check(new)?;
        let mut look = new.looked_before;
        let mut round = 0;
        loop {
            if look && let Some(found) = self.find(new).await? {
                return adopt(new, found);
            }
            let failed = match self.create(new).await {
                Ok(created) => return Ok(created.into()),
                Err(failed) => failed,
            };
            if failed.is_name_taken() {
                return self.look_until_visible(new, look).await;
            }
            let lost = failed.is_unanswered() || matches!(failed, Failed::Shape(_));
            round += 1;
            if !lost || round == CREATE_ROUNDS_MAX {
                return Err(failed.into_error(CREATE));
            }
            tokio::time::sleep(self.pace.repeat(round)).await;
            look = true;
        }
    }

    async fn create(&self, new: &NewRepository) -> Result<RepositoryAnswer, Failed> {
        let path = match &new.owner {
            Some(organization) => format!("/orgs/{organization}/repos"),
            None => "/user/repos".to_owned(),
        };
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
        self.once(&Call::post(&path, &body)).await
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
    ) -> Result<Repository, Error> {
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
        let owner = match (&new.owner, self.login.get()) {
            (Some(owner), _) => owner.clone(),
            (None, Some(login)) => login.clone(),
            (None, None) => {
                let account: Account = self
                    .again(&Call::get("/user"), |_| false)
                    .await
                    .map_err(|failed| failed.into_error("read the token's account"))?;
                self.login.get_or_init(|| account.login).clone()
            }
        };
        Ok(format!("{owner}/{}", new.name))
    }
}

fn is_ours(new: &NewRepository, found: &RepositoryAnswer) -> bool {
    found.homepage.as_deref() == Some(new.marker.as_str())
}

fn adopt(new: &NewRepository, found: RepositoryAnswer) -> Result<Repository, Error> {
    if is_ours(new, &found) {
        Ok(found.into())
    } else {
        Err(Error::NameTaken {
            full_name: found.full_name,
        })
    }
}

/// What goes into URLs is checked, so that it cannot lead elsewhere.
fn check(new: &NewRepository) -> Result<(), Error> {
    let refuse = |message: &str| {
        Err(Error::Validation {
            operation: CREATE,
            message: message.to_owned(),
        })
    };
    let plain = |text: &str| {
        text.chars()
            .all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.'))
    };
    let name = new.name.as_str();
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !plain(name) {
        return refuse("the name must be 1 to 100 letters, digits, `.`, `_` or `-`");
    }
    if matches!(name, "." | "..") || name.ends_with(".git") || name.ends_with(".wiki") {
        return refuse("the name is reserved");
    }
    if let Some(owner) = &new.owner
        && (owner.is_empty() || !plain(owner) || owner.starts_with('.'))
    {
        return refuse("the owner is not a login");
    }
    if new.marker.trim().is_empty() {
        return refuse("the marker is empty");
    }
    Ok(())
}
