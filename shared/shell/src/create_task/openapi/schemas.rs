//! The shapes of the task API's requests and answers.

use pipeline::limits::{
    ASSIGNMENTS_MAX, BRANCH_CHARS_MAX, BUDGET_USD_MAX, COMMENT_CHARS_MAX, DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX, PARALLELISM_MAX, REQUEST_ID_CHARS_MAX, REQUIREMENT_CHARS_MAX, REQUIREMENTS_MAX,
    TOPIC_CHARS_MAX, TOPICS_MAX,
};
use serde_json::{Value, json};

use crate::create_task::journal::ROWS_MAX;
use crate::credentials::limits;

/// A text that says something.
const NOT_BLANK: &str = "\\S";

/// Every shape, by its name.
pub(super) fn all() -> Value {
    json!({
        "NewTask": new_task(),
        "Options": options(),
        "Accepted": object(json!({"taskId": task_id(), "status": {"const": "pending"}})),
        "Task": task(),
        "Journal": journal(),
        "Command": command(),
        "Commanded": object(json!({"taskId": task_id(), "command": {"type": "string"}, "status": status()})),
        "Nudged": object(json!({
            "taskId": task_id(), "created": count(), "started": count(),
            "lookAgainMs": {"type": "integer", "minimum": 0, "description": "Milliseconds after which another look can bring something."},
        })),
        "NewCredentials": new_credentials(),
        "Credentials": object(json!({"github": set_credential(), "appwrite": set_credential()})),
        "Health": health(),
        "FieldError": object(json!({"field": {"type": "string"}, "rule": {"type": "string", "description": "Follows the field's name in a sentence."}})),
    })
}

/// An object that has all of these fields and no other.
fn object(properties: Value) -> Value {
    let names: Vec<&String> = properties
        .as_object()
        .into_iter()
        .flat_map(|it| it.keys())
        .collect();
    json!({"type": "object", "required": names, "additionalProperties": false, "properties": properties})
}

fn text(chars_max: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": chars_max, "pattern": NOT_BLANK})
}

fn requirements() -> Value {
    json!({"type": "array", "maxItems": REQUIREMENTS_MAX, "items": text(REQUIREMENT_CHARS_MAX)})
}

fn task_id() -> Value {
    json!({"type": "string", "pattern": "^t[a-z2-7]{24}$"})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn status() -> Value {
    json!({"enum": ["pending", "planning", "awaiting_approval", "coding", "reviewing", "publishing", "deploying", "completed", "paused", "failed", "cancelled"]})
}

fn project_type() -> Value {
    json!({"enum": ["web", "mobile", "api", "fullstack"]})
}

fn new_task() -> Value {
    let mut requirements = requirements();
    requirements["type"] = json!(["array", "null"]);
    json!({
        "type": "object", "required": ["name", "description", "type"], "additionalProperties": false,
        "description": "No text may hold what looks like a credential, or NUL.",
        "properties": {
            "name": text(NAME_CHARS_MAX), "description": text(DESCRIPTION_CHARS_MAX),
            "type": project_type(), "requirements": requirements,
            "options": {"anyOf": [{"$ref": "#/components/schemas/Options"}, {"type": "null"}]},
            "owner": {"type": "string", "maxLength": 36, "description": "A user's id: for callers with a key alone, who must give it."},
        },
    })
}

fn options() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "requestId": text(REQUEST_ID_CHARS_MAX),
            "visibility": {"enum": ["private", "public"]},
            "parallelism": {"type": "integer", "minimum": 1, "maximum": PARALLELISM_MAX},
            "assignmentsMax": {"type": "integer", "minimum": 1, "maximum": ASSIGNMENTS_MAX},
            "budgetUsd": budget(),
            "approval": {"enum": ["auto", "plan"]},
            "speed": {"enum": ["normal", "economy"]},
            "preview": {"type": "boolean", "description": "Not for an `api`."},
            "repository": {"type": "string", "maxLength": 140, "description": "An existing one, as `owner/name`."},
            "branch": {"type": "string", "minLength": 1, "maxLength": BRANCH_CHARS_MAX},
            "organization": {"type": "string", "minLength": 1, "maxLength": 39},
            "topics": {"type": "array", "maxItems": TOPICS_MAX, "items": {"type": "string", "maxLength": TOPIC_CHARS_MAX, "pattern": "^[a-z0-9][a-z0-9-]*$"}},
            "workflows": {"enum": ["none", "ci", "deploy"]},
        },
    })
}

fn budget() -> Value {
    json!({"type": "number", "exclusiveMinimum": 0, "maximum": BUDGET_USD_MAX})
}

fn task() -> Value {
    let maybe = |kind: &str| json!({"type": [kind, "null"]});
    let time = || json!({"type": "string", "format": "date-time"});
    object(json!({
        "taskId": task_id(), "name": {"type": "string"}, "type": project_type(), "status": status(),
        "generation": count(), "round": count(), "rev": count(),
        "repositoryUrl": maybe("string"), "siteUrl": maybe("string"), "commitSha": maybe("string"),
        "totals": maybe("object"), "failure": maybe("object"), "createdAt": time(), "updatedAt": time(),
    }))
}

fn journal() -> Value {
    let text = || json!({"type": "string"});
    let entry = object(json!({
        "id": text(), "sequence": text(), "createdAt": {"type": "string", "format": "date-time"}, "unitId": text(),
        "key": text(), "kind": text(), "fingerprint": text(), "outcome": text(),
    }));
    object(json!({
        "entries": {"type": "array", "maxItems": ROWS_MAX, "items": entry},
        "next": {"type": ["string", "null"], "description": "What the next page comes after; null on the last one."},
    }))
}

fn command() -> Value {
    let of = |name: &str, more: Value, required: &[&str]| {
        let mut properties = more;
        properties["command"] = json!({"const": name});
        let names: Vec<&str> = required.iter().copied().chain(["command"]).collect();
        json!({"title": name, "type": "object", "required": names, "additionalProperties": false, "properties": properties})
    };
    let plain =
        ["approve", "pause", "resume", "cancel", "retry"].map(|name| of(name, json!({}), &[]));
    let more = [
        of(
            "revise",
            json!({"comment": text(COMMENT_CHARS_MAX)}),
            &["comment"],
        ),
        of(
            "edit",
            json!({"assignments": {"type": "array", "items": {"type": "object"}, "description": "All of the plan, with all their fields."}}),
            &["assignments"],
        ),
        of(
            "follow_up",
            json!({"description": text(DESCRIPTION_CHARS_MAX), "requirements": requirements()}),
            &["description"],
        ),
        of(
            "rollback",
            json!({"release": {"type": ["integer", "null"], "minimum": 0, "maximum": u32::MAX}}),
            &[],
        ),
        of("budget", json!({"budgetUsd": budget()}), &["budgetUsd"]),
    ];
    let all: Vec<Value> = plain.into_iter().chain(more).collect();
    json!({"oneOf": all})
}

fn new_credentials() -> Value {
    let word = |chars_max: usize| json!({"type": "string", "minLength": 1, "maxLength": chars_max, "pattern": "^[!-~]+$"});
    let app = json!({
        "type": "object", "required": ["id", "privateKey"], "additionalProperties": false,
        "properties": {
            "id": word(limits::APP_ID_CHARS_MAX),
            "privateKey": {"type": "string", "minLength": 1, "maxLength": limits::PRIVATE_KEY_CHARS_MAX, "description": "As PEM; its lines may be joined with `\\n`."},
            "installationId": {"type": ["integer", "null"], "minimum": 1},
        },
    });
    let github = json!({"oneOf": [
        object(json!({"token": word(limits::TOKEN_CHARS_MAX)})), object(json!({"app": app})), {"type": "null"},
    ]});
    let project = object(json!({
        "endpoint": word(limits::ENDPOINT_CHARS_MAX),
        "project": {"type": "string", "minLength": 1, "maxLength": limits::PROJECT_CHARS_MAX, "pattern": "^[A-Za-z0-9._-]+$"},
        "key": word(limits::KEY_CHARS_MAX), "siteDomain": word(limits::DOMAIN_CHARS_MAX),
    }));
    json!({
        "type": "object", "minProperties": 1, "additionalProperties": false,
        "properties": {"github": github, "appwrite": {"oneOf": [project, {"type": "null"}]}},
    })
}

fn set_credential() -> Value {
    json!({"oneOf": [object(json!({"kind": {"enum": ["token", "app", "project"]}, "since": {"type": "string", "format": "date-time"}})), {"type": "null"}]})
}

fn health() -> Value {
    let name = || json!({"type": "string"});
    let setting = object(
        json!({"name": name(), "set": {"type": "boolean"}, "required": {"type": "boolean"}}),
    );
    object(json!({
        "ok": {"type": "boolean"}, "function": {"const": "create-task"}, "version": name(),
        "missing": {"type": "array", "items": name()}, "settings": {"type": "array", "items": setting},
    }))
}
