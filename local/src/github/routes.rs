//! Which request is which call.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, patch, post};
use http::Method;

use super::refusal::Refusal;
use super::{Service, blob, clone, commit, gate, page, reference, repository, tree};

/// A call of the API, as faults name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `GET /user`
    GetUser,
    /// `GET /rate_limit`
    GetRateLimit,
    /// `POST /user/repos`
    CreateUserRepository,
    /// `POST /orgs/{org}/repos`
    CreateOrganizationRepository,
    /// `GET /repos/{owner}/{repo}`
    GetRepository,
    /// `GET …/git/ref/{ref}`
    GetReference,
    /// `GET …/git/matching-refs/{ref}`
    ListMatchingReferences,
    /// `POST …/git/refs`
    CreateReference,
    /// `PATCH …/git/refs/{ref}`
    UpdateReference,
    /// `POST …/git/blobs`
    CreateBlob,
    /// `POST …/git/trees`
    CreateTree,
    /// `GET …/git/trees/{sha}`
    GetTree,
    /// `POST …/git/commits`
    CreateCommit,
    /// `GET …/git/commits/{sha}`
    GetCommit,
}

impl Operation {
    /// Recognises a call by its method and the route that matched.
    pub(super) fn find(method: &Method, route: &str) -> Option<Self> {
        let inner = route
            .strip_prefix("/repos/{owner}/{repo}")
            .or_else(|| route.strip_prefix("/repositories/{id}"));
        let operation = match (method.as_str(), inner.unwrap_or(route)) {
            ("GET", "/user") => Self::GetUser,
            ("GET", "/rate_limit") => Self::GetRateLimit,
            ("POST", "/user/repos") => Self::CreateUserRepository,
            ("POST", "/orgs/{org}/repos") => Self::CreateOrganizationRepository,
            ("GET", "" | "/") => Self::GetRepository,
            ("GET", "/git/ref/{*rest}") => Self::GetReference,
            ("GET", "/git/matching-refs/{*rest}") => Self::ListMatchingReferences,
            ("POST", "/git/refs") => Self::CreateReference,
            ("PATCH", "/git/refs/{*rest}") => Self::UpdateReference,
            ("POST", "/git/blobs") => Self::CreateBlob,
            ("POST", "/git/trees") => Self::CreateTree,
            ("GET", "/git/trees/{*rest}") => Self::GetTree,
            ("POST", "/git/commits") => Self::CreateCommit,
            ("GET", "/git/commits/{rest}") => Self::GetCommit,
            _ => return None,
        };
        Some(operation)
    }

    /// The page of the call below `https://docs.github.com/rest/`.
    pub(super) fn documentation(self) -> &'static str {
        match self {
            Self::GetUser => "users/users#get-the-authenticated-user",
            Self::GetRateLimit => {
                "rate-limit/rate-limit#get-rate-limit-status-for-the-authenticated-user"
            }
            Self::CreateUserRepository => {
                "repos/repos#create-a-repository-for-the-authenticated-user"
            }
            Self::CreateOrganizationRepository => "repos/repos#create-an-organization-repository",
            Self::GetRepository => "repos/repos#get-a-repository",
            Self::GetReference => "git/refs#get-a-reference",
            Self::ListMatchingReferences => "git/refs#list-matching-references",
            Self::CreateReference => "git/refs#create-a-reference",
            Self::UpdateReference => "git/refs#update-a-reference",
            Self::CreateBlob => "git/blobs#create-a-blob",
            Self::CreateTree => "git/trees#create-a-tree",
            Self::GetTree => "git/trees#get-a-tree",
            Self::CreateCommit => "git/commits#create-a-commit",
            Self::GetCommit => "git/commits#get-a-commit-object",
        }
    }

    /// The header `x-accepted-oauth-scopes`: recorded answers name none for the git data calls.
    pub(super) fn accepted_scopes(self) -> &'static str {
        match self {
            Self::CreateUserRepository | Self::CreateOrganizationRepository => "public_repo, repo",
            Self::GetRepository => "repo",
            Self::GetUser
            | Self::GetRateLimit
            | Self::GetReference
            | Self::ListMatchingReferences
            | Self::CreateReference
            | Self::UpdateReference
            | Self::CreateBlob
            | Self::CreateTree
            | Self::GetTree
            | Self::CreateCommit
            | Self::GetCommit => "",
        }
    }
}

pub(super) fn router(service: Arc<Service>) -> Router {
    let api = Router::new()
        .route("/user", get(repository::get_user))
        .route("/rate_limit", get(repository::get_rate_limit))
        .route("/user/repos", post(repository::create_for_user))
        .route(
            "/orgs/{org}/repos",
            post(repository::create_for_organization),
        )
        .nest("/repos/{owner}/{repo}", repository_router())
        // GitHub serves every call below the numeric id too; a moved repository redirects there.
        .nest("/repositories/{id}", repository_router())
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&service),
            gate::api,
        ));
    let web = Router::new()
        .route("/{owner}/{repo}", get(page::show))
        .route("/{owner}/{repo}/info/refs", get(clone::advertise))
        .route("/{owner}/{repo}/git-upload-pack", post(clone::upload_pack))
        .route("/{owner}/{repo}/git-receive-pack", post(clone::refuse_push));
    api.merge(web)
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&service),
            gate::host,
        ))
        .with_state(service)
}

fn repository_router() -> Router<Arc<Service>> {
    Router::new()
        .route("/", get(repository::get_repository))
        .route("/git/ref/{*rest}", get(reference::get_reference))
        .route("/git/matching-refs/{*rest}", get(reference::list_matching))
        .route("/git/refs", post(reference::create))
        .route("/git/refs/{*rest}", patch(reference::update))
        .route("/git/blobs", post(blob::create))
        .route("/git/trees", post(tree::create))
        .route("/git/trees/{*rest}", get(tree::get_tree))
        .route("/git/commits", post(commit::create))
        .route("/git/commits/{rest}", get(commit::get_commit))
}

async fn not_found() -> Refusal {
    Refusal::not_found()
}
