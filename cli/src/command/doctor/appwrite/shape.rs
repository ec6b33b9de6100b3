//! Whether the tables are as appwrite.json has them.

use serde_json::Value;

use super::super::ask::Asked;
use super::super::finding::Finding;
use super::super::models::{reached, unexpected};

/// Judges a list of tables. Columns that are there and not described do no harm.
pub(super) fn judge(area: &'static str, asked: &Asked, config: &Value) -> Vec<Finding> {
    let answer = match reached(area, asked) {
        Ok(answer) => answer,
        Err(finding) => return vec![finding],
    };
    let push = "Run scripts/push.";
    if answer.status == 404 {
        return vec![Finding::wrong(area, "the database is missing", push)];
    }
    let Some(tables) = answer.body["tables"].as_array() else {
        return vec![unexpected(area, answer)];
    };
    let wanted = config["tables"].as_array().map_or(&[][..], Vec::as_slice);
    let mut found = Vec::new();
    for table in wanted {
        let name = table["$id"].as_str().unwrap_or_default();
        let Some(there) = tables.iter().find(|there| there["$id"] == table["$id"]) else {
            found.push(Finding::wrong(
                area,
                format!("table {name} is missing"),
                push,
            ));
            continue;
        };
        let differing = differing(table, there);
        if !differing.is_empty() {
            let says = format!("table {name} differs in {}", differing.join(", "));
            found.push(Finding::wrong(area, says, push));
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(
            area,
            format!("the database has its {} tables", wanted.len()),
        ));
    }
    found
}

/// Names of columns and indexes that are missing or of another kind.
fn differing(table: &Value, there: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for list in ["columns", "indexes"] {
        for wanted in table[list].as_array().into_iter().flatten() {
            let own = there[list].as_array().into_iter().flatten();
            let same = own.into_iter().find(|own| own["key"] == wanted["key"]);
            let is_same = same.is_some_and(|own| {
                own["type"] == wanted["type"]
                    && own["size"].as_u64() >= wanted["size"].as_u64()
                    && (own["status"].is_null() || own["status"] == "available")
            });
            if !is_same {
                names.push(wanted["key"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    names
}
