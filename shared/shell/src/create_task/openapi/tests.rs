use std::collections::BTreeSet;

use pipeline::command::Refusal;
use pipeline::quota::Reached;
use serde_json::Value;

use super::super::quota::refused;
use super::*;

/// The sources of everything that create-task answers with.
const SOURCES: [&str; 8] = [
    include_str!("../../create_task.rs"),
    include_str!("../commands.rs"),
    include_str!("../credentials.rs"),
    include_str!("../journal.rs"),
    include_str!("../routes.rs"),
    include_str!("../../invocation.rs"),
    include_str!("../../../../pipeline/src/command.rs"),
    include_str!("../../../../pipeline/src/quota.rs"),
];
/// What its function says before it is asked.
const FUNCTION: &str = include_str!("../../function.rs");
/// Codes of `function.rs` that only the functions of units have.
const OF_UNITS: [&str; 2] = ["row_not_found", "invalid_body"];
/// What stands before a code.
const MARKS: [&str; 5] = ["code: ", "\"code\": ", "refusal(", "code = ", "::error("];

/// The codes in a source: words in quotes after a mark, or after the status that follows one.
fn codes(source: &str) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]").next().unwrap();
    let flat: String = source.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = BTreeSet::new();
    for mark in MARKS {
        for rest in flat.split(mark).skip(1) {
            let rest = rest.trim_start_matches(|it: char| it.is_ascii_digit() || ", ".contains(it));
            let Some(quoted) = rest.strip_prefix('"') else {
                continue;
            };
            let word = quoted.split('"').next().unwrap();
            let is_code = |it: char| it.is_ascii_lowercase() || it == '_';
            if !word.is_empty() && word.chars().all(is_code) {
                found.insert(word.to_owned());
            }
        }
    }
    found
}

fn described(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(codes) = fields.get("code").and_then(|code| code["enum"].as_array()) {
                found.extend(codes.iter().map(|code| code.as_str().unwrap().to_owned()));
            }
            fields.values().for_each(|value| described(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| described(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_code_is_described_and_every_described_code_is_used() {
    let mut used: BTreeSet<String> = SOURCES.iter().flat_map(|source| codes(source)).collect();
    let of_function = codes(FUNCTION).into_iter();
    used.extend(of_function.filter(|code| !OF_UNITS.contains(&code.as_str())));
    let mut said = BTreeSet::new();
    described(&document(), &mut said);
    assert_eq!(said, used);
    assert!(used.len() > 20, "{used:?}");
}

#[test]
fn every_call_is_described_with_what_it_refers_to() {
    let document = document();
    for (method, path, _) in &ROUTES {
        let operation = &document["paths"][path][method.as_str().to_ascii_lowercase()];
        assert!(operation["operationId"].is_string(), "{method} {path}");
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn statuses_are_described_as_they_are() {
    let text = document()["components"]["schemas"]["Commanded"]["properties"]["status"].clone();
    let words = text["enum"].as_array().unwrap();
    for word in words {
        assert!(
            pipeline::Status::parse(word.as_str().unwrap()).is_some(),
            "{word}"
        );
    }
    assert_eq!(words.len(), 11);
}

#[test]
fn a_limit_says_when_it_passes_as_it_is_described() {
    let limited = &document()["paths"]["/"]["post"]["responses"]["429"];
    assert_eq!(limited["headers"]["Retry-After"]["schema"]["minimum"], 1);
    let reply = refused(&Reached {
        refusal: Refusal {
            code: "tasks_a_minute_limit",
            message: "Later.".to_owned(),
        },
        passes_in_seconds: Some(7),
    });
    let header = ("retry-after".to_owned(), "7".to_owned());
    assert!(reply.headers.contains(&header), "{:?}", reply.headers);
    let answer: Value = serde_json::from_slice(&reply.body).unwrap();
    let schema = &limited["content"]["application/json"]["schema"]["properties"]["error"];
    for (name, _) in answer["error"].as_object().unwrap() {
        assert!(schema["properties"][name].is_object(), "{name}");
    }
    assert_eq!(answer["error"]["retryAfterSeconds"], 7);
}
