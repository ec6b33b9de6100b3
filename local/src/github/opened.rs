//! The repository a request is about, found and allowed.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::Method;
use http::request::Parts;

use super::Service;
use super::gate::Caller;
use super::git::GitDir;
use super::refusal::Refusal;
use super::registry::RepositoryRecord;

/// A repository that exists and that the caller may read.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) service: Arc<Service>,
    pub(super) caller: Caller,
    pub(super) record: Arc<RepositoryRecord>,
    /// What the path says after the call's name: a reference or an object id.
    pub(super) rest: String,
}

impl Opened {
    pub(super) fn git(&self) -> GitDir<'_> {
        let path = self.service.registry.git_dir(self.record.id);
        self.service.git.open(path)
    }

    /// The API address of something in this repository; `path` begins with a slash.
    pub(super) fn url(&self, path: &str) -> String {
        let base = &self.service.base_url;
        format!("{base}/repos/{}{path}", self.record.full_name())
    }

    /// As GitHub: who may not write is told that there is nothing.
    pub(super) fn require_write(&self) -> Result<(), Refusal> {
        if self.caller.account.may_write(&self.record) {
            Ok(())
        } else {
            Err(Refusal::not_found())
        }
    }

    /// The git data API refuses a repository without any commit.
    pub(super) async fn require_commits(&self) -> Result<(), Refusal> {
        let arguments = ["for-each-ref", "--count=1", "--format=%(refname)"];
        let found = self.git().run(&arguments, &[]).await?.success()?;
        if found.is_empty() {
            return Err(Refusal::empty_repository());
        }
        Ok(())
    }
}

impl FromRequestParts<Arc<Service>> for Opened {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Refusal> {
        let params = RawPathParams::from_request_parts(parts, service)
            .await
            .map_err(|_| Refusal::not_found())?;
        let param = |wanted: &str| {
            params
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value)
        };
        let record = match (param("owner"), param("repo"), param("id")) {
            (Some(owner), Some(repo), _) => service.registry.by_name(owner, repo),
            (_, _, Some(id)) => id.parse().ok().and_then(|id| service.registry.by_id(id)),
            _ => None,
        };
        let caller = parts.extensions.get::<Caller>().cloned();
        let (Some(record), Some(caller)) = (record, caller) else {
            return Err(Refusal::not_found());
        };
        let hidden = !caller.account.may_read(&record)
            || (parts.method == Method::GET && service.faults.is_still_missing(record.id));
        if hidden {
            return Err(Refusal::not_found());
        }
        Ok(Self {
            service: Arc::clone(service),
            caller,
            record,
            rest: param("rest").unwrap_or_default().to_owned(),
        })
    }
}
