//! The rules of a brief, as `briefs.json` has them. The page's own check reads the same file, so
//! neither can change without the other.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use pipeline::brief::Brief;
use serde_json::{Value, json};

/// Writes out what the file only describes: `$repeat` and `$list` with `times`, and `$join`.
fn expanded(value: &Value) -> Value {
    let times = || value["times"].as_u64().unwrap() as usize;
    let text = |value: &Value| expanded(value).as_str().unwrap().to_owned();
    match value {
        Value::Object(fields) if fields.contains_key("$repeat") => {
            text(&value["$repeat"]).repeat(times()).into()
        }
        Value::Object(fields) if fields.contains_key("$list") => {
            vec![expanded(&value["$list"]); times()].into()
        }
        Value::Object(fields) if fields.contains_key("$join") => {
            let parts = value["$join"].as_array().unwrap();
            parts.iter().map(text).collect::<String>().into()
        }
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), expanded(value)))
            .collect(),
        Value::Array(items) => items.iter().map(expanded).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[test]
fn every_brief_of_the_corpus_is_judged_as_it_says() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("briefs.json")).unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        let body = expanded(&case["brief"]).to_string();
        let errors = Brief::parse(body.as_bytes()).err().unwrap_or_default();
        let mut found: Vec<Value> = errors
            .iter()
            .map(|error| json!([error.field, error.rule]))
            .collect();
        let mut expected = case["errors"].as_array().unwrap().clone();
        found.sort_by_key(Value::to_string);
        expected.sort_by_key(Value::to_string);
        assert_eq!(found, expected, "{}", case["case"]);
    }
}
