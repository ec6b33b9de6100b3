//! The description of the task API in OpenAPI 3.1, which the function serves itself.
//!
//! It is made of the same routes and limits that the calls obey; a test holds the codes of its
//! errors to the code, and another lets a generated client try everything that it says.

mod schemas;

use serde_json::{Map, Value, json};

use super::routes::{Call, OfTask, ROUTES};
use crate::invocation::{Invocation, Reply};

/// The description, if a request asks for it.
pub(crate) fn answer_to(invocation: &Invocation) -> Option<Reply> {
    let (call, _) = super::routes::find(&invocation.method, &invocation.path)?;
    (call == Call::Describe).then(|| Reply::json(200, &document()))
}

/// The description.
fn document() -> Value {
    let mut paths = Map::new();
    for (method, path, call) in &ROUTES {
        let item = paths.entry((*path).to_owned()).or_insert_with(|| json!({}));
        item[method.as_str().to_ascii_lowercase()] = operation(*call);
        if path.starts_with("/{taskId}") {
            item["parameters"] = json!([{"$ref": "#/components/parameters/taskId"}]);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "create-task",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Takes briefs and answers for tasks. It is a function of Appwrite: a call is an execution (`POST /v1/functions/create-task/executions`) with this method, path and body, by a user with the label `orchestrator` or with an API key; its answer is the execution's `responseStatusCode` and `responseBody`. What is no call is answered with 400 `unknown_call`.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "parameters": {"taskId": {
                "name": "taskId", "in": "path", "required": true,
                "description": "The id that the task was accepted under.",
                "schema": {"type": "string", "pattern": "^t[a-z2-7]{24}$"},
            }},
            "responses": {
                "UnknownCall": refusal("There is no such call.", &["unknown_call"]),
                "NotConfigured": refusal("The function lacks settings, or could not write its answer.", &["not_configured", "bug_reply_json"]),
                "TryAgain": refusal("Something did not answer. The call may be repeated.", &["try_again"]),
                "TaskNotFound": refusal("There is no such task, or it is not the caller's.", &["task_not_found"]),
                "NoUser": refusal("The caller has a key and is no user.", &["no_user"]),
            },
            "schemas": schemas::all(),
        },
    })
}

fn operation(call: Call) -> Value {
    match call {
        Call::Health => json!({
            "operationId": "health", "summary": "A report on the settings, never their values.",
            "responses": {"200": answer("Nothing is missing.", "Health"), "500": answer("Settings are missing.", "Health")},
        }),
        Call::Describe => json!({
            "operationId": "describe", "summary": "This description.",
            "responses": {"200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object", "required": ["openapi", "paths"]}}}}},
        }),
        Call::Create => of(
            "createTask",
            "Takes a brief. With the same `options.requestId` a repeat returns the same task.",
            Some("NewTask"),
            json!({
                "201": answer("It is accepted.", "Accepted"),
                "400": refusal("The brief breaks rules; `fields` names each.", &["invalid_brief"]),
                "409": refusal("The `requestId` was used for another brief.", &["request_id_used"]),
                "429": limited("A limit of the owner is reached.", &["open_tasks_limit", "tasks_a_minute_limit", "tasks_a_day_limit", "usd_a_day_limit", "usd_a_month_limit"]),
            }),
        ),
        Call::ShowCredentials => of(
            "showCredentials",
            "Which credentials of the caller are set, never a value.",
            None,
            json!({"200": answer("These are set.", "Credentials"), "403": component("NoUser")}),
        ),
        Call::SetCredentials => of(
            "setCredentials",
            "Sets credentials of the caller; null removes, and what is not named stays.",
            Some("NewCredentials"),
            json!({
                "200": answer("These are set now.", "Credentials"),
                "400": refusal("The credentials break rules; `fields` names each.", &["invalid_credentials"]),
                "403": component("NoUser"),
                "409": refusal("Nobody can set any here.", &["not_configured"]),
            }),
        ),
        Call::RemoveCredentials => of(
            "removeCredentials",
            "Removes all credentials of the caller.",
            None,
            json!({"200": answer("None is set.", "Credentials"), "403": component("NoUser")}),
        ),
        Call::OfTask(what) => of_task(what),
    }
}

fn of_task(what: OfTask) -> Value {
    let missing = component("TaskNotFound");
    match what {
        OfTask::Status => of(
            "showTask",
            "How a task stands, as its row shows it.",
            None,
            json!({"200": answer("The task.", "Task"), "404": missing}),
        ),
        OfTask::Journal => {
            let mut described = of(
                "showJournal",
                "One page of what was recorded of a task, in order.",
                None,
                json!({
                    "200": answer("Some entries.", "Journal"),
                    "400": refusal("There is no such page.", &["unknown_cursor"]),
                    "404": missing,
                }),
            );
            described["parameters"] = json!([{
                "name": "after", "in": "query", "required": false,
                "description": "The `next` of the page before.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 36, "pattern": "^[a-z0-9.]+$"},
            }]);
            described
        }
        OfTask::Command => of(
            "command",
            "Hands a command of the owner to a task.",
            Some("Command"),
            json!({
                "200": answer("It is taken.", "Commanded"),
                "400": refusal("It is no command, or the plan would break rules: `violations` names each.", &["invalid_command", "invalid_plan"]),
                "404": missing,
                "409": refusal(
                    "The task does not take it now.",
                    &["not_now", "closed", "too_many_commands", "too_late", "budget_reached", "no_budget", "not_more", "no_release"],
                ),
            }),
        ),
        OfTask::Nudge => of(
            "nudge",
            "Looks at a task, and starts again what died.",
            None,
            json!({"200": answer("It was looked at.", "Nudged"), "404": missing}),
        ),
    }
}

/// A call that needs the store.
fn of(id: &str, summary: &str, body: Option<&str>, mut responses: Value) -> Value {
    responses["500"] = component("NotConfigured");
    responses["503"] = component("TryAgain");
    let mut described = json!({"operationId": id, "summary": summary, "responses": responses});
    if let Some(schema) = body {
        described["requestBody"] = json!({"required": true, "content": content(schema)});
    }
    described
}

fn content(schema: &str) -> Value {
    json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}})
}

fn answer(description: &str, schema: &str) -> Value {
    json!({"description": description, "content": content(schema)})
}

fn component(name: &str) -> Value {
    json!({"$ref": format!("#/components/responses/{name}")})
}

/// A refusal that may say when it passes.
fn limited(description: &str, codes: &[&str]) -> Value {
    let mut described = refusal(description, codes);
    let error = "/content/application~1json/schema/properties/error/properties";
    let seconds = json!({"type": "integer", "minimum": 1});
    if let Some(fields) = described.pointer_mut(error) {
        fields["retryAfterSeconds"] = seconds.clone();
        fields["retryAfterSeconds"]["description"] =
            json!("When the limit passes, where time alone does it.");
    }
    described["headers"] = json!({"Retry-After": {"description": "The same.", "schema": seconds}});
    described
}

/// An answer with one of these codes.
fn refusal(description: &str, codes: &[&str]) -> Value {
    let schema = json!({
        "type": "object", "required": ["error"], "additionalProperties": false,
        "properties": {"error": {
            "type": "object", "required": ["code", "message"], "additionalProperties": false,
            "properties": {
                "code": {"enum": codes},
                "message": {"type": "string", "description": "For people: what happened and what to do."},
                "fields": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
                "violations": {"type": "array", "items": {"type": "string"}},
            },
        }},
    });
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

#[cfg(test)]
mod tests;
