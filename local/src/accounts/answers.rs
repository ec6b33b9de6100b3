//! Accounts as the REST API answers them.

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Value, json};

use super::email;
use crate::clock;
use crate::error::ApiError;

/// `account`; Source: Appwrite 1.9.6, GET /v1/account (recorded).
pub(super) fn account(db: &Connection, id: &str) -> Result<Option<Value>, ApiError> {
    let sql =
        "SELECT u.id, u.name, u.labels, u.prefs, COALESCE(c.email, ''), COALESCE(c.target_id, ''),
               u.created_ms, u.updated_ms, u.accessed_ms, COALESCE(c.target_ms, 0), c.password_ms,
               COALESCE(c.enabled, 1)
               FROM users u LEFT JOIN user_credentials c ON c.user_id = u.id WHERE u.id = ?1";
    let found = db
        .prepare_cached(sql)?
        .query_row([id], |row| {
            let texts: [String; 6] = [
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            ];
            let times: [i64; 4] = [row.get(6)?, row.get(7)?, row.get(8)?, row.get(9)?];
            let (password, enabled): (Option<i64>, bool) = (row.get(10)?, row.get(11)?);
            Ok((texts, times, password, enabled))
        })
        .optional()?;
    let Some((texts, times, password, enabled)) = found else {
        return Ok(None);
    };
    let [id, name, labels, prefs, email, target] = texts;
    let [created, updated, accessed, targeted] = times;
    let facts = email::facts(&email);
    let targets = if email.is_empty() {
        json!([])
    } else {
        json!([email_target(&id, &target, targeted, &email)])
    };
    let labels: Value = serde_json::from_str(&labels)?;
    let prefs: Value = serde_json::from_str(&prefs)?;
    Ok(Some(json!({
        "$id": id,
        "$createdAt": clock::format_ms(created),
        "$updatedAt": clock::format_ms(updated),
        "name": name,
        "registration": clock::format_ms(created),
        "status": enabled,
        "labels": labels,
        "passwordUpdate": password.map(clock::format_ms).unwrap_or_default(),
        "email": email,
        "phone": "",
        "emailVerification": false,
        "emailCanonical": facts.canonical,
        "emailIsFree": facts.is_free,
        "emailIsDisposable": facts.is_disposable,
        "emailIsCorporate": facts.is_corporate,
        "emailIsCanonical": facts.is_canonical,
        "phoneVerification": false,
        "mfa": false,
        "prefs": prefs,
        "targets": targets,
        "accessedAt": clock::format_ms(accessed),
        "impersonator": false,
        "impersonatorUserId": null,
    })))
}

/// `target`; Source: Appwrite 1.9.6, GET /v1/account (recorded).
fn email_target(user: &str, id: &str, ms: i64, email: &str) -> Value {
    json!({
        "$id": id,
        "$createdAt": clock::format_ms(ms),
        "$updatedAt": clock::format_ms(ms),
        "name": "",
        "userId": user,
        "providerId": null,
        "providerType": "email",
        "identifier": email,
        "expired": false,
    })
}
