//! What a person who watches is told: everything that happened, once.

use std::collections::BTreeMap;

use appwrite::Row;
use serde_json::Value;

use crate::world::World;

fn json(row: &Row, column: &str) -> Value {
    serde_json::from_str(row.text(column).unwrap()).unwrap()
}

/// Every turn of every agent has its line, with what that very turn has cost, and no line
/// tells of a turn that does not count.
pub(crate) async fn assert_all_is_told(world: &World, task: &str) {
    let lines = world.rows("progress", task).await;
    let unit = |row: &Row| row.id.split('.').next().unwrap().to_owned();
    let mut told = BTreeMap::new();
    for line in &lines {
        let data = json(line, "data");
        if data["kind"] == "turn" {
            let cost = data["spent"]["costMicroUsd"].as_u64().unwrap();
            told.insert((unit(line), data["turn"].as_u64().unwrap()), cost);
        }
    }
    let mut recorded = BTreeMap::new();
    for entry in world.rows("journal", task).await {
        if entry.text("kind") != Some("effect") {
            continue;
        }
        if let Some(turn) = json(&entry, "outcome").get("turn") {
            // Where the call was handed in, the key says more than the turn.
            let key = entry.text("key").unwrap().split('.').next().unwrap();
            let number: u64 = key[1..].parse().unwrap();
            let cost = turn["reply"]["spent"]["costMicroUsd"].as_u64().unwrap();
            recorded.insert((unit(&entry), number + 1), cost);
        }
    }
    assert!(!recorded.is_empty());
    assert_eq!(told, recorded, "lines on the left, turns on the right");
    let sequences: Vec<u64> = lines
        .iter()
        .map(|line| line.sequence.parse().unwrap())
        .collect();
    assert!(
        sequences.is_sorted_by(|one, other| one < other),
        "{sequences:?}"
    );
}
