//! Who may call, and what their tokens may do.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::app::{App, AppKey};
use super::operation::{Operation, Role};
use super::refusal::Refusal;
use super::registry::RepositoryRecord;

/// First path segments of the API: an owner of that name would hide it.
const RESERVED_LOGINS: [&str; 8] = [
    "user",
    "users",
    "orgs",
    "repos",
    "repositories",
    "rate_limit",
    "app",
    "apps",
];
const LOGIN_BYTES_MAX: usize = 39;

/// A person with one classic personal access token.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user name, `[A-Za-z0-9-]`, at most 39 characters, compared without case.
    pub login: String,
    /// What must follow `Bearer` or `token` in `Authorization`.
    pub token: SecretString,
    /// OAuth scopes of the token, such as `repo`, `public_repo`, `workflow`.
    pub scopes: Vec<String>,
    /// Organisations in which this person may create and change repositories.
    pub organizations: Vec<String>,
}

/// A fine-grained personal access token of a person who has an [`Account`].
#[derive(Clone, Debug)]
pub struct FineGrainedToken {
    /// Whose token it is.
    pub login: String,
    /// What must follow `Bearer` or `token` in `Authorization`.
    pub token: SecretString,
    /// The resource owner, the person or one organisation: nothing of others can be changed.
    pub owner: String,
    /// Names of the repositories it reaches; none is all of the owner's.
    pub repositories: Option<Vec<String>>,
    /// Permissions by GitHub's names, such as `contents`: `write`.
    pub permissions: BTreeMap<String, String>,
}

/// Rules of an organisation; one that is not listed has none.
#[derive(Clone, Debug)]
pub struct Organization {
    /// Its login.
    pub login: String,
    /// Whether members may create public repositories.
    pub members_create_public: bool,
    /// Whether members may create private repositories.
    pub members_create_private: bool,
    /// Whether single sign-on is enforced and no classic token has been authorised for it.
    pub sso: bool,
}

/// Who may use a stand-in besides its accounts. The default is nobody.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Fine-grained personal access tokens.
    pub tokens: Vec<FineGrainedToken>,
    /// Organisations with rules.
    pub organizations: Vec<Organization>,
    /// GitHub Apps and where they are installed.
    pub apps: Vec<App>,
}

/// Who calls.
#[derive(Debug)]
pub(super) struct Actor {
    /// A person's login, or an App's with `[bot]`.
    pub(super) login: String,
    organizations: Vec<String>,
    pub(super) grant: Grant,
}

/// What a credential may do.
#[derive(Debug)]
pub(super) enum Grant {
    Classic { scopes: Vec<String> },
    FineGrained(Reach),
    Installation(Reach),
    App { id: u64 },
}

/// The repositories and permissions of a limited token.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    pub(super) owner: String,
    pub(super) repositories: Option<Vec<String>>,
    pub(super) permissions: BTreeMap<String, String>,
}

impl Reach {
    fn holds(&self, record: &RepositoryRecord) -> bool {
        record.owner.eq_ignore_ascii_case(&self.owner)
            && self.repositories.as_ref().is_none_or(|names| {
                names
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(&record.name))
            })
    }

    /// Whether one alternative of an `x-accepted-github-permissions` header is held.
    fn satisfies(&self, accepted: &str) -> bool {
        accepted.split(';').any(|alternative| {
            alternative
                .split(',')
                .filter_map(|one| one.trim().split_once('='))
                .all(|(name, level)| self.has(name, level))
        })
    }

    fn has(&self, name: &str, level: &str) -> bool {
        // Every limited token may read metadata.
        let held = self.permissions.get(name).map(String::as_str);
        (name == "metadata" && level == "read")
            || matches!(
                (held, level),
                (Some("write" | "admin"), _) | (Some("read"), "read")
            )
    }
}

impl Actor {
    pub(super) fn app(app: &App) -> Self {
        Self::bot(&app.slug, Grant::App { id: app.id })
    }

    pub(super) fn installation(app: &App, reach: Reach) -> Self {
        Self::bot(&app.slug, Grant::Installation(reach))
    }

    fn bot(slug: &str, grant: Grant) -> Self {
        Self {
            login: format!("{slug}[bot]"),
            organizations: Vec::new(),
            grant,
        }
    }

    pub(super) fn has_scope(&self, scope: &str) -> bool {
        match &self.grant {
            Grant::Classic { scopes } => scopes.iter().any(|held| held == scope),
            Grant::FineGrained(_) | Grant::Installation(_) | Grant::App { .. } => false,
        }
    }

    /// Whether the person stands behind this owner name, personally or as a member.
    pub(super) fn acts_for(&self, owner: &str) -> bool {
        self.login.eq_ignore_ascii_case(owner) || self.organization(owner).is_some()
    }

    /// The organisation of this name, as it is written, if the person is a member.
    pub(super) fn organization(&self, owner: &str) -> Option<&str> {
        self.organizations
            .iter()
            .find(|name| name.eq_ignore_ascii_case(owner))
            .map(String::as_str)
    }

    pub(super) fn may_read(&self, record: &RepositoryRecord) -> bool {
        !record.private
            || match &self.grant {
                Grant::Classic { .. } => self.acts_for(&record.owner) && self.has_scope("repo"),
                Grant::FineGrained(reach) => self.acts_for(&record.owner) && reach.holds(record),
                Grant::Installation(reach) => reach.holds(record),
                Grant::App { .. } => false,
            }
    }

    /// Whether this repository may be pushed to.
    pub(super) fn may_push(&self, record: &RepositoryRecord) -> bool {
        self.may(record, Operation::UpdateReference).is_ok()
    }

    /// Whether a call about a repository that may be read is allowed.
    pub(super) fn may(
        &self,
        record: &RepositoryRecord,
        operation: Operation,
    ) -> Result<(), Refusal> {
        let role = operation.role();
        let (reach, acts) = match &self.grant {
            Grant::Classic { .. } => {
                let owns = self.acts_for(&record.owner) && self.may_handle(record.private);
                return match role {
                    Role::Writer if !owns => Err(Refusal::not_found()),
                    Role::Admin if !owns => {
                        Err(Refusal::forbidden("Must have admin rights to Repository."))
                    }
                    Role::Nobody | Role::Reader | Role::Writer | Role::Admin => Ok(()),
                };
            }
            Grant::App { .. } => return Err(self.not_accessible()),
            Grant::FineGrained(reach) => (reach, self.acts_for(&record.owner)),
            Grant::Installation(reach) => (reach, true),
        };
        let free = role == Role::Reader && !record.private;
        let granted =
            acts && reach.holds(record) && reach.satisfies(operation.accepted_permissions());
        if free || granted {
            Ok(())
        } else {
            Err(self.not_accessible())
        }
    }

    /// Whether classic scopes reach repositories of this visibility at all.
    pub(super) fn may_handle(&self, private: bool) -> bool {
        self.has_scope("repo") || (!private && self.has_scope("public_repo"))
    }

    /// Files below `.github/workflows` need more than the right to write.
    pub(super) fn require_workflows(&self) -> Result<(), Refusal> {
        match &self.grant {
            Grant::Classic { .. } if self.has_scope("workflow") => Ok(()),
            // As GitHub: a token without the scope is told that there is nothing.
            Grant::Classic { .. } => Err(Refusal::not_found()),
            Grant::FineGrained(reach) | Grant::Installation(reach)
                if reach.has("workflows", "write") =>
            {
                Ok(())
            }
            Grant::FineGrained(_) | Grant::Installation(_) | Grant::App { .. } => {
                Err(self.not_accessible())
            }
        }
    }

    /// Whether a repository may be created for this owner.
    pub(super) fn may_create(
        &self,
        owner: &str,
        private: bool,
        operation: Operation,
    ) -> Result<(), Refusal> {
        match &self.grant {
            Grant::Classic { .. } if self.may_handle(private) => Ok(()),
            Grant::Classic { .. } => Err(Refusal::not_found()),
            Grant::FineGrained(reach) | Grant::Installation(reach)
                if reach.owner.eq_ignore_ascii_case(owner)
                    && reach.satisfies(operation.accepted_permissions()) =>
            {
                Ok(())
            }
            Grant::FineGrained(_) | Grant::Installation(_) | Grant::App { .. } => {
                Err(self.not_accessible())
            }
        }
    }

    pub(super) fn is_person(&self) -> bool {
        match &self.grant {
            Grant::Classic { .. } | Grant::FineGrained(_) => true,
            Grant::Installation(_) | Grant::App { .. } => false,
        }
    }

    /// GitHub's refusal of what a limited token has not been given.
    pub(super) fn not_accessible(&self) -> Refusal {
        let kind = if self.is_person() {
            "personal access token"
        } else {
            "integration"
        };
        Refusal::forbidden(format!("Resource not accessible by {kind}"))
    }

    /// The address GitHub writes into commits it makes for a person.
    pub(super) fn email(&self) -> String {
        let id = account_id(&self.login);
        format!("{id}+{}@users.noreply.github.com", self.login)
    }
}

/// A number for an owner, the same at every start because it is computed from the name.
pub(super) fn account_id(login: &str) -> u64 {
    let digest = Sha256::digest(login.to_ascii_lowercase().as_bytes());
    let mut bytes = [0_u8; 8];
    bytes[5..].copy_from_slice(&digest[..3]);
    u64::from_be_bytes(bytes) + 1
}

/// A token that was handed out: until when it is good, and for whom.
type Minted = (Timestamp, Arc<Actor>);

/// Everybody who is known, and the tokens of installations that have been handed out.
#[derive(Debug)]
pub(super) struct Accounts {
    holders: Vec<(SecretString, Arc<Actor>)>,
    organizations: Vec<Organization>,
    pub(super) apps: Vec<(App, AppKey)>,
    /// By the token's digest; in memory only, as clients ask again when one is not known.
    minted: Mutex<HashMap<[u8; 32], Minted>>,
}

impl Accounts {
    pub(super) fn new(accounts: Vec<Account>, access: Access) -> anyhow::Result<Self> {
        let mut organizations = access.organizations;
        for organization in accounts.iter().flat_map(|account| &account.organizations) {
            let known = organizations
                .iter()
                .any(|known| known.login.eq_ignore_ascii_case(organization));
            if !known {
                organizations.push(Organization {
                    login: organization.clone(),
                    members_create_public: true,
                    members_create_private: true,
                    sso: false,
                });
            }
        }
        for login in organizations.iter().map(|organization| &organization.login) {
            check_login(login)?;
        }
        let mut holders = Vec::new();
        for token in access.tokens {
            let owner = accounts
                .iter()
                .find(|account| account.login.eq_ignore_ascii_case(&token.login));
            anyhow::ensure!(owner.is_some(), "{} has no account", token.login);
            let reach = Reach {
                owner: token.owner,
                repositories: token.repositories,
                permissions: token.permissions,
            };
            let actor = Actor {
                login: token.login,
                organizations: owner
                    .map(|owner| owner.organizations.clone())
                    .unwrap_or_default(),
                grant: Grant::FineGrained(reach),
            };
            holders.push((token.token, Arc::new(actor)));
        }
        for account in accounts {
            check_login(&account.login)?;
            let actor = Actor {
                login: account.login,
                organizations: account.organizations,
                grant: Grant::Classic {
                    scopes: account.scopes,
                },
            };
            holders.push((account.token, Arc::new(actor)));
        }
        for (token, actor) in &holders {
            anyhow::ensure!(
                !token.expose_secret().is_empty(),
                "the token of {} is empty",
                actor.login
            );
        }
        let apps = access
            .apps
            .into_iter()
            .map(|app| AppKey::of(&app).map(|key| (app, key)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            holders,
            organizations,
            apps,
            minted: Mutex::default(),
        })
    }

    /// Whoever holds a token.
    pub(super) fn by_token(&self, token: &str, now: Timestamp) -> Option<Arc<Actor>> {
        let held = self
            .holders
            .iter()
            .find(|(held, _)| bool::from(held.expose_secret().as_bytes().ct_eq(token.as_bytes())));
        if let Some((_, actor)) = held {
            return Some(Arc::clone(actor));
        }
        let minted = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        minted
            .get(&digest(token))
            .filter(|(expires, _)| *expires > now)
            .map(|(_, actor)| Arc::clone(actor))
    }

    /// Remembers an installation's token until it expires.
    pub(super) fn mint(&self, token: &str, actor: Actor, expires: Timestamp, now: Timestamp) {
        let mut minted = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        minted.retain(|_, (expires, _)| *expires > now);
        minted.insert(digest(token), (expires, Arc::new(actor)));
    }

    pub(super) fn organization(&self, login: &str) -> Option<&Organization> {
        self.organizations
            .iter()
            .find(|organization| organization.login.eq_ignore_ascii_case(login))
    }

    /// The login of a person, as it is written.
    pub(super) fn person(&self, login: &str) -> Option<&str> {
        self.holders
            .iter()
            .map(|(_, actor)| actor.login.as_str())
            .find(|known| known.eq_ignore_ascii_case(login))
    }

    /// Refuses a classic token that single sign-on keeps out of an owner's things.
    pub(super) fn require_sign_on(&self, actor: &Actor, owner: &str) -> Result<(), Refusal> {
        let enforced = self.organization(owner).is_some_and(|known| known.sso);
        match &actor.grant {
            Grant::Classic { .. } if enforced => Err(Refusal::sign_on(owner)),
            Grant::Classic { .. }
            | Grant::FineGrained(_)
            | Grant::Installation(_)
            | Grant::App { .. } => Ok(()),
        }
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn check_login(login: &str) -> anyhow::Result<()> {
    let legal = !login.is_empty()
        && login.len() <= LOGIN_BYTES_MAX
        && !login.starts_with('-')
        && login
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    anyhow::ensure!(legal, "`{login}` is not a legal user name");
    anyhow::ensure!(
        !RESERVED_LOGINS.contains(&login.to_ascii_lowercase().as_str()),
        "`{login}` is a path of the API"
    );
    Ok(())
}
