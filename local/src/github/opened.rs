//! The repository a request is about, found and allowed.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri, RawPathParams};
use http::request::Parts;
use http::{Method, StatusCode};

use super::Service;
use super::gate::Caller;
use super::git::GitDir;
use super::operation::Operation;
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

/// Finds the repository and refuses what the caller may not do with it.
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
            (Some(owner), Some(repo), _) => match service.registry.by_name(owner, repo) {
                Some(record) => Some(record),
                None => return Err(moved(parts, service, owner, repo)),
            },
            (_, _, Some(id)) => id.parse().ok().and_then(|id| service.registry.by_id(id)),
            _ => None,
        };
        let caller = parts.extensions.get::<Caller>().cloned();
        let (Some(record), Some(caller)) = (record, caller) else {
            return Err(Refusal::not_found());
        };
        let Some(operation) = caller.operation else {
            return Err(Refusal::not_found());
        };
        let actor = &caller.actor;
        let hidden = !actor.may_read(&record)
            || (parts.method == Method::GET && service.faults.is_still_missing(record.id));
        if hidden {
            return Err(Refusal::not_found());
        }
        service.accounts.require_sign_on(actor, &record.owner)?;
        actor.may(&record, operation)?;
        // Only the change that brings it back is let through, and looks itself.
        if record.archived && operation.writes() && operation != Operation::UpdateRepository {
            return Err(Refusal::archived());
        }
        let rest = params
            .iter()
            .find(|(name, _)| !matches!(*name, "owner" | "repo" | "id"))
            .map(|(_, value)| value.to_owned());
        Ok(Self {
            service: Arc::clone(service),
            caller,
            record,
            rest: rest.unwrap_or_default(),
        })
    }
}

/// A name that a repository had before leads to its number, with what follows in the path.
fn moved(parts: &Parts, service: &Service, owner: &str, repo: &str) -> Refusal {
    let Some(id) = service.registry.moved(owner, repo) else {
        return Refusal::not_found();
    };
    let uri = parts
        .extensions
        .get::<OriginalUri>()
        .map_or(&parts.uri, |original| &original.0);
    let rest = uri.path().splitn(5, '/').nth(4);
    let rest = rest.map(|rest| format!("/{rest}")).unwrap_or_default();
    let query = uri.query().map(|query| format!("?{query}"));
    let base = &service.base_url;
    let address = format!(
        "{base}/repositories/{id}{rest}{}",
        query.unwrap_or_default()
    );
    let status = match parts.method {
        Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
        _ => StatusCode::TEMPORARY_REDIRECT,
    };
    Refusal::moved(status, address)
}
