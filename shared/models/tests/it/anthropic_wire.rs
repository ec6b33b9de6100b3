use models::wire::anthropic::{check, count_body, request_body};
use models::{CacheTtl, Effort, Message, MessagesRequest, Role, SystemBlock, Tool};
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub(crate) fn message(role: Role, content: &str) -> Message {
    Message {
        role,
        content: RawValue::from_string(content.to_owned()).unwrap(),
    }
}

pub(crate) fn request() -> MessagesRequest {
    MessagesRequest {
        model: "claude-sonnet-5-5".to_owned(),
        max_tokens: 64_000,
        system: vec![
            SystemBlock {
                text: "You write code.".to_owned(),
                cache: Some(CacheTtl::OneHour),
            },
            SystemBlock {
                text: "This project.".to_owned(),
                cache: Some(CacheTtl::FiveMinutes),
            },
            SystemBlock {
                text: "This task.".to_owned(),
                cache: None,
            },
        ],
        tools: vec![Tool {
            name: "list_files".to_owned(),
            description: "Lists files.".to_owned(),
            input_schema: json!({"type": "object", "properties": {},
                "additionalProperties": false}),
            strict: true,
        }]
        .into(),
        messages: vec![message(Role::User, r#"[{"type":"text","text":"Go."}]"#)],
        effort: Some(Effort::High),
        cache_tail: true,
        charged_once: false,
    }
}

fn body(request: &MessagesRequest) -> String {
    String::from_utf8(request_body(request).unwrap()).unwrap()
}

#[test]
fn full_request_has_the_documented_shape() {
    insta::assert_snapshot!(body(&request()), @r#"{"model":"claude-sonnet-5-5","max_tokens":64000,"stream":true,"system":[{"type":"text","text":"You write code.","cache_control":{"type":"ephemeral","ttl":"1h"}},{"type":"text","text":"This project.","cache_control":{"type":"ephemeral"}},{"type":"text","text":"This task."}],"tools":[{"name":"list_files","description":"Lists files.","input_schema":{"additionalProperties":false,"properties":{},"type":"object"},"strict":true}],"messages":[{"role":"user","content":[{"type":"text","text":"Go."}]}],"cache_control":{"type":"ephemeral"},"output_config":{"effort":"high"}}"#);
}

#[test]
fn plain_request_leaves_options_out() {
    let mut plain = request();
    plain.system.clear();
    plain.tools = [].into();
    plain.effort = None;
    plain.cache_tail = false;
    insta::assert_snapshot!(body(&plain), @r#"{"model":"claude-sonnet-5-5","max_tokens":64000,"stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"Go."}]}]}"#);
}

#[test]
fn contents_are_sent_byte_for_byte() {
    let odd = "[ {\"z\" : 1.50,\n\t\"a\":\"\\u00e4\\/\"} ]";
    let mut request = request();
    request.messages.insert(0, message(Role::Assistant, odd));
    assert!(body(&request).contains(&format!(r#"{{"role":"assistant","content":{odd}}}"#)));
}

#[test]
fn longer_conversation_begins_with_the_shorter_one() {
    let shorter = request();
    let mut longer = request();
    let answer = r#"[{"type":"tool_use","id":"t","name":"list_files","input":{"b":1, "a":2}}]"#;
    longer.messages.push(message(Role::Assistant, answer));
    longer.messages.push(message(
        Role::User,
        r#"[{"type":"tool_result","tool_use_id":"t"}]"#,
    ));
    let shorter = body(&shorter);
    let (prefix, _) = shorter
        .split_once(r#"],"cache_control":{"type":"ephemeral"},"output"#)
        .unwrap();
    assert!(body(&longer).starts_with(prefix));
}

#[test]
fn nothing_that_current_models_reject_is_sent() {
    let body: Value = serde_json::from_str(&body(&request())).unwrap();
    for key in ["tool_choice", "thinking", "temperature", "top_p", "top_k"] {
        assert_eq!(body.get(key), None, "{key}");
    }
}

#[test]
fn effort_is_left_out_where_it_is_rejected() {
    let request = MessagesRequest {
        model: "claude-haiku-4-5-20251001".to_owned(),
        ..request()
    };
    assert!(!body(&request).contains("effort"));
}

#[test]
fn conversations_are_checked() {
    assert_eq!(check(&request()), Ok(()));
    let with = |messages| MessagesRequest {
        messages,
        ..request()
    };
    let user = || message(Role::User, "[]");
    assert!(check(&with(vec![])).is_err());
    assert!(check(&with(vec![user(), message(Role::Assistant, "[]")])).is_err());
    assert!(check(&with(vec![message(Role::User, "\"text\"")])).is_err());
}

#[test]
fn what_is_counted_is_the_prompt_alone() {
    let text = String::from_utf8(count_body(&request()).unwrap()).unwrap();
    let counted: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut sent: serde_json::Value = serde_json::from_str(&body(&request())).unwrap();
    let members = sent.as_object_mut().unwrap();
    assert!(members.remove("max_tokens").is_some() && members.remove("stream").is_some());
    assert_eq!(counted, sent);
}
