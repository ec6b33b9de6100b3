//! Scopes: what kinds of callers may ask for at all.

use http::StatusCode;

use crate::error::ApiError;

/// Scopes of somebody without a session (Appwrite 1.9.6).
pub(super) const GUESTS: &[&str] = &[
    "global",
    "public",
    "home",
    "console",
    "sessions.write",
    "documents.read",
    "documents.write",
    "rows.read",
    "rows.write",
    "files.read",
    "files.write",
    "locale.read",
    "avatars.read",
    "execution.write",
    "executions.write",
    "graphql",
    "health.public",
];

/// Scopes of a user with a session (Appwrite 1.9.6).
pub(super) const USERS: &[&str] = &[
    "global",
    "public",
    "home",
    "console",
    "graphql",
    "sessions.write",
    "account",
    "teams.read",
    "teams.write",
    "documents.read",
    "documents.write",
    "rows.read",
    "rows.write",
    "files.read",
    "files.write",
    "projects.read",
    "locale.read",
    "avatars.read",
    "execution.read",
    "execution.write",
    "executions.read",
    "executions.write",
    "targets.read",
    "targets.write",
    "subscribers.write",
    "subscribers.read",
    "assistant.read",
];

/// Scopes a project key may have; the project's own key has them all.
pub const ALL: &[&str] = &[
    "sessions.write",
    "users.read",
    "users.write",
    "teams.read",
    "teams.write",
    "databases.read",
    "databases.write",
    "collections.read",
    "collections.write",
    "tables.read",
    "tables.write",
    "attributes.read",
    "attributes.write",
    "columns.read",
    "columns.write",
    "indexes.read",
    "indexes.write",
    "documents.read",
    "documents.write",
    "rows.read",
    "rows.write",
    "files.read",
    "files.write",
    "buckets.read",
    "buckets.write",
    "functions.read",
    "functions.write",
    "sites.read",
    "sites.write",
    "log.read",
    "log.write",
    "execution.read",
    "execution.write",
    "executions.read",
    "executions.write",
    "locale.read",
    "avatars.read",
    "health.read",
    "rules.read",
    "rules.write",
    "tokens.read",
    "tokens.write",
    "messages.read",
    "messages.write",
    "project.read",
    "project.write",
    "global",
    "public",
    "health.public",
];

/// 401 `general_unauthorized_scope`.
pub(crate) fn missing(role: &str, scope: &str) -> ApiError {
    let who = if role == "applications" {
        "app.local (role: applications)"
    } else {
        "User"
    };
    let role = if role == "applications" {
        String::new()
    } else {
        format!(" (role: {role})")
    };
    let message = format!("{who}{role} missing scopes ([\"{scope}\"])");
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "general_unauthorized_scope",
        message,
    )
}
