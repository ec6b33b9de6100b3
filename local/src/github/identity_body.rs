//! Bodies that show a person or an organisation.

use serde_json::{Map, Value, json};

use super::account::{Actor, Organization, account_id};
use super::registry::Registry;
use super::{format_time, node_id};

/// `simple-user` of the OpenAPI description, with the keys recorded answers have.
pub(super) fn owner(base_url: &str, login: &str, organization: bool) -> Value {
    let id = account_id(login);
    let url = format!("{base_url}/users/{login}");
    let node_id = if organization {
        node_id::organization(id)
    } else {
        node_id::user(id)
    };
    json!({
        "login": login,
        "id": id,
        "node_id": node_id,
        "avatar_url": format!("{base_url}/avatars/u/{id}?v=4"),
        "gravatar_id": "",
        "url": url,
        "html_url": format!("{base_url}/{login}"),
        "followers_url": format!("{url}/followers"),
        "following_url": format!("{url}/following{{/other_user}}"),
        "gists_url": format!("{url}/gists{{/gist_id}}"),
        "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{url}/subscriptions"),
        "organizations_url": format!("{url}/orgs"),
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events{{/privacy}}"),
        "received_events_url": format!("{url}/received_events"),
        "type": if organization { "Organization" } else { "User" },
        "user_view_type": "public",
        "site_admin": false,
    })
}

/// `public-user` of the OpenAPI description.
pub(super) fn public(
    base_url: &str,
    login: &str,
    organization: bool,
    registry: &Registry,
) -> Value {
    let (public, _) = registry.counts(login);
    let since = format_time(jiff::Timestamp::UNIX_EPOCH);
    let profile = json!({
        "name": null,
        "company": null,
        "blog": "",
        "location": null,
        "email": null,
        "hireable": null,
        "bio": null,
        "twitter_username": null,
        "notification_email": null,
        "public_repos": public,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        // Accounts are configured, not created, so there is no date to tell.
        "created_at": since,
        "updated_at": since,
    });
    let mut user = owner(base_url, login, organization);
    extend(&mut user, profile);
    user
}

/// `private-user` when the token has the `user` scope, else `public-user`, as GitHub decides.
pub(super) fn authenticated(base_url: &str, actor: &Actor, registry: &Registry) -> Value {
    let mut user = public(base_url, &actor.login, false, registry);
    if actor.has_scope("user") {
        let (_, private) = registry.counts(&actor.login);
        let own = json!({
            "user_view_type": "private",
            "private_gists": 0,
            "total_private_repos": private,
            "owned_private_repos": private,
            "disk_usage": 0,
            "collaborators": 0,
            "two_factor_authentication": true,
        });
        extend(&mut user, own);
    }
    user
}

/// `organization-full` of the OpenAPI description; its rules are for members.
pub(super) fn organization(
    base_url: &str,
    organization: &Organization,
    member: bool,
    registry: &Registry,
) -> Value {
    let login = &organization.login;
    let id = account_id(login);
    let url = format!("{base_url}/orgs/{login}");
    let (public, private) = registry.counts(login);
    let since = format_time(jiff::Timestamp::UNIX_EPOCH);
    let mut body = json!({
        "login": login,
        "id": id,
        "node_id": node_id::organization(id),
        "url": url,
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events"),
        "hooks_url": format!("{url}/hooks"),
        "issues_url": format!("{url}/issues"),
        "members_url": format!("{url}/members{{/member}}"),
        "public_members_url": format!("{url}/public_members{{/member}}"),
        "avatar_url": format!("{base_url}/avatars/u/{id}?v=4"),
        "description": null,
        "has_organization_projects": true,
        "has_repository_projects": true,
        "public_repos": public,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "html_url": format!("{base_url}/{login}"),
        "type": "Organization",
        "created_at": since,
        "updated_at": since,
        "archived_at": null,
    });
    if member {
        let (public, internal) = (organization.members_create_public, false);
        let own = json!({
            "total_private_repos": private,
            "owned_private_repos": private,
            "default_repository_permission": "write",
            "members_can_create_repositories": public || organization.members_create_private,
            "members_can_create_public_repositories": public,
            "members_can_create_private_repositories": organization.members_create_private,
            "members_can_create_internal_repositories": internal,
        });
        extend(&mut body, own);
    }
    body
}

fn extend(target: &mut Value, more: Value) {
    if let (Value::Object(target), Value::Object(more)) = (target, more) {
        let more: Map<String, Value> = more;
        target.extend(more);
    }
}
