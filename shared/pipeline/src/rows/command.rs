//! The rows of a command of the owner.

use serde_json::json;

use super::{NewRow, owner_may_read};
use crate::command::Command;
use crate::ids::{TaskId, sha256_hex};
use crate::messages::{self, Level};
use crate::progress::CommandTold;

/// The row of a command: the `number`-th of its task, 1 and up. Whoever creates it first has
/// that number.
pub fn command(task: &TaskId, number: usize, command: &Command) -> NewRow {
    let outcome = json!(command).to_string();
    let data = json!({
        "taskId": task, "unitId": task, "key": format!("c{number}"), "kind": "command",
        "fingerprint": sha256_hex(outcome.as_bytes()), "outcome": outcome,
    });
    NewRow {
        table: "journal",
        id: format!("{task}.c{number}"),
        data,
        permissions: Vec::new(),
    }
}

/// The line of the feed for a command. A program reads its word, and a raised budget.
pub fn command_line(task: &TaskId, owner: &str, number: usize, command: &Command) -> NewRow {
    let data = json!({
        "taskId": task, "unitId": task, "stage": "command", "level": Level::Info.as_str(),
        "text": messages::command(command), "data": json!(CommandTold::of(command)).to_string(),
    });
    NewRow {
        table: "progress",
        id: format!("{task}.c{number}"),
        data,
        permissions: owner_may_read(owner),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_line_of_a_budget_says_how_much() {
        let task = TaskId::of_request("o", "r");
        let told = |command: &Command| -> Value {
            let row = command_line(&task, "o", 1, command);
            serde_json::from_str(row.data["data"].as_str().unwrap()).unwrap()
        };
        let micro_usd = 1_500_000;
        assert_eq!(
            told(&Command::Budget { micro_usd }),
            json!({"command": "budget", "budgetMicroUsd": micro_usd})
        );
        assert_eq!(told(&Command::Pause {}), json!({"command": "pause"}));
    }
}
