//! The task API: takes briefs and answers for tasks.

use http::Method;
use pipeline::brief::Brief;
use pipeline::rows::{self};
use pipeline::{Facts, Status, TaskId, advance};
use serde_json::{Value, json};

use crate::advance::stamp;
use crate::clock;
use crate::invocation::{Invocation, Reply};
use crate::store::{Created, Store};
use crate::trouble::Trouble;

/// Answers one call: `POST /` with a brief, `GET /{taskId}`.
///
/// # Errors
/// What may succeed later. A repeat with the same `requestId` goes on where it stopped.
pub async fn answer(
    store: &Store,
    invocation: &Invocation,
    check_after: u64,
) -> Result<Reply, Trouble> {
    match (&invocation.method, invocation.path.trim_matches('/')) {
        (&Method::POST, "") => create(store, invocation, check_after).await,
        (&Method::GET, task) => status(store, invocation, task).await,
        (method, path) => {
            let message = format!(
                "There is no {method} /{path}. Use POST / with a brief or GET /{{taskId}}."
            );
            Ok(Reply::error(400, "unknown_call", &message))
        }
    }
}

async fn create(
    store: &Store,
    invocation: &Invocation,
    check_after: u64,
) -> Result<Reply, Trouble> {
    let accepted = match Brief::parse(&invocation.body) {
        Ok(accepted) => accepted,
        Err(errors) => return Ok(invalid(&json!(errors))),
    };
    let owner = match owner(invocation, accepted.owner) {
        Ok(owner) => owner,
        Err(rule) => return Ok(invalid(&json!([{"field": "owner", "rule": rule}]))),
    };
    let brief = accepted.brief;
    let request = brief
        .options
        .request_id
        .clone()
        .or_else(|| invocation.execution_id.clone());
    let request = request.ok_or_else(|| Trouble::Row("the execution has no id".to_owned()))?;
    let task = TaskId::of_request(&owner, &request);
    let row = rows::brief(&task, &owner, &brief);
    let digest = row.data["digest"].clone();
    if store.create(row).await? == Created::Exists {
        let known = store.get("briefs", task.as_str()).await?;
        if known.is_none_or(|row| Some(row.text("digest").unwrap_or_default()) != digest.as_str()) {
            let message = "This requestId was used for another brief. Choose a new one.";
            return Ok(Reply::error(409, "request_id_used", message));
        }
    }
    let next_check_at = clock::appwrite_time(clock::after(clock::now(), check_after));
    let row = match store
        .create(rows::task(&task, &owner, &brief, &next_check_at))
        .await?
    {
        Created::New(row) => row,
        // An earlier call with this requestId came this far or further.
        Created::Exists => match store.get("tasks", task.as_str()).await? {
            Some(row) => Box::new(row),
            None => return Err(Trouble::Row(format!("task `{task}` is there and is not"))),
        },
    };
    let facts = Facts {
        task: task.clone(),
        owner: owner.clone(),
        done: Vec::new(),
    };
    for unit in advance(&facts, None).units {
        let mut row = rows::unit(&unit, &owner, &stamp(&row));
        row.data["brief"] = json!(json!(brief).to_string());
        store.create(row).await?;
    }
    Ok(Reply::json(
        201,
        &json!({"taskId": task, "status": Status::Pending.as_str()}),
    ))
}

/// Whose task it will be: the calling user's, or the one that a caller with a key names.
fn owner(invocation: &Invocation, named: Option<String>) -> Result<String, &'static str> {
    match (&invocation.user_id, named) {
        (Some(user), None) => Ok(user.clone()),
        (Some(_), Some(_)) => {
            Err("is only for callers with a key: a user's task is the user's own")
        }
        (None, Some(owner)) if is_user_id(&owner) => Ok(owner),
        (None, Some(_)) => Err("must be a user's id"),
        (None, None) => Err("is missing: a caller with a key must name the user it acts for"),
    }
}

fn is_user_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let starts_well = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    starts_well && text.len() <= 36 && text.bytes().all(allowed)
}

fn invalid(fields: &Value) -> Reply {
    let names: Vec<&str> = fields
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|field| field["field"].as_str())
        .collect();
    let message = format!("The brief is not valid: {}.", names.join(", "));
    Reply::json(
        400,
        &json!({"error": {"code": "invalid_brief", "message": message, "fields": fields}}),
    )
}

async fn status(store: &Store, invocation: &Invocation, task: &str) -> Result<Reply, Trouble> {
    let unknown = || {
        Reply::error(
            404,
            "task_not_found",
            "There is no such task, or it is not yours.",
        )
    };
    let Some(task) = TaskId::parse(task) else {
        return Ok(unknown());
    };
    let Some(row) = store.get("tasks", task.as_str()).await? else {
        return Ok(unknown());
    };
    let is_owner = invocation
        .user_id
        .as_deref()
        .is_none_or(|user| Some(user) == row.text("owner"));
    if !is_owner {
        return Ok(unknown());
    }
    let parsed = |column: &str| {
        row.text(column)
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
    };
    Ok(Reply::json(
        200,
        &json!({
            "taskId": task, "name": row.text("name"), "type": row.text("type"), "status": row.text("status"),
            "generation": row.integer("generation"), "round": row.integer("round"), "rev": row.integer("rev"),
            "repositoryUrl": row.text("repositoryUrl"), "siteUrl": row.text("siteUrl"), "commitSha": row.text("commitSha"),
            "totals": parsed("totals"), "failure": parsed("failure"),
            "createdAt": row.created_at, "updatedAt": row.updated_at,
        }),
    ))
}
