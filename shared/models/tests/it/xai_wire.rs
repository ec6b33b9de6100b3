use models::wire::xai::{answer, request_body};
use models::{
    Effort, ErrorKind, Finish, InputMessage, InputRole, JsonSchemaFormat, MicroUsd,
    ResponsesRequest, Usage,
};
use serde_json::{Value, json};

const COMPLETED: &str = include_str!("../fixtures/responses_completed.json");

pub(crate) fn request() -> ResponsesRequest {
    ResponsesRequest {
        model: "grok-4.7".to_owned(),
        instructions: "You plan.".to_owned(),
        input: vec![
            InputMessage {
                role: InputRole::User,
                text: "A \"shop\"\nin Köln".to_owned(),
            },
            InputMessage {
                role: InputRole::Assistant,
                text: "{}".to_owned(),
            },
        ],
        format: Some(JsonSchemaFormat {
            name: "plan".to_owned(),
            schema: json!({"type": "object", "properties": {"title": {"type": "string"}},
                "required": ["title"], "additionalProperties": false}),
        }),
        effort: Some(Effort::High),
        max_output_tokens: Some(32_000),
        cache_key: Some("task-1-plan".to_owned()),
        output_allowance: None,
    }
}

fn body(request: &ResponsesRequest) -> String {
    String::from_utf8(request_body(request).unwrap()).unwrap()
}

fn effort(model: &str, effort: Effort) -> Value {
    let request = ResponsesRequest {
        model: model.to_owned(),
        effort: Some(effort),
        ..request()
    };
    let body: Value = serde_json::from_str(&body(&request)).unwrap();
    body["reasoning"]["effort"].clone()
}

fn with(changes: Value) -> String {
    let mut body: Value = serde_json::from_str(COMPLETED).unwrap();
    let Value::Object(changes) = changes else {
        panic!("not an object");
    };
    for (key, value) in changes {
        body[key] = value;
    }
    body.to_string()
}

#[test]
fn full_request_has_the_documented_shape() {
    insta::assert_snapshot!(body(&request()), @r#"{"model":"grok-4.7","instructions":"You plan.","input":[{"role":"user","content":"A \"shop\"\nin Köln"},{"role":"assistant","content":"{}"}],"text":{"format":{"type":"json_schema","name":"plan","schema":{"additionalProperties":false,"properties":{"title":{"type":"string"}},"required":["title"],"type":"object"},"strict":true}},"reasoning":{"effort":"high"},"max_output_tokens":32000,"store":false,"prompt_cache_key":"task-1-plan"}"#);
}

#[test]
fn plain_request_leaves_options_out() {
    let plain = ResponsesRequest {
        instructions: String::new(),
        format: None,
        effort: None,
        max_output_tokens: None,
        cache_key: None,
        ..request()
    };
    insta::assert_snapshot!(body(&plain), @r#"{"model":"grok-4.7","input":[{"role":"user","content":"A \"shop\"\nin Köln"},{"role":"assistant","content":"{}"}],"store":false}"#);
}

#[test]
fn effort_follows_the_model() {
    assert_eq!(effort("grok-4.7", Effort::Max), "xhigh");
    assert_eq!(effort("grok-4.3", Effort::Xhigh), "high");
    assert_eq!(effort("grok-4.20-0309-reasoning", Effort::Low), Value::Null);
    assert_eq!(effort("grok-4.20-multi-agent-0309", Effort::Low), "low");
    assert_eq!(effort("unheard-of", Effort::Medium), "medium");
}

#[test]
fn completed_answer_is_read() {
    let answer = answer(COMPLETED.to_owned(), "grok-4.7").unwrap();
    assert_eq!(answer.id, "resp_01");
    assert_eq!(answer.model, "grok-4.7");
    assert_eq!(answer.finish, Finish::Completed);
    assert_eq!(answer.text, r#"{"title":"Größe"}"#);
    assert_eq!(answer.raw, COMPLETED);
    assert_eq!(answer.cost, MicroUsd(2_381));
    assert_eq!(answer.unsettled, 0);
    assert_eq!(
        answer.usage,
        Usage {
            input_tokens: 199,
            cached_tokens: 163,
            cache_write_tokens: 0,
            output_tokens: 300,
            reasoning_tokens: 250,
        }
    );
}

#[test]
fn cost_falls_back_to_the_table() {
    let usage = json!({"input_tokens": 199, "input_tokens_details": {"cached_tokens": 163},
        "output_tokens": 300, "total_tokens": 499});
    let answer = answer(with(json!({ "usage": usage })), "grok-4.7").unwrap();
    // 36 * 2 + 163 * 0.5 + 300 * 6 = 1953.5 micro-USD.
    assert_eq!(answer.cost, MicroUsd(1_954));
}

#[test]
fn reasoning_beside_the_output_is_counted() {
    let usage = json!({"input_tokens": 32, "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 94}, "total_tokens": 135});
    let answer = answer(with(json!({ "usage": usage })), "grok-4.7").unwrap();
    assert_eq!(answer.usage.output_tokens, 103);
}

#[test]
fn missing_usage_is_unsettled() {
    for usage in [Value::Null, json!("none")] {
        let answer = answer(with(json!({ "usage": usage })), "grok-4.7").unwrap();
        assert_eq!(answer.usage, Usage::default());
        assert_eq!(answer.unsettled, 1);
    }
}

#[test]
fn every_finish_is_told_apart() {
    let finish = |changes: Value| answer(with(changes), "grok-4.7").map(|answer| answer.finish);
    let incomplete =
        |reason: &str| json!({"status": "incomplete", "incomplete_details": {"reason": reason}});
    let refused = |reason: &str| {
        Ok(Finish::Refused {
            reason: reason.to_owned(),
        })
    };
    assert_eq!(
        finish(incomplete("max_output_tokens")),
        Ok(Finish::Truncated)
    );
    assert_eq!(
        finish(incomplete("content_filter")),
        refused("content_filter")
    );
    let refusal = json!({"output": [{"type": "message", "content":
        [{"type": "refusal", "refusal": "No."}]}]});
    assert_eq!(finish(refusal), refused("No."));
    let unfinished = finish(json!({"status": "in_progress"})).unwrap_err();
    assert!(matches!(unfinished, ErrorKind::Malformed { .. }));
    let failed = json!({"status": "failed", "error": {"code": "server_error", "message": "m"}});
    assert_eq!(finish(failed), Err(ErrorKind::Server { status: 500 }));
}

#[test]
fn empty_content_gives_empty_text() {
    let output = json!([{"type": "message", "content": null}]);
    let answer = answer(with(json!({ "output": output })), "grok-4.7").unwrap();
    assert_eq!(
        (answer.text.as_str(), answer.finish),
        ("", Finish::Completed)
    );
}

#[test]
fn error_with_status_200_is_an_error() {
    let read = |body: Value| answer(body.to_string(), "grok-4.7").unwrap_err();
    let unavailable =
        json!({"code": "The service is currently unavailable", "error": "Try again."});
    assert_eq!(read(unavailable), ErrorKind::Overloaded);
    let key = json!({"code": "invalid-argument", "error": "Incorrect API key provided: xx***yy."});
    assert_eq!(read(key), ErrorKind::InvalidKey);
    let other = json!({"code": "invalid-argument", "error": "No such thing"});
    let message = "No such thing".to_owned();
    assert_eq!(read(other), ErrorKind::InvalidRequest { message });
}

#[test]
fn anything_else_is_malformed() {
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"["a","b",null,null,[]]"#,
        "7",
        r#"{"output":7}"#,
        r#"{"id":null}"#,
    ] {
        let kind = answer(body.to_owned(), "grok-4.7").map(|answer| answer.finish);
        assert!(
            matches!(kind, Err(ErrorKind::Malformed { .. })),
            "{body}: {kind:?}"
        );
    }
}
