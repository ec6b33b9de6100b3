//! The rows of budgets: the ledger, and calls that did not fit.

use serde_json::{Map, Value, json};

use super::{NewRow, journal};
use crate::ids::{TaskId, UnitId, sha256_hex};
use crate::ledger::{Book, Exhausted, LedgerRow, Reserved};
use crate::messages::{self, Level, Line};

/// The row of the fact that a call of `unit` did not fit into the budget: one for each unit
/// and budget.
pub fn exhausted(task: &TaskId, unit: &UnitId, call: &Exhausted) -> NewRow {
    let outcome = json!(call).to_string();
    let key = format!("exhausted.{}", call.limit_micro_usd);
    let fingerprint = sha256_hex(outcome.as_bytes());
    journal(task, unit, &key, "exhausted", &fingerprint, outcome)
}

/// The line of the feed for a call that did not fit into the budget.
pub fn exhausted_line(call: &Exhausted) -> Line {
    Line {
        key: format!("exhausted.{}", call.limit_micro_usd),
        stage: "budget",
        level: Level::Warning,
        text: format!("{} Raise the budget to go on.", messages::exhausted(call)),
        data: json!(call),
    }
}

/// A row of the ledger. Whoever creates it first has its number.
pub fn ledger(task: &TaskId, row: &LedgerRow) -> NewRow {
    let reserved = row.reserved.as_ref();
    let data = json!({
        "taskId": task, "number": row.book.number, "spentMicroUsd": row.book.spent, "reservedMicroUsd": row.book.reserved,
        "unitId": row.unit, "executionId": row.execution, "settled": json!(row.settled).to_string(),
        "key": reserved.map(|reserved| &reserved.key), "microUsd": reserved.map(|reserved| reserved.micro_usd),
    });
    NewRow {
        table: "ledger",
        id: format!("{task}.{}", row.book.number),
        data,
        permissions: Vec::new(),
    }
}

/// Reads a row of the ledger.
///
/// # Errors
/// Which column can not be read. Not worth a retry.
pub fn read_ledger(data: &Map<String, Value>) -> Result<LedgerRow, String> {
    let wrong = |column: &str| format!("column `{column}` of the ledger can not be read");
    let number = |column: &str| {
        let value = data.get(column).and_then(Value::as_u64);
        value.ok_or_else(|| wrong(column))
    };
    let text = |column: &str| {
        let value = data.get(column).and_then(Value::as_str);
        value.ok_or_else(|| wrong(column))
    };
    let unit = serde_json::from_value(data.get("unitId").cloned().unwrap_or_default());
    let reserved = match data.get("key").and_then(Value::as_str) {
        None => None,
        Some(key) => Some(Reserved {
            key: key.to_owned(),
            micro_usd: number("microUsd")?,
        }),
    };
    Ok(LedgerRow {
        book: Book {
            number: number("number")?,
            spent: number("spentMicroUsd")?,
            reserved: number("reservedMicroUsd")?,
        },
        unit: unit.map_err(|_| wrong("unitId"))?,
        execution: text("executionId")?.to_owned(),
        settled: serde_json::from_str(text("settled")?).map_err(|_| wrong("settled"))?,
        reserved,
    })
}
