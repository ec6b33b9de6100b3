//! Users in the store.

use axum::http::StatusCode;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::json;

use crate::error::ApiError;
use crate::server::Params;
use crate::{clock, ids};

/// Longest name, in characters (Appwrite 1.9.6).
const NAME_CHARS_MAX: usize = 128;

/// A user to be made.
#[derive(Debug, Default)]
pub(super) struct NewUser {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) labels: Vec<String>,
    pub(super) email: Option<String>,
    /// As kept, see [`super::password::hash`].
    pub(super) password: Option<String>,
}

/// What a user logs in with.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    pub(super) id: String,
    /// As kept, see [`super::password::hash`].
    pub(super) password: Option<String>,
    pub(super) enabled: bool,
}

/// 409 `user_already_exists`.
fn taken() -> ApiError {
    ApiError::conflict(
        "user_already_exists",
        "A user with the same id, email, or phone already exists in this project.",
    )
}

/// 404 `user_not_found`.
pub(super) fn missing(id: &str) -> ApiError {
    ApiError::not_found(
        "user_not_found",
        format!("User with the requested ID '{id}' could not be found."),
    )
}

/// 401 `user_blocked`.
pub(super) fn blocked() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "user_blocked",
        "The current user has been blocked. You can unblock the user by making a request to the User API's \
         \"Update User Status\" endpoint or in the Appwrite Console's Auth section.",
    )
}

/// Takes the parameter `name`.
///
/// # Errors
/// 400 `general_argument_invalid`.
pub(super) fn take_name(params: &mut Params) -> Result<Option<String>, ApiError> {
    let name = params.take_str("name")?;
    if name
        .as_ref()
        .is_some_and(|name| name.chars().count() > NAME_CHARS_MAX)
    {
        let why = format!("Value must be a valid string and no longer than {NAME_CHARS_MAX} chars");
        return Err(ApiError::argument(format!("Invalid `name` param: {why}")));
    }
    Ok(name)
}

/// Takes a text that must be there.
///
/// # Errors
/// 400 `general_argument_invalid`.
pub(super) fn required(params: &mut Params, name: &str) -> Result<String, ApiError> {
    let missing = || ApiError::argument(format!("Param \"{name}\" is not optional."));
    params.take_str(name)?.ok_or_else(missing)
}

/// Makes a user.
pub(super) fn insert(db: &Connection, user: &NewUser) -> Result<(), ApiError> {
    let known = "SELECT 1 FROM users WHERE id = ?1";
    if db.prepare_cached(known)?.exists([&user.id])? || email_taken(db, user)? {
        return Err(taken());
    }
    let now = clock::now().as_millisecond();
    let sql = "INSERT INTO users (id, created_ms, updated_ms, accessed_ms, name, labels)
               VALUES (?1, ?2, ?2, ?2, ?3, ?4)";
    let labels = json!(user.labels).to_string();
    db.execute(sql, (&user.id, now, &user.name, labels))?;
    if let Some(email) = &user.email {
        set_email(db, &user.id, email)?;
    }
    if let Some(password) = &user.password {
        set_password(db, &user.id, password)?;
    }
    // All times of a new user are one.
    let sql = "UPDATE user_credentials SET password_ms = ?2 WHERE user_id = ?1 AND password_ms IS NOT NULL";
    db.execute(sql, (&user.id, now))?;
    db.execute(
        "UPDATE users SET updated_ms = created_ms WHERE id = ?1",
        [&user.id],
    )?;
    Ok(())
}

fn email_taken(db: &Connection, user: &NewUser) -> Result<bool, ApiError> {
    match &user.email {
        Some(email) => Ok(by_email(db, email)?.is_some()),
        None => Ok(false),
    }
}

/// Finds what the user of an address logs in with.
pub(super) fn by_email(db: &Connection, email: &str) -> Result<Option<Credentials>, ApiError> {
    let sql = "SELECT user_id, password, enabled FROM user_credentials WHERE email = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Credentials {
            id: row.get(0)?,
            password: row.get(1)?,
            enabled: row.get(2)?,
        })
    };
    Ok(db
        .prepare_cached(sql)?
        .query_row([email], read)
        .optional()?)
}

/// Finds what a user logs in with: nothing for one made without.
///
/// # Errors
/// 404 `user_not_found`.
pub(super) fn by_id(db: &Connection, id: &str) -> Result<Credentials, ApiError> {
    let sql = "SELECT u.id, c.password, COALESCE(c.enabled, 1) FROM users u
               LEFT JOIN user_credentials c ON c.user_id = u.id WHERE u.id = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Credentials {
            id: row.get(0)?,
            password: row.get(1)?,
            enabled: row.get(2)?,
        })
    };
    let found = db.prepare_cached(sql)?.query_row([id], read).optional()?;
    found.ok_or_else(|| missing(id))
}

/// A column of a user that can be set.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    Name,
    Prefs,
    Labels,
}

/// Sets a column of a user that is there.
pub(super) fn set(db: &Connection, id: &str, column: Column, value: &str) -> Result<(), ApiError> {
    let sql = match column {
        Column::Name => "UPDATE users SET name = ?2 WHERE id = ?1",
        Column::Prefs => "UPDATE users SET prefs = ?2 WHERE id = ?1",
        Column::Labels => "UPDATE users SET labels = ?2 WHERE id = ?1",
    };
    db.execute(sql, (id, value))?;
    touch(db, id)
}

/// Gives a user an address; its target for messages stays the same one.
///
/// # Errors
/// 409 `user_already_exists` when it is somebody else's.
pub(super) fn set_email(db: &Connection, id: &str, email: &str) -> Result<(), ApiError> {
    if by_email(db, email)?.is_some_and(|owner| owner.id != id) {
        return Err(taken());
    }
    let sql = "INSERT INTO user_credentials (user_id, email, target_id, target_ms) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (user_id) DO UPDATE SET email = excluded.email,
               target_id = COALESCE(target_id, excluded.target_id), target_ms = COALESCE(target_ms, excluded.target_ms)";
    let now = clock::now().as_millisecond();
    db.execute(sql, (id, email, ids::unique(), now))?;
    touch(db, id)
}

/// The ids of the e-mail targets of these users, and of those among `targets` that are some.
pub(crate) fn email_targets(
    db: &Connection,
    users: &[String],
    targets: &[String],
) -> Result<Vec<String>, ApiError> {
    let of_user = "SELECT target_id FROM user_credentials WHERE email IS NOT NULL AND user_id = ?1";
    let itself =
        "SELECT target_id FROM user_credentials WHERE email IS NOT NULL AND target_id = ?1";
    let mut found = Vec::new();
    let asked = users.iter().map(|id| (of_user, id));
    for (sql, id) in asked.chain(targets.iter().map(|id| (itself, id))) {
        let target: Option<String> = db
            .prepare_cached(sql)?
            .query_row([id], |row| row.get(0))
            .optional()?;
        found.extend(target.filter(|target| !found.contains(target)));
    }
    Ok(found)
}

/// Gives a user a password, hashed.
pub(super) fn set_password(db: &Connection, id: &str, hash: &str) -> Result<(), ApiError> {
    let sql = "INSERT INTO user_credentials (user_id, password, password_ms) VALUES (?1, ?2, ?3)
               ON CONFLICT (user_id) DO UPDATE SET password = excluded.password, password_ms = excluded.password_ms";
    db.execute(sql, (id, hash, clock::now().as_millisecond()))?;
    touch(db, id)
}

/// Blocks a user or lets it in again.
pub(super) fn set_enabled(db: &Connection, id: &str, enabled: bool) -> Result<(), ApiError> {
    let sql = "INSERT INTO user_credentials (user_id, enabled) VALUES (?1, ?2)
               ON CONFLICT (user_id) DO UPDATE SET enabled = excluded.enabled";
    db.execute(sql, (id, enabled))?;
    touch(db, id)
}

fn touch(db: &Connection, id: &str) -> Result<(), ApiError> {
    let sql = "UPDATE users SET updated_ms = ?2 WHERE id = ?1";
    db.execute(sql, (id, clock::now().as_millisecond()))?;
    Ok(())
}

/// Removes a user with all that is its own.
///
/// # Errors
/// 404 `user_not_found`.
pub(super) fn delete(db: &Connection, id: &str) -> Result<(), ApiError> {
    match db.execute("DELETE FROM users WHERE id = ?1", [id])? {
        0 => Err(missing(id)),
        _ => Ok(()),
    }
}
