//! Records of executions: their shape, and how they are kept.

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Value, json};

use super::listing::{self, Listing, Source};
use crate::auth::Caller;
use crate::bus::Event;
use crate::error::ApiError;
use crate::store::Writer;
use crate::{clock, ids};

/// What a list may be filtered and ordered by (Appwrite 1.9.6).
pub(crate) const ATTRIBUTES: &[&str] = &[
    "$id",
    "$sequence",
    "$createdAt",
    "$updatedAt",
    "trigger",
    "status",
    "responseStatusCode",
    "duration",
    "requestMethod",
    "requestPath",
    "deploymentId",
];

/// Request headers that are kept (Appwrite 1.9.6).
const REQUEST_HEADERS_KEPT: &[&str] = &[
    "content-type",
    "agent",
    "content-length",
    "host",
    "x-appwrite-client-ip",
];
/// Response headers that are kept (Appwrite 1.9.6, measured).
const RESPONSE_HEADERS_KEPT: &[&str] = &["content-type", "content-length"];

/// What started an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    Http,
    Event,
    Schedule,
}

impl Trigger {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Event => "event",
            Self::Schedule => "schedule",
        }
    }
}

/// How far an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Scheduled,
    Waiting,
    Completed,
    Failed,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// One execution.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    pub(crate) id: String,
    pub(crate) function_id: String,
    pub(crate) deployment_id: String,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    /// The user who caused it and may read it.
    pub(crate) user_id: Option<String>,
    pub(crate) trigger: Trigger,
    pub(crate) status: Status,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) request_headers: Vec<(String, String)>,
    pub(crate) response_status: u16,
    pub(crate) response_headers: Vec<(String, String)>,
    pub(crate) logs: String,
    pub(crate) errors: String,
    pub(crate) duration_s: f64,
    pub(crate) scheduled_ms: Option<i64>,
}

impl Execution {
    /// A new one that has not run.
    pub(crate) fn new(function_id: &str, deployment_id: &str, trigger: Trigger) -> Self {
        let now = clock::now().as_millisecond();
        Self {
            id: ids::unique(),
            function_id: function_id.to_owned(),
            deployment_id: deployment_id.to_owned(),
            created_ms: now,
            updated_ms: now,
            user_id: None,
            trigger,
            status: Status::Waiting,
            method: "POST".to_owned(),
            path: "/".to_owned(),
            request_headers: Vec::new(),
            response_status: 0,
            response_headers: Vec::new(),
            logs: String::new(),
            errors: String::new(),
            duration_s: 0.0,
            scheduled_ms: None,
        }
    }

    /// Marks it as failed by the platform or the executor, as Appwrite words it: the message, a
    /// backslash, `n`, and the code.
    pub(crate) fn fail(&mut self, message: &str, code: u16) {
        self.status = Status::Failed;
        self.response_status = 500;
        self.errors = format!("{message}\\nError Code: {code}");
    }

    /// The record as it is stored: without body and logs, and with few headers.
    pub(super) fn document(&self) -> Value {
        let readers: Vec<String> = self
            .user_id
            .iter()
            .map(|user| format!("read(\"user:{user}\")"))
            .collect();
        json!({
            "$id": self.id,
            "$createdAt": clock::format_ms(self.created_ms),
            "$updatedAt": clock::format_ms(self.updated_ms),
            "$permissions": readers,
            "functionId": self.function_id,
            "deploymentId": self.deployment_id,
            "trigger": self.trigger.word(),
            "status": self.status.word(),
            "requestMethod": self.method,
            "requestPath": self.path,
            "requestHeaders": pairs(&self.request_headers, Some(REQUEST_HEADERS_KEPT)),
            "responseStatusCode": self.response_status,
            "responseBody": "",
            "responseHeaders": pairs(&self.response_headers, Some(RESPONSE_HEADERS_KEPT)),
            "logs": "",
            "errors": "",
            "duration": self.duration_s,
            "scheduledAt": self.scheduled_ms.map(clock::format_ms),
        })
    }

    /// The record as it answers the request that created it: users are not shown the logs.
    pub(crate) fn json(&self, caller: &Caller) -> Value {
        let mut json = self.document();
        if caller.is_key() {
            json["logs"] = json!(self.logs);
            json["errors"] = json!(self.errors);
        }
        json
    }

    /// Adds what only the caller of a synchronous execution sees.
    pub(crate) fn json_with_answer(&self, caller: &Caller, body: &[u8]) -> Value {
        let mut headers = self.response_headers.clone();
        headers.push(("x-appwrite-execution-id".to_owned(), self.id.clone()));
        let mut json = self.json(caller);
        json["responseBody"] = json!(String::from_utf8_lossy(body));
        json["responseHeaders"] = pairs(&headers, None);
        json
    }

    /// Writes the record, for the first time or anew.
    pub(crate) fn save(&self, db: &mut Writer) -> Result<(), ApiError> {
        let transaction = db.transaction()?;
        transaction
            .prepare_cached(
                "INSERT INTO executions (id, function_id, document) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET document = excluded.document",
            )?
            .execute((&self.id, &self.function_id, self.document().to_string()))?;
        if !self.logs.is_empty() || !self.errors.is_empty() {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO execution_logs VALUES (?1, ?2, ?3)")?
                .execute((&self.id, &self.logs, &self.errors))?;
        }
        Ok(transaction.commit()?)
    }
}

fn pairs(headers: &[(String, String)], only: Option<&[&str]>) -> Value {
    let kept = |name: &str| only.is_none_or(|only| only.contains(&name));
    headers
        .iter()
        .filter(|(name, _)| kept(name))
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect()
}

fn not_found() -> ApiError {
    let message = "Execution with the requested ID could not be found.";
    ApiError::not_found("execution_not_found", message)
}

fn readers(caller: &Caller) -> Option<Vec<String>> {
    if caller.is_key() {
        None
    } else {
        Some(caller.roles())
    }
}

/// Reads one record as the caller may see it.
///
/// # Errors
/// 404 `execution_not_found`, also when the caller may not read it.
pub(crate) fn get(
    db: &Connection,
    function_id: &str,
    id: &str,
    caller: &Caller,
) -> Result<Value, ApiError> {
    let text: Option<String> = db
        .prepare_cached("SELECT document FROM executions WHERE id = ?1 AND function_id = ?2")?
        .query_row([id, function_id], |row| row.get(0))
        .optional()?;
    let mut json: Value = serde_json::from_str(&text.ok_or_else(not_found)?)?;
    if let Some(roles) = readers(caller) {
        let allowed = json["$permissions"].as_array().is_some_and(|granted| {
            roles
                .iter()
                .any(|role| granted.contains(&json!(format!("read(\"{role}\")"))))
        });
        if !allowed {
            return Err(not_found());
        }
    }
    add_logs(db, &mut json, caller)?;
    Ok(json)
}

/// Lists a function's records as the caller may see them.
///
/// # Errors
/// 400 `general_cursor_not_found`.
pub(crate) fn list(
    db: &Connection,
    function_id: &str,
    listing: &Listing,
    caller: &Caller,
) -> Result<Value, ApiError> {
    let source = Source {
        table: "executions",
        scope: vec![("function_id", function_id.to_owned())],
        readers: readers(caller),
    };
    let (total, mut documents) = listing::page(db, &source, listing)?;
    for document in &mut documents {
        add_logs(db, document, caller)?;
    }
    Ok(json!({"total": total, "executions": documents}))
}

/// Removes a record that [`get`] has found.
///
/// # Errors
/// 400 `execution_in_progress` for one that has not ended; a scheduled one is called off.
pub(crate) fn delete(db: &Connection, document: &Value) -> Result<(), ApiError> {
    let word = document["status"].as_str().unwrap_or_default();
    if word == Status::Waiting.word() {
        let message = "Can't delete ongoing execution. Please wait for it to finish.";
        return Err(ApiError::bad_request("execution_in_progress", message));
    }
    let id = document["$id"].as_str().unwrap_or_default();
    db.execute("DELETE FROM executions WHERE id = ?1", [id])?;
    Ok(())
}

/// What Realtime is told of an execution: only its readers hear of it, so one that a key has made
/// reaches nobody. Functions cannot subscribe to it (Appwrite 1.9.6, measured).
pub(crate) fn event(document: Value, verb: &str) -> Event {
    let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    let (function, id) = (text("functionId"), text("$id"));
    let granted = document["$permissions"].as_array();
    let granted = granted.into_iter().flatten().filter_map(Value::as_str);
    let readers: Vec<String> = granted
        .filter_map(|it| Some(it.strip_prefix("read(\"")?.strip_suffix("\")")?.to_owned()))
        .collect();
    let mut channels = vec![
        "executions".to_owned(),
        format!("executions.{id}"),
        format!("functions.{function}"),
    ];
    let with_verb: Vec<String> = channels.iter().map(|it| format!("{it}.{verb}")).collect();
    channels.extend(with_verb);
    let pairs = [
        (function.as_str(), id.as_str()),
        ("*", "*"),
        (function.as_str(), "*"),
        ("*", id.as_str()),
    ];
    let mut names = Vec::new();
    for suffix in [format!(".{verb}"), String::new()] {
        names.extend(pairs.map(|(f, e)| format!("functions.{f}.executions.{e}{suffix}")));
    }
    names.extend([format!("functions.{function}"), "functions.*".to_owned()]);
    Event {
        names: Vec::new().into(),
        realtime_names: names.into(),
        channels,
        user_id: readers
            .first()
            .and_then(|role| Some(role.strip_prefix("user:")?.to_owned())),
        readers,
        payload: document,
    }
}

fn add_logs(db: &Connection, json: &mut Value, caller: &Caller) -> Result<(), ApiError> {
    if !caller.is_key() {
        return Ok(());
    }
    let id = json["$id"].as_str().unwrap_or_default().to_owned();
    let found: Option<(String, String)> = db
        .prepare_cached("SELECT logs, errors FROM execution_logs WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((logs, errors)) = found {
        json["logs"] = json!(logs);
        json["errors"] = json!(errors);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realtime_is_told_of_an_execution_for_its_user_only() {
        let mut execution = Execution::new("plan", "d", Trigger::Http);
        execution.user_id = Some("alice".to_owned());
        let told = event(execution.document(), "create");
        assert_eq!(told.readers, ["user:alice"]);
        let id = &execution.id;
        for channel in [
            "executions".to_owned(),
            format!("executions.{id}"),
            "functions.plan".to_owned(),
        ] {
            assert!(told.channels.contains(&channel), "{channel}");
        }
        let name = format!("functions.plan.executions.{id}.create");
        assert_eq!(told.realtime_names.list()[0], name);
        execution.user_id = None;
        assert!(event(execution.document(), "create").readers.is_empty());
    }
}
