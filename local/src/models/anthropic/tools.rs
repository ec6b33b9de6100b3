//! Which tools, tool choices and schemas are accepted.

use serde_json::Value;

use super::super::catalog::ClaudeModel;
use super::{Refused, invalid};

const STRICT_TOOLS_MAX: usize = 20;
const OPTIONAL_PARAMETERS_MAX: usize = 24;
const UNION_PARAMETERS_MAX: usize = 16;
const NAME_CHARS_MAX: usize = 128;
/// A strict schema may not nest deeper here; a recursive one never ends.
const DEPTH_MAX: usize = 32;

const FIELDS: &[&str] = &[
    "name",
    "description",
    "input_schema",
    "strict",
    "cache_control",
    "type",
    "eager_input_streaming",
    "input_examples",
];
const FORBIDDEN: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "not",
    "if",
    "then",
    "else",
    "oneOf",
    "minContains",
    "maxContains",
    "contains",
];
const FORMATS: &[&str] = &[
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// Checks `tools` and `tool_choice`.
pub(super) fn check(body: &Value, model: &ClaudeModel) -> Refused<()> {
    let tools = match &body["tools"] {
        Value::Null => &[],
        Value::Array(tools) => tools.as_slice(),
        _ => return invalid("tools: Input should be a valid list"),
    };
    let mut names = Vec::new();
    let mut budget = Budget::default();
    for (index, tool) in tools.iter().enumerate() {
        check_tool(index, tool)?;
        if names.contains(&&tool["name"]) {
            return invalid("tools: Tool names must be unique.");
        }
        names.push(&tool["name"]);
        if tool["strict"] == true {
            budget.strict += 1;
            walk(
                &format!("tools.{index}.custom.input_schema"),
                &tool["input_schema"],
                &mut budget,
                0,
            )?;
        }
    }
    budget.check()?;
    check_choice(&body["tool_choice"], tools.is_empty(), model)
}

fn check_tool(index: usize, tool: &Value) -> Refused<()> {
    let at = format!("tools.{index}");
    if !matches!(tool["type"].as_str(), None | Some("custom")) {
        return invalid(format!(
            "{at}: this stand-in accepts custom tools only, not {}",
            tool["type"]
        ));
    }
    if let Some(unknown) = tool
        .as_object()
        .and_then(|members| members.keys().find(|name| !FIELDS.contains(&name.as_str())))
    {
        return invalid(format!(
            "{at}.custom.{unknown}: Extra inputs are not permitted"
        ));
    }
    let name = tool["name"].as_str().unwrap_or_default();
    let is_valid = name
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || "_-".contains(character));
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !is_valid {
        return invalid(format!(
            "{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        ));
    }
    if tool["input_schema"].is_null() {
        return invalid(format!("{at}.custom.input_schema: Field required"));
    }
    if tool["input_schema"]["type"] != "object" {
        return invalid(format!(
            "{at}.custom.input_schema.type: Input should be 'object'"
        ));
    }
    if !matches!(tool["strict"], Value::Null | Value::Bool(_)) {
        return invalid(format!(
            "{at}.custom.strict: Input should be a valid boolean"
        ));
    }
    Ok(())
}

fn check_choice(choice: &Value, without_tools: bool, model: &ClaudeModel) -> Refused<()> {
    match choice["type"].as_str() {
        None if choice.is_null() => Ok(()),
        Some("any" | "tool") if model.is_newest => {
            invalid("tool_choice: type \"tool\" and \"any\" are not supported for this model.")
        }
        Some("auto" | "none" | "any" | "tool") if without_tools => {
            invalid("tool_choice: may only be specified while providing tools.")
        }
        Some("auto" | "none" | "any" | "tool") => Ok(()),
        _ => invalid(
            "tool_choice: Input tag does not match any of the expected tags: 'auto', 'any', 'tool', 'none'",
        ),
    }
}

/// What all strict schemas of a request may hold together.
#[derive(Default)]
struct Budget {
    strict: usize,
    optional: usize,
    unions: usize,
}

impl Budget {
    fn check(&self) -> Refused<()> {
        for (count, max, what) in [
            (self.strict, STRICT_TOOLS_MAX, "strict tools"),
            (
                self.optional,
                OPTIONAL_PARAMETERS_MAX,
                "optional parameters in strict schemas",
            ),
            (
                self.unions,
                UNION_PARAMETERS_MAX,
                "parameters with union types in strict schemas",
            ),
        ] {
            if count > max {
                return invalid(format!(
                    "tools: Too many {what}: {count}. At most {max} are allowed in a request."
                ));
            }
        }
        Ok(())
    }
}

/// Checks the schema of a structured output.
pub(super) fn check_schema(at: &str, schema: &Value) -> Refused<()> {
    let mut budget = Budget::default();
    walk(at, schema, &mut budget, 0)?;
    budget.check()
}

fn walk(at: &str, schema: &Value, budget: &mut Budget, depth: usize) -> Refused<()> {
    if depth > DEPTH_MAX {
        return invalid("Schema is too complex for compilation.");
    }
    let Some(members) = schema.as_object() else {
        return invalid(format!("{at}: Input should be a valid dictionary"));
    };
    let kind = schema["type"].as_str().unwrap_or_default();
    if let Some(keyword) = FORBIDDEN
        .iter()
        .find(|keyword| members.contains_key(**keyword))
    {
        return invalid(format!(
            "{at}: For '{kind}' type, property '{keyword}' is not supported"
        ));
    }
    if schema["minItems"].as_u64().is_some_and(|count| count > 1) {
        return invalid(format!(
            "{at}: For 'array' type, 'minItems' values other than 0 or 1 are not supported"
        ));
    }
    if let Some(format) = schema["format"]
        .as_str()
        .filter(|format| !FORMATS.contains(format))
    {
        return invalid(format!(
            "{at}: For 'string' type, format '{format}' is not supported"
        ));
    }
    if let Some(reference) = schema["$ref"].as_str()
        && !reference.starts_with("#/$defs/")
    {
        return invalid(format!("{at}: '$ref' must point into '#/$defs'"));
    }
    let is_union = schema["type"].is_array() || members.contains_key("anyOf");
    budget.unions += usize::from(is_union);
    if kind == "object" {
        if schema["additionalProperties"] != false {
            return invalid(format!(
                "{at}: For 'object' type, 'additionalProperties' must be explicitly set to false"
            ));
        }
        let required: Vec<_> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let properties = schema["properties"].as_object();
        budget.optional += properties
            .into_iter()
            .flatten()
            .filter(|(name, _)| !required.contains(&name.as_str()))
            .count();
    }
    for keyword in ["properties", "$defs"] {
        for (name, property) in schema[keyword].as_object().into_iter().flatten() {
            walk(
                &format!("{at}.{keyword}.{name}"),
                property,
                budget,
                depth + 1,
            )?;
        }
    }
    for keyword in ["anyOf", "allOf"] {
        for (index, branch) in schema[keyword].as_array().into_iter().flatten().enumerate() {
            walk(
                &format!("{at}.{keyword}.{index}"),
                branch,
                budget,
                depth + 1,
            )?;
        }
    }
    if schema["items"].is_null() {
        Ok(())
    } else {
        walk(&format!("{at}.items"), &schema["items"], budget, depth + 1)
    }
}
