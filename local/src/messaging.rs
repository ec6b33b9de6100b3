//! Messages: e-mails to users, as far as they can be sent without a mail server.
//!
//! The platform's log is the one provider: what is handed to it counts as delivered. A message
//! is answered as `processing` and kept as what became of it.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Value, json};

use crate::accounts;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::queries::listing::Listing;
use crate::server::{Params, required};
use crate::store::Writer;
use crate::{clock, ids};

/// Tables of this module.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS messages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE COLLATE NOCASE,
    document TEXT NOT NULL
) STRICT;
";

const READ: &str = "messages.read";
const WRITE: &str = "messages.write";

/// Longest subject, in characters (Appwrite 1.9.6).
const SUBJECT_CHARS_MAX: usize = 998;
/// Longest content, in characters (Appwrite 1.9.6).
const CONTENT_CHARS_MAX: usize = 64_230;

/// What a list may be filtered and ordered by (Appwrite 1.9.6, source).
const ATTRIBUTES: &[&str] = &[
    "scheduledAt",
    "deliveredAt",
    "deliveredTotal",
    "status",
    "description",
    "providerType",
];
/// What `search` looks into.
const SEARCHED: &[&str] = &["$id", "status"];

/// The routes.
pub fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/messaging/messages", get(list))
        .route("/v1/messaging/messages/email", post(create_email))
        .route("/v1/messaging/messages/{message}", get(show))
}

async fn list(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope(READ)?;
    let asked = Listing::parse(query.as_deref(), ATTRIBUTES)?;
    let messages = kernel.store.run(|db| all(db)).await?;
    let (total, messages) = asked.page(messages, "$id", SEARCHED)?;
    Ok(Json(json!({"total": total, "messages": messages})))
}

async fn show(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope(READ)?;
    let found = kernel.store.run(move |db| find(db, &id)).await?;
    let missing = || {
        let message = "Message with the requested ID could not be found.";
        ApiError::not_found("message_not_found", message)
    };
    found.map(Json).ok_or_else(missing)
}

async fn create_email(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    mut params: Params,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require_scope(WRITE)?;
    let email = Email::take(&mut params)?;
    let answer = kernel.store.run(move |db| email.hand_in(db)).await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// An e-mail as it was asked for.
struct Email {
    id: String,
    subject: String,
    content: String,
    topics: Vec<String>,
    users: Vec<String>,
    targets: Vec<String>,
    cc: Vec<String>,
    bcc: Vec<String>,
    draft: bool,
    html: bool,
}

impl Email {
    /// # Errors
    /// 400 `general_argument_invalid` or `message_missing_target`.
    fn take(params: &mut Params) -> Result<Self, ApiError> {
        let id = text(params, "messageId", usize::MAX)?;
        let email = Self {
            id: ids::resolve("messageId", &id)?,
            subject: text(params, "subject", SUBJECT_CHARS_MAX)?,
            content: text(params, "content", CONTENT_CHARS_MAX)?,
            topics: uids(params, "topics")?,
            users: uids(params, "users")?,
            targets: uids(params, "targets")?,
            cc: uids(params, "cc")?,
            bcc: uids(params, "bcc")?,
            draft: params.take_bool("draft")?.unwrap_or(false),
            html: params.take_bool("html")?.unwrap_or(false),
        };
        let attachments = params.take_list("attachments")?.unwrap_or_default();
        if !attachments.is_empty() || params.has("scheduledAt") {
            return Err(ApiError::argument(
                "The embedded platform sends messages at once and without attachments",
            ));
        }
        let nobody = [&email.topics, &email.users, &email.targets]
            .into_iter()
            .all(Vec::is_empty);
        if nobody && !email.draft {
            return Err(ApiError::bad_request(
                "message_missing_target",
                "Message with the requested ID has no recipients (topics or users or targets).",
            ));
        }
        Ok(email)
    }

    /// Keeps the message and sends it. Returns the answer of the moment before that.
    ///
    /// # Errors
    /// 400 `message_target_not_email`, 409 `message_already_exists`.
    fn hand_in(self, db: &mut Writer) -> Result<Value, ApiError> {
        let named = [&*self.targets, &*self.cc, &*self.bcc].concat();
        let known = accounts::email_targets(db, &[], &named)?;
        if named.iter().any(|target| !known.contains(target)) {
            return Err(ApiError::bad_request(
                "message_target_not_email",
                "Message with the target ID is not an email target.",
            ));
        }
        let taken = "SELECT 1 FROM messages WHERE id = ?1";
        if db.prepare_cached(taken)?.exists([&self.id])? {
            return Err(ApiError::conflict(
                "message_already_exists",
                "Message with the requested ID already exists. Try again with a different ID or use \
                 ID.unique() to generate a unique ID.",
            ));
        }
        let answer = self.document();
        let mut kept = answer.clone();
        if !self.draft {
            let targets = accounts::email_targets(db, &self.users, &self.targets)?;
            self.deliver(&targets, &mut kept);
        }
        let sql = "INSERT INTO messages (id, document) VALUES (?1, ?2)";
        db.execute(sql, (&self.id, kept.to_string()))?;
        Ok(answer)
    }

    /// `message`; Source: Appwrite 1.9.6, its response model.
    fn document(&self) -> Value {
        let now = clock::format_ms(clock::now().as_millisecond());
        json!({
            "$id": self.id,
            "$createdAt": now,
            "$updatedAt": now,
            "providerType": "email",
            "topics": self.topics,
            "users": self.users,
            "targets": self.targets,
            "scheduledAt": null,
            "deliveredAt": null,
            "deliveryErrors": [],
            "deliveredTotal": 0,
            "data": {
                "subject": self.subject,
                "content": self.content,
                "html": self.html,
                "cc": self.cc,
                "bcc": self.bcc,
                "attachments": [],
            },
            "status": if self.draft { "draft" } else { "processing" },
        })
    }

    /// What Appwrite's worker does later. A message that reaches nobody is no error of whoever
    /// handed it in.
    fn deliver(&self, targets: &[String], kept: &mut Value) {
        if targets.is_empty() {
            kept["status"] = json!("failed");
            kept["deliveryErrors"] = json!(["No valid recipients found."]);
            tracing::warn!(message = %self.id, "an e-mail has no valid recipients");
            return;
        }
        kept["status"] = json!("sent");
        kept["deliveredTotal"] = json!(targets.len());
        kept["deliveredAt"] = json!(clock::format_ms(clock::now().as_millisecond()));
        tracing::info!(
            message = %self.id,
            recipients = targets.len(),
            subject = %self.subject.escape_debug(),
            "an e-mail"
        );
    }
}

/// Takes a text that must be there and is not empty.
fn text(params: &mut Params, name: &str, longest: usize) -> Result<String, ApiError> {
    let given = params.take_str(name)?.filter(|text| !text.is_empty());
    let text = required(name, given)?;
    if text.chars().count() <= longest {
        return Ok(text);
    }
    Err(ApiError::argument(format!(
        "Invalid `{name}` param: Value must be a valid string and at least 1 chars and no longer than \
         {longest} chars"
    )))
}

/// Takes a list of ids.
fn uids(params: &mut Params, name: &str) -> Result<Vec<String>, ApiError> {
    let invalid = || {
        ApiError::argument(format!(
            "Invalid `{name}` param: Value must a valid array and UID must contain at most {} chars. \
             Valid chars are a-z, A-Z, 0-9, and underscore. Can't start with a leading underscore",
            ids::ID_CHARS_MAX
        ))
    };
    let list = params.take_list(name)?.unwrap_or_default();
    let id = |value: Value| {
        let id = value.as_str().filter(|id| ids::is_custom(id));
        id.map(str::to_owned).ok_or_else(invalid)
    };
    list.into_iter().map(id).collect()
}

/// All messages, oldest first.
fn all(db: &Connection) -> Result<Vec<Value>, ApiError> {
    let mut statement = db.prepare_cached("SELECT document FROM messages ORDER BY sequence")?;
    let texts = statement.query_map([], |row| row.get::<_, String>(0))?;
    texts
        .map(|text| Ok(serde_json::from_str(&text?)?))
        .collect()
}

fn find(db: &Connection, id: &str) -> Result<Option<Value>, ApiError> {
    let text: Option<String> = db
        .prepare_cached("SELECT document FROM messages WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}
