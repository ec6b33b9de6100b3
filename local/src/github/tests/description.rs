//! GitHub's published description of the operations, and the check of an answer against it.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

/// A slice of npm `@octokit/openapi` 23.0.2, `generated/api.github.com.json`.
const DESCRIPTION: &str = include_str!("../../../fixtures/github-openapi.json");
/// Answers any call may get, whether its description lists them or not: the guides on
/// authentication, on redirects, on troubleshooting and on rate limits describe them for the whole
/// API.
const GENERAL_STATUSES: [u16; 6] = [301, 307, 400, 401, 403, 404];
/// Answers that clients report and the description does not list.
const REPORTED: [(&str, &str, u16); 4] = [
    ("POST", "/repos/{owner}/{repo}/actions/variables", 409),
    ("POST", "/repos/{owner}/{repo}/actions/variables", 422),
    (
        "PATCH",
        "/repos/{owner}/{repo}/actions/variables/{name}",
        422,
    ),
    (
        "PUT",
        "/repos/{owner}/{repo}/actions/secrets/{secret_name}",
        422,
    ),
];

static API: LazyLock<Value> = LazyLock::new(|| {
    let mut api: Value = serde_json::from_str(DESCRIPTION).unwrap();
    to_json_schema(&mut api);
    api
});

/// Panics when the operation does not document the status, or the body does not fit it.
#[track_caller]
pub(super) fn check(method: &str, path: &str, status: u16, body: &Value) {
    let Some((template, operation)) = operation(method, path) else {
        // Not a described call: nothing but 404 may come back.
        assert_eq!(status, 404, "{method} {path} is not described");
        return;
    };
    let mut response = &operation["responses"][status.to_string()];
    if let Some(reference) = response["$ref"].as_str() {
        response = API.pointer(&reference[1..]).unwrap();
    }
    let described = &response["content"]["application/json"]["schema"];
    if status == 204 {
        assert!(!operation["responses"]["204"].is_null(), "{method} {path}");
        return;
    }
    let schema = if described.is_null() {
        let reported = REPORTED.contains(&(method, template, status));
        assert!(
            reported || GENERAL_STATUSES.contains(&status),
            "{method} {path} answered {status}: {body}"
        );
        json!({ "$ref": "#/components/schemas/basic-error" })
    } else {
        described.clone()
    };
    let errors = errors(schema, body);
    assert!(errors.is_empty(), "{method} {path} {status}: {errors:#?}");
}

fn errors(schema: Value, body: &Value) -> Vec<String> {
    let mut root = schema;
    root["components"] = API["components"].clone();
    jsonschema::draft202012::new(&root)
        .unwrap()
        .iter_errors(body)
        .map(|error| format!("{} {error}", error.instance_path()))
        .collect()
}

fn operation(method: &str, path: &str) -> Option<(&'static str, &'static Value)> {
    let path = path.split('?').next().unwrap();
    // By number or by name it is the same call.
    let path = path.replacen("/repositories/", "/repos/by-id/", 1);
    let method = method.to_ascii_lowercase();
    API["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(template, _)| fits(template, &path))
        // `public-key` is not the name of a secret.
        .min_by_key(|(template, _)| template.matches('{').count())
        .and_then(|(template, item)| Some((template.as_str(), item.get(&method)?)))
}

/// Whether a path is an instance of a template whose last parameter may hold slashes.
fn fits(template: &str, path: &str) -> bool {
    let wanted: Vec<&str> = template.split('/').collect();
    let given: Vec<&str> = path.split('/').collect();
    let last = wanted.len() - 1;
    given.len() >= wanted.len()
        && (given.len() == wanted.len() || matches!(wanted[last], "{ref}" | "{path}"))
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
    either.as_object().unwrap().clone()
}

#[test]
fn a_body_without_a_required_key_does_not_pass() {
    let sha = "a".repeat(40);
    let object = json!({ "sha": sha, "type": "commit", "url": "http://h/x" });
    let mut body =
        json!({ "ref": "refs/heads/x", "node_id": "n", "url": "http://h", "object": object });
    let schema = json!({ "$ref": "#/components/schemas/git-ref" });
    assert_eq!(errors(schema.clone(), &body), Vec::<String>::new());
    body["object"].as_object_mut().unwrap().remove("sha");
    assert!(!errors(schema, &body).is_empty());
}

#[test]
fn every_served_call_is_described() {
    for operation in super::super::operation::all() {
        let (method, template) = operation.described();
        let described = &API["paths"][template][method.to_ascii_lowercase()];
        assert!(described.is_object(), "{method} {template}");
    }
    assert!(operation("DELETE", "/repos/o/r").is_none());
}
