//! The task API: takes briefs and answers for tasks.

mod commands;
mod credentials;
mod journal;
pub(crate) mod openapi;
mod quota;
mod routes;

use appwrite::Row;
use pipeline::brief::Brief;
use pipeline::rows::{self};
use pipeline::{Facts, Status, TaskId, UnitKind, advance};
use serde_json::{Value, json};

use crate::advance::stamp;
use crate::clients::Clients;
use crate::clock;
use crate::config::Settings;
use crate::invocation::{Invocation, Reply};
use crate::nudge::nudge;
use crate::store::{Created, Store};
use crate::sweep::Swept;
use crate::trouble::Trouble;
use routes::{Call, OfTask};

/// Answers one call; [`routes`] has all of them.
///
/// # Errors
/// What may succeed later. A repeat with the same `requestId` goes on where it stopped.
pub async fn answer(
    store: &Store,
    invocation: &Invocation,
    clients: &Clients,
) -> Result<Reply, Trouble> {
    let settings = clients.settings();
    let Some((call, task)) = routes::find(&invocation.method, &invocation.path) else {
        return Ok(routes::unknown(&invocation.method, &invocation.path));
    };
    match call {
        // What describes itself needs no store; see [`mod@crate::function`].
        Call::Health | Call::Describe => Ok(routes::unknown(&invocation.method, &invocation.path)),
        Call::Create => create(store, invocation, settings).await,
        Call::ShowCredentials | Call::SetCredentials | Call::RemoveCredentials => {
            credentials::answer(store, settings, invocation, call).await
        }
        Call::OfTask(what) => {
            if let (OfTask::Command, Some(task)) = (what, TaskId::parse(task)) {
                store.trace().of_task(&task);
            }
            let Some(row) = own_task(store, invocation, task).await? else {
                return Ok(unknown_task());
            };
            match what {
                OfTask::Status => Ok(status(&row)),
                OfTask::Journal => journal::page(store, &row, invocation.query.get("after")).await,
                OfTask::Command => commands::take(store, settings, &row, &invocation.body).await,
                OfTask::Nudge => look(store, clients, &row).await,
            }
        }
    }
}

/// Looks at a task that somebody watches, as the sweep would.
async fn look(store: &Store, clients: &Clients, row: &Row) -> Result<Reply, Trouble> {
    let task = TaskId::parse(&row.id).ok_or_else(|| Trouble::Row("no task id".to_owned()))?;
    let owner = row.text("owner").unwrap_or_default();
    let nudged = nudge(clients, store, &task, owner, Some(stamp(row))).await?;
    let look_again_ms = u64::try_from(nudged.look_again.as_millis()).unwrap_or(u64::MAX);
    let Swept {
        created, started, ..
    } = nudged.swept;
    Ok(Reply::json(
        200,
        &json!({"taskId": task, "created": created, "started": started, "lookAgainMs": look_again_ms}),
    ))
}

async fn create(
    store: &Store,
    invocation: &Invocation,
    settings: &Settings,
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
    store.trace().of_task(&task);
    let row = rows::brief(&task, &owner, &brief);
    let digest = row.data["digest"].clone();
    if store.create(row).await? == Created::Exists {
        let known = store.get("briefs", task.as_str()).await?;
        if known.is_none_or(|row| Some(row.text("digest").unwrap_or_default()) != digest.as_str()) {
            let message = "This requestId was used for another brief. Choose a new one.";
            return Ok(Reply::error(409, "request_id_used", message));
        }
    }
    let facts = Facts::of_brief(task.clone(), owner.clone(), &brief.options);
    let repository = rows::repository(&facts);
    if let Some(row) = &repository {
        store.create(row.clone()).await?;
    }
    let next_check_at =
        clock::appwrite_time(clock::after(clock::now(), settings.check_after_seconds));
    let row = match store
        .create_row(rows::task(&task, &owner, &brief, &next_check_at))
        .await?
    {
        Some(row) => {
            store.trace().is_root();
            if let Err(reached) = quota::check(store, &settings.quota, &row).await? {
                store.delete("tasks", task.as_str()).await?;
                if let Some(row) = repository {
                    store.delete(row.table, &row.id).await?;
                }
                store.delete("briefs", task.as_str()).await?;
                return Ok(quota::refused(&reached));
            }
            row
        }
        // An earlier call with this requestId came this far or further.
        None => match store.get("tasks", task.as_str()).await? {
            Some(row) => row,
            None => return Err(Trouble::Row(format!("task `{task}` is there and is not"))),
        },
    };
    for unit in advance(&facts, None).units {
        let mut row = rows::unit(&unit, &owner, &stamp(&row));
        if unit.key.kind == UnitKind::Plan {
            row.data["brief"] = json!(json!(brief).to_string());
        }
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
    fields_refusal("invalid_brief", "brief is", fields)
}

/// Refuses `what`, and names all its fields that break rules.
fn fields_refusal(code: &str, what: &str, fields: &Value) -> Reply {
    let names: Vec<&str> = fields
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|field| field["field"].as_str())
        .collect();
    let message = format!("The {what} not valid: {}.", names.join(", "));
    let error = json!({"code": code, "message": message, "fields": fields});
    Reply::json(400, &json!({"error": error}))
}

fn unknown_task() -> Reply {
    let message = "There is no such task, or it is not yours.";
    Reply::error(404, "task_not_found", message)
}

/// The row of a task that the caller may see.
async fn own_task(
    store: &Store,
    invocation: &Invocation,
    task: &str,
) -> Result<Option<Row>, Trouble> {
    let Some(task) = TaskId::parse(task) else {
        return Ok(None);
    };
    let row = store.get("tasks", task.as_str()).await?;
    let user = invocation.user_id.as_deref();
    Ok(row.filter(|row| user.is_none_or(|user| Some(user) == row.text("owner"))))
}

fn status(row: &Row) -> Reply {
    let parsed = |column: &str| {
        row.text(column)
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
    };
    Reply::json(
        200,
        &json!({
            "taskId": row.id, "name": row.text("name"), "type": row.text("type"), "status": row.text("status"),
            "generation": row.integer("generation"), "round": row.integer("round"), "rev": row.integer("rev"),
            "repositoryUrl": row.text("repositoryUrl"), "siteUrl": row.text("siteUrl"), "commitSha": row.text("commitSha"),
            "totals": parsed("totals"), "failure": parsed("failure"),
            "createdAt": row.created_at, "updatedAt": row.updated_at,
        }),
    )
}
