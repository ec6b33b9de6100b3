//! GitHub's published description of the calls, and the check of requests and answers against it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// A slice of npm `@octokit/openapi` 23.0.2, `generated/api.github.com.json`.
const DESCRIPTION: &str = include_str!("../../../../local/fixtures/github-openapi.json");
/// Answers any call may get: the guides on authentication, on troubleshooting and on rate limits
/// describe them for the whole API.
const GENERAL_STATUSES: [u16; 8] = [400, 401, 403, 404, 429, 500, 502, 503];
/// Redirects of a renamed repository, which the guide describes for the whole API.
const REDIRECTS: [u16; 3] = [301, 302, 307];

static API: LazyLock<Value> = LazyLock::new(|| {
    let mut api: Value = serde_json::from_str(DESCRIPTION).expect("json");
    to_json_schema(&mut api);
    api
});

static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// What is wrong with a request, as method, path with query, and body.
pub(super) fn request_problems(method: &str, path: &str, body: &Value) -> Vec<String> {
    let Some((template, operation)) = operation(method, path) else {
        return vec![format!("{method} {path} is not described")];
    };
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let mut problems: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter_map(|pair| pair.split('=').next())
        .filter(|name| !knows(operation, name))
        .map(|name| format!("{method} {path} has no parameter {name}"))
        .collect();
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    if schema.is_null() {
        if !body.is_null() {
            problems.push(format!("{method} {path} has no body"));
        }
        return problems;
    }
    problems.extend(mismatches(&format!("{method} {template}"), schema, body));
    problems.extend(unknown_keys(schema, body));
    problems
}

/// What is wrong with an answer.
pub(super) fn answer_problems(method: &str, path: &str, status: u16, body: &Value) -> Vec<String> {
    let basic = json!({ "$ref": "#/components/schemas/basic-error" });
    let Some((template, operation)) = operation(method, path) else {
        return match status {
            404 => Vec::new(),
            _ => vec![format!("{method} {path} is not described")],
        };
    };
    let mut response = &operation["responses"][status.to_string()];
    if let Some(reference) = response["$ref"].as_str() {
        response = API.pointer(&reference[1..]).expect("described");
    }
    let schema = &response["content"]["application/json"]["schema"];
    if !schema.is_null() {
        return mismatches(&format!("{method} {template} {status}"), schema, body);
    }
    if GENERAL_STATUSES.contains(&status) || REDIRECTS.contains(&status) {
        return mismatches("basic", &basic, body);
    }
    match (response.is_null(), body) {
        (false, Value::Null) => Vec::new(),
        _ => vec![format!("{method} {path} does not answer {status}: {body}")],
    }
}

/// GitHub ignores keys it does not know, so a misspelt one would be lost.
fn unknown_keys(schema: &Value, body: &Value) -> Vec<String> {
    let (Some(known), Some(given)) = (schema["properties"].as_object(), body.as_object()) else {
        return Vec::new();
    };
    let unknown = given.keys().filter(|key| !known.contains_key(*key));
    unknown.map(|key| format!("{key} is not known")).collect()
}

fn knows(operation: &Value, name: &str) -> bool {
    let parameters = operation["parameters"].as_array().expect("parameters");
    parameters.iter().any(|parameter| {
        let parameter = match parameter["$ref"].as_str() {
            Some(reference) => API.pointer(&reference[1..]).expect("described"),
            None => parameter,
        };
        parameter["in"] == "query" && parameter["name"] == name
    })
}

fn mismatches(key: &str, schema: &Value, body: &Value) -> Vec<String> {
    let validator = {
        let mut validators = VALIDATORS.lock().expect("no panic while locked");
        let validator = validators.entry(key.to_owned()).or_insert_with(|| {
            let mut root = schema.clone();
            root["components"] = API["components"].clone();
            Arc::new(jsonschema::draft202012::new(&root).expect("schema"))
        });
        Arc::clone(validator)
    };
    validator
        .iter_errors(body)
        .map(|error| format!("{key}: {} {error}", error.instance_path()))
        .map(|text| text.chars().take(300).collect())
        .collect()
}

fn operation(method: &str, path: &str) -> Option<(&'static str, &'static Value)> {
    let path = path.split('?').next().expect("path");
    // By number or by name it is the same call.
    let path = path.replacen("/repositories/", "/repos/by-id/", 1);
    let method = method.to_ascii_lowercase();
    let paths = API["paths"].as_object().expect("paths");
    let mut fitting: Vec<(&str, &Value)> = paths
        .iter()
        .filter(|(template, _)| fits(template, &path))
        .filter_map(|(template, item)| Some((template.as_str(), item.get(&method)?)))
        .collect();
    // Words before parameters: `secrets/public-key` is no secret.
    fitting.sort_by_key(|(template, _)| template.matches('{').count());
    fitting.into_iter().next()
}

/// Whether a path is an instance of a template whose last parameter may hold slashes.
fn fits(template: &str, path: &str) -> bool {
    let wanted: Vec<&str> = template.split('/').collect();
    let given: Vec<&str> = path.split('/').collect();
    let last = wanted.last().expect("not empty");
    given.len() >= wanted.len()
        && (given.len() == wanted.len() || matches!(*last, "{ref}" | "{path}"))
        && wanted
            .iter()
            .zip(&given)
            .all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
}

/// OpenAPI 3.0 says `nullable`; JSON Schema says it in the type. Where GitHub writes `oneOf` for
/// errors both alternatives fit the same body, so it can only mean `anyOf`.
fn to_json_schema(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(to_json_schema),
        Value::Object(object) => {
            object.values_mut().for_each(to_json_schema);
            if let Some(alternatives) = object.remove("oneOf") {
                object.insert("anyOf".to_owned(), alternatives);
            }
            if object.remove("nullable") == Some(Value::Bool(true)) {
                *object = nullable(std::mem::take(object));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn nullable(schema: Map<String, Value>) -> Map<String, Value> {
    let either = json!({ "anyOf": [Value::Object(schema), { "type": "null" }] });
    either.as_object().expect("object").clone()
}

#[test]
fn misspelt_and_missing_keys_do_not_pass() {
    let path = "/repos/o/r/git/commits";
    let good = json!({"message": "m", "tree": "t", "parents": []});
    assert!(request_problems("POST", path, &good).is_empty());
    let misspelt = json!({"message": "m", "tree": "t", "commiter": {}});
    assert!(!request_problems("POST", path, &misspelt).is_empty());
    assert!(!request_problems("POST", path, &json!({"message": "m"})).is_empty());
    assert!(!request_problems("GET", "/repos/o/r/pulls?haed=x", &Value::Null).is_empty());
    let short = json!({"sha": "a", "url": "http://h"});
    assert!(answer_problems("POST", "/repos/o/r/git/blobs", 201, &short).is_empty());
    assert!(!answer_problems("POST", "/repos/o/r/git/blobs", 201, &json!({})).is_empty());
    assert!(!answer_problems("POST", "/repos/o/r/git/blobs", 204, &short).is_empty());
}
