//! Who may call, and with what scopes.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::registry::RepositoryRecord;

/// First path segments of the API: an owner of that name would hide it.
const RESERVED_LOGINS: [&str; 5] = ["user", "orgs", "repos", "repositories", "rate_limit"];
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

impl Account {
    pub(super) fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }

    /// Whether the person stands behind this owner name, personally or as a member.
    pub(super) fn acts_for(&self, owner: &str) -> bool {
        self.login.eq_ignore_ascii_case(owner)
            || self
                .organizations
                .iter()
                .any(|organization| organization.eq_ignore_ascii_case(owner))
    }

    pub(super) fn may_read(&self, repository: &RepositoryRecord) -> bool {
        !repository.private || (self.acts_for(&repository.owner) && self.has_scope("repo"))
    }

    pub(super) fn may_write(&self, repository: &RepositoryRecord) -> bool {
        self.acts_for(&repository.owner) && self.may_handle(repository.private)
    }

    /// Whether the scopes reach repositories of this visibility at all.
    pub(super) fn may_handle(&self, private: bool) -> bool {
        self.has_scope("repo") || (!private && self.has_scope("public_repo"))
    }

    /// The address GitHub writes into commits it makes for a person.
    pub(super) fn email(&self) -> String {
        format!(
            "{}+{}@users.noreply.github.com",
            account_id(&self.login),
            self.login
        )
    }
}

/// A number for an owner, the same at every start because it is computed from the name.
pub(super) fn account_id(login: &str) -> u64 {
    let digest = Sha256::digest(login.to_ascii_lowercase().as_bytes());
    let mut bytes = [0_u8; 8];
    bytes[5..].copy_from_slice(&digest[..3]);
    u64::from_be_bytes(bytes) + 1
}

#[derive(Debug)]
pub(super) struct Accounts(Vec<std::sync::Arc<Account>>);

impl Accounts {
    pub(super) fn new(accounts: Vec<Account>) -> anyhow::Result<Self> {
        for account in &accounts {
            for login in std::iter::once(&account.login).chain(&account.organizations) {
                check_login(login)?;
            }
            anyhow::ensure!(
                !account.token.expose_secret().is_empty(),
                "the token of {} is empty",
                account.login
            );
        }
        Ok(Self(
            accounts.into_iter().map(std::sync::Arc::new).collect(),
        ))
    }

    pub(super) fn by_token(&self, token: &str) -> Option<std::sync::Arc<Account>> {
        self.0
            .iter()
            .find(|account| {
                let held = account.token.expose_secret().as_bytes();
                bool::from(held.ct_eq(token.as_bytes()))
            })
            .cloned()
    }
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
