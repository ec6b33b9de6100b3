//! Request bodies held to GitHub's published description, refused in GitHub's words.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::operation::Operation;
use super::refusal::Refusal;

/// A slice of npm `@octokit/openapi` 23.0.2, `generated/api.github.com.json`.
const DESCRIPTION: &str = include_str!("../../fixtures/github-openapi.json");

static API: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(DESCRIPTION).unwrap_or_default());

/// Refuses a body that does not fit the description of its call.
pub(super) fn check(operation: Operation, body: &Map<String, Value>) -> Result<(), Refusal> {
    let (method, template) = operation.described();
    let described = &API["paths"][template][method.to_ascii_lowercase()]["requestBody"];
    let schema = &described["content"]["application/json"]["schema"];
    // The live service answers about the entries of a tree in words of its own.
    let skipped = (operation == Operation::CreateTree).then_some("tree");
    object(schema, body, "", skipped).map_err(Refusal::invalid_request)
}

/// Whether a call may come without a body.
pub(super) fn is_optional(operation: Operation) -> bool {
    let (method, template) = operation.described();
    let described = &API["paths"][template][method.to_ascii_lowercase()]["requestBody"];
    described["required"] != Value::Bool(true)
}

/// What is wrong with an object, or nothing. `place` is empty or ends with a slash.
fn object(
    schema: &Value,
    body: &Map<String, Value>,
    place: &str,
    skipped: Option<&str>,
) -> Result<(), String> {
    missing(schema, body)?;
    for (name, value) in body {
        let described = &schema["properties"][name];
        if described.is_null() || skipped == Some(name.as_str()) {
            continue;
        }
        value_fits(
            resolve(described),
            value,
            &format!("{place}properties/{name}"),
        )?;
    }
    Ok(())
}

fn missing(schema: &Value, body: &Map<String, Value>) -> Result<(), String> {
    let required = schema["required"].as_array().map(Vec::as_slice);
    let mut missing: Vec<String> = required
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .filter(|name| !body.contains_key(*name))
        .map(|name| format!("\"{name}\""))
        .collect();
    missing.sort_unstable();
    match missing.as_slice() {
        [] => Ok(()),
        [one] => Err(format!("{one} wasn't supplied.")),
        [_, ..] => Err(format!("{} weren't supplied.", missing.join(", "))),
    }
}

fn value_fits(schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    // Null stands for "not given" wherever the live service was seen to take it.
    if value.is_null() {
        return Ok(());
    }
    let (fits, expected) = match schema["type"].as_str() {
        Some("string") => (value.is_string(), "a string"),
        Some("boolean") => (value.is_boolean(), "a boolean"),
        Some("integer") => (value.is_i64() || value.is_u64(), "an integer"),
        Some("array") => (value.is_array(), "an array"),
        Some("object") => (value.is_object(), "an object"),
        // Several types: the handler tells them apart.
        Some(_) | None => return Ok(()),
    };
    if !fits {
        return Err(format!("For '{place}', {value} is not {expected}."));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let allowed = Value::Array(allowed.clone());
        let value = value.as_str().unwrap_or_default();
        return Err(format!(
            "For '{place}', {value} is not a member of {allowed}."
        ));
    }
    match value {
        Value::Array(items) => {
            let described = resolve(&schema["items"]);
            items
                .iter()
                .try_for_each(|item| value_fits(described, item, &format!("{place}/items")))
        }
        Value::Object(inner) => object(schema, inner, &format!("{place}/"), None),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn resolve(schema: &Value) -> &Value {
    schema["$ref"]
        .as_str()
        .and_then(|reference| API.pointer(reference.trim_start_matches('#')))
        .unwrap_or(schema)
}
