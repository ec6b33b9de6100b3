//! Secrets and variables of a repository's Actions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::PublicKey;
use crypto_box::aead::OsRng;
use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;

use crate::client::{Call, Client};
use crate::error::Error;
use crate::refusal::Failed;
use crate::repository::Repository;
use crate::wire::{PublicKeyAnswer, PutSecret, PutVariable};

/// The most bytes of a value; GitHub refuses more than 48 KB.
const VALUE_BYTES_MAX: usize = 48 * 1024;

/// How a name must not begin.
const RESERVED: &str = "GITHUB_";

pub(crate) const SECRETS: &str = "set the Actions secrets";
pub(crate) const VARIABLES: &str = "set the Actions variables";

impl Client {
    /// Sets secrets, by name; others stay. The values are sealed here with the repository's key,
    /// and are in no error and no log. One request, and one for each; none for none.
    ///
    /// # Idempotency
    /// Key: the name; setting a value twice changes nothing.
    ///
    /// # Errors
    /// Terminal: [`Error::Validation`] (a name or a size GitHub refuses),
    /// [`Error::MissingPermission`], [`Error::Archived`], [`Error::NotFound`],
    /// [`Error::Unauthorized`]. Transient: [`Error::RateLimited`], [`Error::Unavailable`],
    /// [`Error::Server`], [`Error::Transport`].
    pub async fn set_secrets(
        &self,
        repo: &Repository,
        secrets: &[(String, SecretString)],
    ) -> Result<(), Error> {
        for (name, value) in secrets {
            check(SECRETS, name, value.expose_secret())?;
        }
        if secrets.is_empty() {
            return Ok(());
        }
        let end = self.put_secrets(repo, secrets).await;
        match self.renamed(repo, end.as_ref().err()).await? {
            Some(now) => self.put_secrets(&now, secrets).await,
            None => end,
        }
    }

    /// Sets variables, by name; others stay. One request for each, two for a new one.
    ///
    /// # Idempotency
    /// As for [`Client::set_secrets`].
    ///
    /// # Errors
    /// As for [`Client::set_secrets`].
    pub async fn set_variables(
        &self,
        repo: &Repository,
        variables: &[(String, String)],
    ) -> Result<(), Error> {
        for (name, value) in variables {
            check(VARIABLES, name, value)?;
        }
        let end = self.put_variables(repo, variables).await;
        match self.renamed(repo, end.as_ref().err()).await? {
            Some(now) => self.put_variables(&now, variables).await,
            None => end,
        }
    }

    async fn put_secrets(
        &self,
        repo: &Repository,
        secrets: &[(String, SecretString)],
    ) -> Result<(), Error> {
        let root = format!("/repos/{}/actions/secrets", repo.full_name);
        let path = format!("{root}/public-key");
        let answer: PublicKeyAnswer = self
            .when_visible(&Call::get(&path), |_| false)
            .await
            .map_err(|failed| failed.into_error(SECRETS))?;
        let key = STANDARD
            .decode(&answer.key)
            .ok()
            .and_then(|bytes| PublicKey::from_slice(&bytes).ok())
            .ok_or_else(|| sealing("GitHub's key is not one"))?;
        for (name, value) in secrets {
            let sealed = key
                .seal(&mut OsRng, value.expose_secret().as_bytes())
                .map_err(|_| sealing("a value cannot be sealed"))?;
            let path = format!("{root}/{name}");
            let body = PutSecret {
                encrypted_value: &STANDARD.encode(sealed),
                key_id: &answer.key_id,
            };
            self.when_visible::<_, IgnoredAny>(&Call::put(&path, &body), |_| false)
                .await
                .map_err(|failed| failed.into_error(SECRETS))?;
        }
        Ok(())
    }

    async fn put_variables(
        &self,
        repo: &Repository,
        variables: &[(String, String)],
    ) -> Result<(), Error> {
        for (name, value) in variables {
            self.put_variable(repo, name, value).await?;
        }
        Ok(())
    }

    async fn put_variable(&self, repo: &Repository, name: &str, value: &str) -> Result<(), Error> {
        let root = format!("/repos/{}/actions/variables", repo.full_name);
        let path = format!("{root}/{name}");
        let body = PutVariable { name, value };
        let update = Call::patch(&path, &body);
        let create = Call::post(&root, &body);
        let mut end = self.again::<_, IgnoredAny>(&update, |_| false).await;
        if end.as_ref().is_err_and(Failed::is_absent) {
            end = self.when_visible(&create, Failed::is_already_there).await;
        }
        // The answer to an earlier creation was lost, or somebody was faster.
        if end.as_ref().is_err_and(Failed::is_already_there) {
            end = self.again(&update, |_| false).await;
        }
        end.map(|_| ())
            .map_err(|failed| failed.into_error(VARIABLES))
    }
}

fn sealing(message: &str) -> Error {
    Error::Validation {
        operation: SECRETS,
        message: message.to_owned(),
    }
}

fn check(operation: &'static str, name: &str, value: &str) -> Result<(), Error> {
    let plain = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let starts = name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    let reserved = name.to_ascii_uppercase().starts_with(RESERVED);
    let reason = if !starts || !name.chars().all(plain) || reserved {
        "must be letters, digits and `_`, not begin with a digit, and not with `GITHUB_`"
    } else if value.len() > VALUE_BYTES_MAX {
        "is longer than 48 KB"
    } else {
        return Ok(());
    };
    Err(Error::Validation {
        operation,
        message: format!("`{name}` {reason}"),
    })
}
