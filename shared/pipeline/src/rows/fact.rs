//! The entries of the journal that are facts of their task.

use serde_json::json;

use super::NewRow;
use crate::facts::{Closed, Fact, Facts};
use crate::ids::sha256_hex;

/// The row of the fact that a task is closed, after the commands that it has had.
pub fn closed(facts: &Facts, closed: &Closed) -> NewRow {
    let (task, outcome) = (&facts.task, json!(closed).to_string());
    let data = json!({
        "taskId": task, "unitId": task, "key": "closed", "kind": "closed",
        "fingerprint": sha256_hex(outcome.as_bytes()), "outcome": outcome,
    });
    NewRow {
        table: "journal",
        id: format!("{task}.x{}", facts.commands().count()),
        data,
        permissions: Vec::new(),
    }
}

/// `kind` of the entries of the journal that are facts of their task.
pub const FACT_KINDS: [&str; 5] = ["done", "command", "exhausted", "repository", "closed"];

/// Reads a fact; `None` for an entry that is none.
///
/// # Errors
/// What can not be read. Not worth a retry.
pub fn read_fact(kind: &str, outcome: &str) -> Result<Option<Fact>, serde_json::Error> {
    Ok(Some(match kind {
        "done" => Fact::Done(serde_json::from_str(outcome)?),
        "command" => Fact::Command(serde_json::from_str(outcome)?),
        "exhausted" => Fact::Exhausted(serde_json::from_str(outcome)?),
        "repository" => Fact::Repository(serde_json::from_str(outcome)?),
        "closed" => Fact::Closed(serde_json::from_str(outcome)?),
        _ => return Ok(None),
    }))
}
