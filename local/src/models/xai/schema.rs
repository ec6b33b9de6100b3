//! Which JSON schemas the xAI service accepts for structured output and tools.

use serde_json::Value;

/// How deep a schema may nest here.
const DEPTH_MAX: usize = 32;

const TYPES: &[&str] = &[
    "string", "number", "integer", "boolean", "null", "array", "object",
];

/// Checks a schema; the error says where and why.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    walk(schema, schema, "$", 0)
}

fn walk(root: &Value, schema: &Value, at: &str, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("{at}: nested too deeply"));
    }
    let Some(members) = schema.as_object() else {
        return Err(format!("{at}: a schema must be an object"));
    };
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    };
    if types
        .iter()
        .any(|one| !one.as_str().is_some_and(|one| TYPES.contains(&one)))
    {
        return Err(format!("{at}.type: not a known type"));
    }
    for keyword in ["minContains", "maxContains"] {
        if members.contains_key(keyword) {
            return Err(format!("{at}.{keyword}: not supported"));
        }
    }
    if schema["enum"].as_array().is_some_and(Vec::is_empty) {
        return Err(format!("{at}.enum: must not be empty"));
    }
    if schema["items"].is_array() {
        return Err(format!("{at}.items: must be a schema, not an array"));
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let target = reference
            .strip_prefix('#')
            .and_then(|pointer| root.pointer(pointer));
        if target.is_none() {
            return Err(format!("{at}.$ref: cannot be resolved"));
        }
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        if let Some(branches) = members.get(keyword) {
            let branches = branches
                .as_array()
                .ok_or_else(|| format!("{at}.{keyword}: must be an array"))?;
            if branches.is_empty() {
                return Err(format!("{at}.{keyword}: must not be empty"));
            }
            for (index, branch) in branches.iter().enumerate() {
                walk(root, branch, &format!("{at}.{keyword}[{index}]"), depth + 1)?;
            }
        }
    }
    if !schema["items"].is_null() {
        walk(root, &schema["items"], &format!("{at}.items"), depth + 1)?;
    }
    for keyword in ["properties", "$defs"] {
        for (name, property) in schema[keyword].as_object().into_iter().flatten() {
            walk(root, property, &format!("{at}.{keyword}.{name}"), depth + 1)?;
        }
    }
    Ok(())
}
