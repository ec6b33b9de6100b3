//! JSON schemas that both providers take.
//!
//! Sources: docs.x.ai "Structured outputs" and platform.claude.com "Structured outputs" (November
//! 2026). xAI knows limits such as `maxLength` that Anthropic answers with 400, and neither
//! promises the case of an enum: whatever comes back is checked again in Rust.

mod keyword;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Optional properties that Anthropic takes in one request.
const OPTIONAL_MAX: usize = 24;

/// `anyOf`s that Anthropic takes in one request.
const UNIONS_MAX: usize = 16;

/// Deeper schemas are not walked.
const DEPTH_MAX: usize = 64;

/// Checks that a schema uses only what both providers enforce.
///
/// # Errors
/// Every violation, as `pointer: what is wrong`, in the order of the walk.
pub fn check_intersection(schema: &Value) -> Result<(), Vec<String>> {
    let mut walk = Walk {
        root: schema,
        violations: Vec::new(),
        optional: 0,
        unions: 0,
    };
    walk.schema(schema, "", 0);
    walk.recursion();
    if walk.optional > OPTIONAL_MAX {
        let count = walk.optional;
        walk.report(
            "",
            format!("{count} optional properties, at most {OPTIONAL_MAX}"),
        );
    }
    if walk.unions > UNIONS_MAX {
        let count = walk.unions;
        walk.report("", format!("{count} unions, at most {UNIONS_MAX}"));
    }
    if walk.violations.is_empty() {
        Ok(())
    } else {
        Err(walk.violations)
    }
}

struct Walk<'a> {
    root: &'a Value,
    violations: Vec<String>,
    optional: usize,
    unions: usize,
}

impl<'a> Walk<'a> {
    fn report(&mut self, at: &str, what: impl AsRef<str>) {
        let at = if at.is_empty() { "/" } else { at };
        self.violations.push(format!("{at}: {}", what.as_ref()));
    }

    fn schema(&mut self, schema: &'a Value, at: &str, depth: usize) {
        let Value::Object(schema) = schema else {
            return self.report(at, "a schema must be an object");
        };
        if depth > DEPTH_MAX {
            return self.report(at, "nested too deeply");
        }
        for (keyword, value) in schema {
            if let Err(what) = keyword::check(keyword, value) {
                self.report(&format!("{at}/{keyword}"), what);
            }
        }
        if schema.get("type").is_some_and(|kind| kind == "object") {
            self.object(schema, at);
        }
        if schema.get("type").is_some_and(|kind| kind == "array") && !schema.contains_key("items") {
            self.report(at, "an array needs `items`");
        }
        if schema.contains_key("properties") && schema.get("type").is_none() {
            self.report(at, "`properties` without `type`");
        }
        self.reference(schema, at);
        self.children(schema, at, depth + 1);
    }

    fn object(&mut self, schema: &'a Map<String, Value>, at: &str) {
        if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            self.report(at, "an object needs `additionalProperties: false`");
        }
        let none = Map::new();
        let properties = schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&none);
        let required: BTreeSet<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for name in &required {
            if !properties.contains_key(*name) {
                self.report(at, format!("`{name}` is required but no property"));
            }
        }
        self.optional += properties
            .keys()
            .filter(|name| !required.contains(name.as_str()))
            .count();
    }

    fn reference(&mut self, schema: &'a Map<String, Value>, at: &str) {
        let Some(target) = schema.get("$ref").and_then(Value::as_str) else {
            return;
        };
        let found = target
            .strip_prefix('#')
            .is_some_and(|pointer| self.root.pointer(pointer).is_some());
        if !found {
            self.report(at, format!("`{target}` leads nowhere"));
        }
    }

    fn children(&mut self, schema: &'a Map<String, Value>, at: &str, depth: usize) {
        for key in ["properties", "$defs"] {
            for (name, child) in schema
                .get(key)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                self.schema(child, &format!("{at}/{key}/{name}"), depth);
            }
        }
        for key in ["anyOf", "allOf"] {
            let list = schema.get(key).and_then(Value::as_array);
            for (position, child) in list.into_iter().flatten().enumerate() {
                self.schema(child, &format!("{at}/{key}/{position}"), depth);
            }
        }
        self.unions += usize::from(schema.contains_key("anyOf"));
        if let Some(items) = schema.get("items") {
            self.schema(items, &format!("{at}/items"), depth);
        }
    }

    /// Reports every definition that leads back to itself.
    fn recursion(&mut self) {
        let root = self.root;
        let definitions = root.get("$defs").and_then(Value::as_object);
        for name in definitions.into_iter().flatten().map(|(name, _)| name) {
            let start = format!("#/$defs/{name}");
            let mut seen = BTreeSet::new();
            let mut open: Vec<&str> = targets(root.pointer(&format!("/$defs/{name}")));
            while let Some(target) = open.pop() {
                if target == start {
                    self.report(&format!("/$defs/{name}"), "recursive");
                    break;
                }
                if seen.insert(target) {
                    open.extend(targets(root.pointer(target.trim_start_matches('#'))));
                }
            }
        }
    }
}

/// Returns every `$ref` below a value.
fn targets(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Object(map)) => {
            let own = map.get("$ref").and_then(Value::as_str);
            let below = map.values().flat_map(|child| targets(Some(child)));
            own.into_iter().chain(below).collect()
        }
        Some(Value::Array(list)) => list.iter().flat_map(|child| targets(Some(child))).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {
            Vec::new()
        }
    }
}
