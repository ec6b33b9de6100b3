use models::schema::check_intersection;
use serde_json::{Value, json};

fn good() -> Value {
    json!({
        "type": "object",
        "description": "A plan.",
        "properties": {
            "title": {"type": "string", "pattern": "^[a-z]{1,9}$"},
            "kind": {"enum": ["web", "api"]},
            "version": {"const": 1},
            "due": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "parts": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/part"}},
            "first": {"allOf": [{"type": "integer"}]}
        },
        "required": ["title", "kind", "version", "due", "parts"],
        "additionalProperties": false,
        "$defs": {
            "part": {"type": "object", "properties": {"name": {"type": "string"}},
                "required": ["name"], "additionalProperties": false}
        }
    })
}

fn violations(schema: &Value) -> Vec<String> {
    check_intersection(schema).unwrap_err()
}

#[test]
fn common_subset_is_taken() {
    assert_eq!(check_intersection(&good()), Ok(()));
}

#[test]
fn keywords_of_one_provider_are_refused() {
    for (keyword, value) in [
        ("minimum", json!(1)),
        ("maximum", json!(1)),
        ("multipleOf", json!(2)),
        ("minLength", json!(1)),
        ("maxLength", json!(1)),
        ("maxItems", json!(3)),
        ("minItems", json!(2)),
        ("uniqueItems", json!(true)),
        ("minProperties", json!(1)),
        ("oneOf", json!([{"type": "string"}])),
        ("not", json!({"type": "string"})),
        ("if", json!({"type": "string"})),
        ("default", json!("x")),
        ("format", json!("hostname")),
        ("format", json!("duration")),
        ("type", json!(["string", "null"])),
        ("enum", json!([])),
        ("enum", json!([{"a": 1}])),
        ("anyOf", json!([])),
        ("allOf", json!([{"type": "string"}, {"type": "string"}])),
        ("allOf", json!([{"$ref": "#/$defs/part"}])),
        ("items", json!(true)),
        ("items", json!([{"type": "string"}])),
        ("prefixItems", json!([{"type": "string"}])),
        ("additionalProperties", json!(true)),
        ("$ref", json!("https://example.com/schema")),
        ("$ref", json!("#/$defs/nobody")),
        ("pattern", json!("(?=x)")),
        ("pattern", json!("(a)\\1")),
        ("pattern", json!("\\bword\\b")),
        (
            "$schema",
            json!("https://json-schema.org/draft/2020-12/schema"),
        ),
    ] {
        let mut schema = good();
        schema["$defs"]["part"]["properties"]["name"][keyword] = value.clone();
        let found = violations(&schema);
        assert!(
            found
                .iter()
                .any(|text| text.starts_with("/$defs/part/properties/name")),
            "{keyword} {value}: {found:?}"
        );
    }
}

#[test]
fn objects_must_be_closed() {
    let mut schema = good();
    schema["$defs"]["part"]
        .as_object_mut()
        .unwrap()
        .remove("additionalProperties");
    assert_eq!(
        violations(&schema),
        ["/$defs/part: an object needs `additionalProperties: false`"]
    );
}

#[test]
fn required_names_must_exist() {
    let mut schema = good();
    schema["required"] = json!(["title", "ghost"]);
    assert_eq!(
        violations(&schema),
        ["/: `ghost` is required but no property"]
    );
}

#[test]
fn boolean_schemas_are_refused() {
    let mut schema = good();
    schema["properties"]["any"] = json!(true);
    assert_eq!(
        violations(&schema),
        ["/properties/any: a schema must be an object"]
    );
    assert!(check_intersection(&json!(true)).is_err());
}

#[test]
fn recursion_is_refused() {
    let mut schema = good();
    schema["$defs"]["part"]["properties"]["name"] = json!({"$ref": "#/$defs/other"});
    schema["$defs"]["other"] = json!({"type": "array", "items": {"$ref": "#/$defs/part"}});
    assert_eq!(
        violations(&schema),
        ["/$defs/other: recursive", "/$defs/part: recursive"]
    );
}

#[test]
fn optional_properties_and_unions_are_counted() {
    let mut schema = good();
    for number in 0..25 {
        schema["properties"][format!("p{number}")] = json!({"anyOf": [{"type": "null"}]});
    }
    assert_eq!(
        violations(&schema),
        [
            "/: 26 optional properties, at most 24",
            "/: 26 unions, at most 16"
        ]
    );
}
