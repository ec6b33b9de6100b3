//! Structured output: an answer always fits the schema of the request.

use serde_json::{Map, Value, json};

/// Makes a value fit a schema: unknown members go, missing ones are added empty, a value outside
/// an enumeration becomes its first, numbers and texts are changed into each other.
pub(crate) fn conform(value: Value, schema: &Value) -> Value {
    if let Some(allowed) = schema["enum"].as_array() {
        return if allowed.contains(&value) {
            value
        } else {
            allowed.first().cloned().unwrap_or(Value::Null)
        };
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return value,
    };
    match (types.first().copied(), value) {
        (_, Value::Null) if types.contains(&"null") => Value::Null,
        (Some("object"), value) => object(value, schema),
        (Some("array"), Value::Array(items)) => Value::Array(
            items
                .into_iter()
                .map(|item| conform(item, &schema["items"]))
                .collect(),
        ),
        (Some("array"), _) => json!([]),
        (Some("string"), value @ Value::String(_)) => value,
        (Some("string"), Value::Null) => json!(""),
        (Some("string"), other) => json!(other.to_string()),
        (Some("integer" | "number"), value @ Value::Number(_)) => value,
        (Some("integer" | "number"), Value::String(text)) => json!(leading_number(&text)),
        (Some("integer" | "number"), _) => json!(0),
        (Some("boolean"), value @ Value::Bool(_)) => value,
        (Some("boolean"), _) => json!(false),
        (_, value) => value,
    }
}

fn object(value: Value, schema: &Value) -> Value {
    let Value::Object(mut members) = value else {
        return object(json!({}), schema);
    };
    let Some(properties) = schema["properties"].as_object() else {
        return Value::Object(members);
    };
    let mut out = Map::new();
    for (name, property) in properties {
        let is_required = schema["required"]
            .as_array()
            .is_some_and(|required| required.contains(&json!(name)));
        match members.remove(name) {
            Some(member) => {
                out.insert(name.clone(), conform(member, property));
            }
            None if is_required => {
                out.insert(name.clone(), conform(Value::Null, property));
            }
            None => {}
        }
    }
    Value::Object(out)
}

fn leading_number(text: &str) -> u64 {
    text.split(|character: char| !character.is_ascii_digit())
        .find_map(|digits| digits.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_fits_the_schema() {
        let schema = json!({"type": "object", "required": ["a", "b", "c"], "properties": {
            "a": {"type": "integer"}, "b": {"type": "string", "enum": ["x", "y"]},
            "c": {"type": "array", "items": {"type": "string"}}, "d": {"type": "string"}}});
        let value = conform(json!({"a": "20 minutes", "b": "z", "e": 1}), &schema);
        assert_eq!(value, json!({"a": 20, "b": "x", "c": []}));
    }
}
