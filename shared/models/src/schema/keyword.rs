//! The keywords that both providers enforce, one by one.

use serde_json::Value;

const TYPES: [&str; 7] = [
    "object", "array", "string", "integer", "number", "boolean", "null",
];

/// Enforced by both; `duration` and `hostname` by Anthropic only.
const FORMATS: [&str; 8] = [
    "date-time",
    "date",
    "time",
    "email",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// What a pattern must not hold: groups that look around, references back, word boundaries.
const PATTERN_PARTS: [&str; 7] = ["(?=", "(?!", "(?<", "\\b", "\\B", "\\k", "\\p"];

/// Says what is wrong with a keyword, its nested schemas aside.
pub(super) fn check(keyword: &str, value: &Value) -> Result<(), String> {
    let right = match keyword {
        "title" | "description" => value.is_string(),
        "type" => return one_of(value, &TYPES),
        "format" => return one_of(value, &FORMATS),
        "properties" | "$defs" => value.is_object(),
        "required" => value
            .as_array()
            .is_some_and(|names| names.iter().all(Value::is_string)),
        "additionalProperties" => value == &Value::Bool(false),
        "items" => value.is_object(),
        "minItems" => matches!(value.as_u64(), Some(0 | 1)),
        "const" => is_scalar(value),
        "enum" => value
            .as_array()
            .is_some_and(|values| !values.is_empty() && values.iter().all(is_scalar)),
        "anyOf" => value.as_array().is_some_and(|list| !list.is_empty()),
        "allOf" => value.as_array().is_some_and(|list| {
            list.len() == 1 && list.iter().all(|child| child.get("$ref").is_none())
        }),
        "$ref" => value
            .as_str()
            .is_some_and(|target| target.starts_with("#/$defs/")),
        "pattern" => value.as_str().is_some_and(is_simple),
        _ => return Err("not enforced by both providers".to_owned()),
    };
    if right {
        Ok(())
    } else {
        Err(format!("both providers do not take {value}"))
    }
}

fn one_of(value: &Value, allowed: &[&str]) -> Result<(), String> {
    match value.as_str() {
        Some(text) if allowed.contains(&text) => Ok(()),
        Some(_) | None => Err(format!("{value} is none of {}", allowed.join(", "))),
    }
}

fn is_scalar(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        Value::Array(_) | Value::Object(_) => false,
    }
}

fn is_simple(pattern: &str) -> bool {
    let refers_back = pattern
        .split('\\')
        .skip(1)
        .any(|rest| rest.starts_with(|digit: char| ('1'..='9').contains(&digit)));
    !refers_back && !PATTERN_PARTS.iter().any(|part| pattern.contains(part))
}
