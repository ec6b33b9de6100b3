//! What the task's owner has set: credentials that take the place of the settings'.

use appwrite::Row;
use pipeline::{Code, Failure};
use secrecy::{ExposeSecret, SecretString};

use super::Performer;
use crate::credentials::{
    AppwriteCredential, GitHubCredential, Kind, TABLE, Unusable, open_appwrite, open_github, row_id,
};
use crate::trouble::Trouble;

impl Performer<'_> {
    /// The owner's GitHub credential, if there is one.
    ///
    /// # Errors
    /// `not_configured` if it can not be opened; a store that does not answer.
    pub(super) async fn own_github(&self) -> Result<Option<GitHubCredential>, Trouble> {
        let Some(own) = self.own(Kind::GitHub, open_github).await? else {
            return Ok(None);
        };
        self.redactor.learn(own.secrets());
        Ok(Some(own))
    }

    /// The owner's project, if there is one.
    ///
    /// # Errors
    /// As [`Performer::own_github`].
    pub(super) async fn own_appwrite(&self) -> Result<Option<AppwriteCredential>, Trouble> {
        let Some(own) = self.own(Kind::Appwrite, open_appwrite).await? else {
            return Ok(None);
        };
        self.redactor.learn([own.key.expose_secret()]);
        Ok(Some(own))
    }

    async fn own<T>(
        &self,
        kind: Kind,
        open: fn(&SecretString, &str, &str) -> Result<T, Unusable>,
    ) -> Result<Option<T>, Trouble> {
        let Some(secret_key) = &self.clients.settings().credentials_secret_key else {
            return Ok(None);
        };
        let row = self.own_row().await?;
        let Some(column) = row.as_ref().and_then(|row| row.text(kind.as_str())) else {
            return Ok(None);
        };
        match open(secret_key, self.attempt.owner, column) {
            Ok(own) => Ok(Some(own)),
            Err(cause) => Err(Trouble::Terminal(unusable(kind, cause))),
        }
    }

    /// The owner's row, read once an execution.
    async fn own_row(&self) -> Result<&Option<Row>, Trouble> {
        let id = row_id(self.attempt.owner);
        self.own_row
            .get_or_try_init(|| self.store.get(TABLE, &id))
            .await
    }

    /// The failure, with the hint that its reason may be what the owner has set.
    pub(super) fn hinted(&self, mut failure: Failure) -> Failure {
        let has = |kind: Kind| {
            let row = self.own_row.get().and_then(Option::as_ref);
            row.is_some_and(|row| row.text(kind.as_str()).is_some())
        };
        let used = [
            (Code::PublishFailed, Kind::GitHub),
            (Code::DeployFailed, Kind::Appwrite),
        ];
        let kind = used.into_iter().find(|(code, _)| *code == failure.code);
        let Some((_, kind)) = kind.filter(|(_, kind)| has(*kind)) else {
            return failure;
        };
        let hint = format!(
            " This was done with your own credentials: see `orchestrator credentials show`, and set those of {} again if they are wrong.",
            kind.as_str()
        );
        failure.message.push_str(&hint);
        failure
    }
}

fn unusable(kind: Kind, cause: Unusable) -> Failure {
    let kind = kind.as_str();
    let message = format!(
        "Your own credentials for {kind} can not be used: {cause}. Set them again with `orchestrator credentials set {kind}`, or remove them, then retry the task."
    );
    Failure::new(Code::NotConfigured, message)
}
