//! Rows as the server rewrites them.

use serde_json::{Value, json};

use super::recorded;
use crate::row::Row;
use crate::same::row_is;

fn is_same(row: &Row, data: Value, permissions: &[&str]) -> bool {
    let permissions: Vec<String> = permissions.iter().map(|it| (*it).to_owned()).collect();
    let Value::Object(data) = data else {
        panic!("not an object")
    };
    row_is(row, &row.id, &data, &permissions)
}

fn recorded_row() -> Row {
    serde_json::from_value(recorded::body("row_created")).unwrap()
}

#[test]
fn recorded_row_is_what_was_sent() {
    let sent = recorded::fixture("row_created")["request_body"].clone();
    let permissions = ["read(\"user:alice\")", "update(\"user:alice\")"];
    assert!(is_same(&recorded_row(), sent["data"].clone(), &permissions));
}

#[test]
fn rewritten_values_are_the_same() {
    let row = recorded_row();
    assert!(is_same(
        &row,
        json!({"due": "2026-12-01T11:00:00+01:00"}),
        &[]
    ));
    assert!(is_same(&row, json!({"count": 3.0, "body": null}), &[]));
    assert!(is_same(&row, json!({"$id": "ignored inside data"}), &[]));
}

#[test]
fn changed_values_are_not_the_same() {
    let row = recorded_row();
    for changed in [
        json!({"title": "first"}),
        json!({"due": "2026-12-01T10:00:01Z"}),
        json!({"count": 4}),
        json!({"tags": ["a"]}),
        json!({"tags": ["b", "a"]}),
        json!({"body": "text"}),
        json!({"unknown": 1}),
        json!({"title": null}),
    ] {
        assert!(!is_same(&row, changed.clone(), &[]), "{changed}");
    }
    assert!(!is_same(&row, json!({}), &["read(\"user:bob\")"]));
    assert!(!row_is(&row, "TASK-1", &serde_json::Map::new(), &[]));
}

#[test]
fn write_permission_is_update_and_delete() {
    let mut row = recorded_row();
    row.permissions = vec!["delete(\"any\")".to_owned(), "update(\"any\")".to_owned()];
    assert!(is_same(&row, json!({}), &["write(\"any\")"]));
}
