//! The plan a planner model answers with.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::tables::{ColumnKind, Table};

/// A plan. The JSON schema the model is held to is [`schema()`]; the rules no schema can
/// express are in [`crate::plan_rules`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Empty, or why the brief must not be built.
    pub refused: String,
    /// The project's name.
    pub project_name: String,
    /// What will be built, in a few sentences.
    pub summary: String,
    /// What may go wrong.
    pub risks: Vec<String>,
    /// The technical choices all assignments share.
    pub stack: Stack,
    /// Files the orchestrator writes before any agent starts.
    pub shared_files: Vec<SharedFile>,
    /// What assignments promise each other.
    pub contracts: Vec<Contract>,
    /// The tables of the app's database; none for an app without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
    /// The app's functions, which run on Appwrite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<AppFunction>,
    /// The work, one agent each.
    pub assignments: Vec<Assignment>,
}

/// A function of the app: a folder of the workspace that runs on Appwrite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct AppFunction {
    /// Its id within the plan, `^[a-z0-9][a-z0-9-]{0,19}$`.
    pub id: String,
    /// The folder that holds all its files.
    pub folder: String,
    /// The module in that folder whose default export answers requests.
    pub entrypoint: String,
    /// Who may call it.
    pub access: Callers,
}

/// Who may call a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Callers {
    /// Everybody, at its public address.
    Any,
    /// Whoever is signed in.
    Users,
}

impl Callers {
    /// Appwrite's word for the role.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Users => "users",
        }
    }
}

/// The technical choices all assignments share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// The main language.
    pub language: String,
    /// The framework, or `none`.
    pub framework: String,
    /// Shown, never executed by the orchestrator.
    pub build_command: String,
    /// Shown, never executed by the orchestrator.
    pub test_command: String,
    /// Folder that holds the site after a build, `.` where nothing is built.
    pub output_dir: String,
    /// `static-site`, `site-ssr` or `function`.
    #[serde(deserialize_with = "lower")]
    pub appwrite_kind: String,
}

/// A file the orchestrator writes before any agent starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct SharedFile {
    /// Its path.
    pub path: String,
    /// Its whole text.
    pub content: String,
}

/// What one assignment provides and others rely on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Its id within the plan.
    pub id: String,
    /// `types`, `http`, `module`, `data` or `ui`.
    #[serde(deserialize_with = "lower")]
    pub kind: String,
    /// The promise itself.
    pub definition: String,
    /// The assignment that keeps it.
    pub provider: String,
    /// The assignments that rely on it.
    pub consumers: Vec<String>,
}

/// One agent's work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Its id within the plan, `^[a-z0-9][a-z0-9-]{0,31}$`.
    pub id: String,
    /// A few words.
    pub title: String,
    /// The kind of work: `ui`, `logic`, `docs` …
    #[serde(rename = "type")]
    pub kind: String,
    /// What the agent should be good at.
    pub specialization: String,
    /// How long it should take, in words.
    pub estimate: String,
    /// 1 is first.
    pub priority: u32,
    /// What to achieve.
    pub objective: String,
    /// Assignments that must be done before.
    pub depends_on: Vec<String>,
    /// Exact files, or folders with a trailing `/`. Exclusive.
    pub owns: Vec<String>,
    /// Paths it is meant to read.
    pub may_read: Vec<String>,
    /// Contracts it takes part in.
    pub contracts: Vec<String>,
    /// What the reviewer will check, and nothing else.
    pub acceptance: Vec<Check>,
    /// What it must leave alone.
    pub out_of_scope: Vec<String>,
    /// `S`, `M` or `L`.
    #[serde(deserialize_with = "upper")]
    pub size: String,
}

/// One thing the reviewer checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Its id within the assignment.
    pub id: String,
    /// A statement that holds or does not.
    pub check: String,
}

/// Models do not keep to the case of an enumeration.
fn lower<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|word| word.to_lowercase())
}

fn upper<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|word| word.to_uppercase())
}

fn object(properties: Value) -> Value {
    let required: Vec<&String> = properties
        .as_object()
        .map(|map| map.keys().collect())
        .unwrap_or_default();
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// The JSON schema of a plan, within what both model services support: every property
/// required, no bounds.
pub fn schema() -> Value {
    let text = || json!({"type": "string"});
    let texts = || list(json!({"type": "string"}));
    object(json!({
        "refused": {"type": "string", "description": "empty unless the brief must not be built"},
        "project_name": text(),
        "summary": text(),
        "risks": texts(),
        "stack": object(json!({
            "language": text(), "framework": text(), "build_command": text(), "test_command": text(),
            "output_dir": text(),
            "appwrite_kind": {"type": "string", "enum": ["static-site", "site-ssr", "function"]},
        })),
        "shared_files": list(object(json!({"path": text(), "content": text()}))),
        "contracts": list(object(json!({
            "id": text(),
            "kind": {"type": "string", "enum": ["types", "http", "module", "data", "ui"]},
            "definition": text(), "provider": text(), "consumers": texts(),
        }))),
        "tables": list(table()),
        "functions": list(object(json!({
            "id": text(),
            "folder": text(),
            "entrypoint": {"type": "string", "description": "a module in the folder, such as main.js"},
            "access": {"type": "string", "enum": ["any", "users"]},
        }))),
        "assignments": list(object(json!({
            "id": text(), "title": text(), "type": text(), "specialization": text(), "estimate": text(),
            "priority": {"type": "integer"}, "objective": text(), "depends_on": texts(),
            "owns": {"type": "array", "items": {"type": "string"}, "description": "exact files or dir/ prefixes; exclusive"},
            "may_read": texts(), "contracts": texts(),
            "acceptance": list(object(json!({"id": text(), "check": text()}))),
            "out_of_scope": texts(),
            "size": {"type": "string", "enum": ["S", "M", "L"]},
        }))),
    }))
}

fn table() -> Value {
    let (text, texts) = (
        || json!({"type": "string"}),
        || list(json!({"type": "string"})),
    );
    let kinds = ColumnKind::ALL.map(ColumnKind::as_str);
    object(json!({
        "id": text(), "name": text(),
        "access": {"type": "string", "enum": ["private", "shared", "public"]},
        "columns": list(object(json!({
            "key": text(),
            "type": {"type": "string", "enum": kinds},
            "size": {"type": "integer", "description": "characters of a string, 0 for any other type"},
            "required": {"type": "boolean"}, "array": {"type": "boolean"},
            "elements": {"type": "array", "items": {"type": "string"}, "description": "the words of an enum, else empty"},
        }))),
        "indexes": list(object(json!({
            "key": text(),
            "type": {"type": "string", "enum": ["key", "unique", "fulltext"]},
            "columns": texts(),
        }))),
    }))
}
