//! Which request is which call.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, patch, post, put};

use super::refusal::Refusal;
use super::{
    Service, actions, app, blob, clone, commit, contents, gate, page, pull, reference, repository,
    repository_update, tree,
};

pub(super) fn router(service: Arc<Service>) -> Router {
    let api = Router::new()
        .route("/user", get(repository::get_user))
        .route("/rate_limit", get(repository::get_rate_limit))
        .route("/user/repos", post(repository::create_for_user))
        .route(
            "/orgs/{org}/repos",
            post(repository::create_for_organization),
        )
        .route("/users/{username}", get(repository::get_user_by_name))
        .route("/orgs/{org}", get(repository::get_organization))
        .route("/app", get(app::get_app))
        .route(
            "/orgs/{org}/installation",
            get(app::get_account_installation),
        )
        .route(
            "/users/{username}/installation",
            get(app::get_account_installation),
        )
        .route(
            "/repos/{owner}/{repo}/installation",
            get(app::get_repository_installation),
        )
        .route(
            "/app/installations/{installation_id}/access_tokens",
            post(app::create_token),
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
        .route(
            "/{owner}/{repo}/git-receive-pack",
            post(clone::receive_pack),
        )
        .layer(axum::extract::DefaultBodyLimit::max(clone::PACK_BYTES_MAX))
        .route("/{owner}/{repo}/pull/{number}", get(page::show_pull));
    api.merge(web)
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&service),
            gate::host,
        ))
        .with_state(service)
}

/// Parameters are named as in the OpenAPI description.
fn repository_router() -> Router<Arc<Service>> {
    let whole = get(repository::get_repository).patch(repository_update::update);
    let topics = get(repository_update::get_topics).put(repository_update::replace_topics);
    let one_pull = get(pull::get_pull).patch(pull::update);
    let secret = get(actions::get_secret).put(actions::put_secret);
    let variables = get(actions::list_variables).post(actions::create_variable);
    let variable = get(actions::get_variable).patch(actions::update_variable);
    Router::new()
        .route("/", whole)
        .route("/topics", topics)
        .route(
            "/hash-algorithm",
            get(repository_update::get_hash_algorithm),
        )
        .route("/contents/", get(contents::get))
        .route("/contents/{*path}", get(contents::get).put(contents::put))
        .route("/git/ref/{*ref}", get(reference::get_reference))
        .route("/git/matching-refs/{*ref}", get(reference::list_matching))
        .route("/git/refs", post(reference::create))
        .route("/git/refs/{*ref}", patch(reference::update))
        .route("/git/blobs", post(blob::create))
        .route("/git/blobs/{file_sha}", get(blob::get_blob))
        .route("/git/trees", post(tree::create))
        .route("/git/trees/{*tree_sha}", get(tree::get_tree))
        .route("/git/commits", post(commit::create))
        .route("/git/commits/{commit_sha}", get(commit::get_commit))
        .route("/pulls", get(pull::list).post(pull::create))
        .route("/pulls/{pull_number}", one_pull)
        .route("/pulls/{pull_number}/merge", put(pull::merge_pull))
        .route("/actions/secrets", get(actions::list_secrets))
        .route("/actions/secrets/public-key", get(actions::get_key))
        .route("/actions/secrets/{secret_name}", secret)
        .route("/actions/variables", variables)
        .route("/actions/variables/{name}", variable)
}

async fn not_found() -> Refusal {
    Refusal::not_found()
}
