//! Accounts as the REST API answers them.

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Value, json};

use crate::clock;
use crate::error::ApiError;

/// `account`; Source: Appwrite 1.9.6, GET /v1/account (recorded).
pub(super) fn account(db: &Connection, id: &str) -> Result<Option<Value>, ApiError> {
    let sql = "SELECT id, created_ms, updated_ms, accessed_ms, name, labels, prefs FROM users WHERE id = ?1";
    let found = db
        .prepare_cached(sql)?
        .query_row([id], |row| {
            let times: [i64; 3] = [row.get(1)?, row.get(2)?, row.get(3)?];
            let texts: [String; 4] = [row.get(0)?, row.get(4)?, row.get(5)?, row.get(6)?];
            Ok((times, texts))
        })
        .optional()?;
    let Some(([created, updated, accessed], [id, name, labels, prefs])) = found else {
        return Ok(None);
    };
    let labels: Value = serde_json::from_str(&labels)?;
    let prefs: Value = serde_json::from_str(&prefs)?;
    Ok(Some(json!({
        "$id": id,
        "$createdAt": clock::format_ms(created),
        "$updatedAt": clock::format_ms(updated),
        "name": name,
        "registration": clock::format_ms(created),
        "status": true,
        "labels": labels,
        "passwordUpdate": "",
        "email": "",
        "phone": "",
        "emailVerification": false,
        "emailCanonical": "",
        "emailIsFree": false,
        "emailIsDisposable": false,
        "emailIsCorporate": false,
        "emailIsCanonical": false,
        "phoneVerification": false,
        "mfa": false,
        "prefs": prefs,
        "targets": [],
        "accessedAt": clock::format_ms(accessed),
        "impersonator": false,
        "impersonatorUserId": null,
    })))
}
