//! Our clients against the strict model services, and tasks whose roles have other models.

use local::models::{Faults, Models, ModelsConfig};
use models::{
    Anthropic, Chat, Deferred, ErrorKind, Finish, InputMessage, InputRole, JsonSchemaFormat,
    Message, MessagesRequest, ResponsesRequest, Role, Settings, Structured, Xai,
};
use secrecy::SecretString;
use serde_json::json;
use serde_json::value::RawValue;

use crate::world::{Setup, World, assert_one_of_each, install_tls, todo};

const KEY: &str = "key-of-this-test";

async fn services(faults: Faults) -> Models {
    install_tls();
    Models::start(ModelsConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        key: SecretString::from(KEY),
        faults,
    })
    .await
    .unwrap()
}

fn settings(base_url: String) -> Settings {
    Settings::new(base_url, SecretString::from(KEY))
}

/// A brief, as the planner is asked.
fn question() -> ResponsesRequest {
    ResponsesRequest {
        model: "scripted".to_owned(),
        instructions: "You plan.".to_owned(),
        input: vec![InputMessage {
            role: InputRole::User,
            text: format!("<brief>{}</brief>", todo()),
        }],
        format: Some(JsonSchemaFormat {
            name: "plan".to_owned(),
            schema: pipeline::plan::schema(),
        }),
        effort: Some(models::Effort::High),
        max_output_tokens: Some(64_000),
        cache_key: None,
        output_allowance: None,
    }
}

#[tokio::test]
async fn all_ways_to_ask_give_the_same_answer_for_the_same_money() {
    let services = services(Faults::default()).await;
    let xai = Xai::new(settings(services.xai_base_url())).unwrap();
    let chat = Chat::new(settings(services.xai_base_url()), Structured::JsonSchema).unwrap();
    let streamed = ResponsesRequest {
        output_allowance: Some(64_000),
        ..question()
    };
    let whole = xai.respond(&question()).await.unwrap();
    assert_eq!(whole.finish, Finish::Completed);
    for other in [
        xai.respond(&streamed).await.unwrap(),
        chat.respond(&question()).await.unwrap(),
        chat.respond(&streamed).await.unwrap(),
    ] {
        assert_eq!(other.text, whole.text);
        assert_eq!(other.finish, Finish::Completed);
        assert_eq!(other.usage.output_tokens, whole.usage.output_tokens);
        assert_eq!(other.unsettled, 0);
        assert!(other.cost.0 > 0);
    }
    services.shutdown().await;
}

#[tokio::test]
async fn answers_are_cut_off_at_their_allowance() {
    let services = services(Faults::default()).await;
    let request = ResponsesRequest {
        output_allowance: Some(10),
        ..question()
    };
    let xai = Xai::new(settings(services.xai_base_url())).unwrap();
    let chat = Chat::new(settings(services.xai_base_url()), Structured::JsonSchema).unwrap();
    let error = xai.respond(&request).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::AllowanceSpent { tokens: 10 });
    let error = chat.respond(&request).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::AllowanceSpent { tokens: 10 });
    assert_eq!(error.unsettled(), 1);
    services.shutdown().await;
}

#[tokio::test]
async fn deferred_answers_are_there_later_and_once() {
    let services = services(Faults {
        deferred_looks: 1,
        ..Faults::default()
    })
    .await;
    let chat = Chat::new(settings(services.xai_base_url()), Structured::JsonSchema).unwrap();
    let id = chat.submit(&question()).await.unwrap();
    let look = async || chat.collect(&id, "scripted").await.unwrap();
    assert!(matches!(look().await, Deferred::Pending));
    let Deferred::Done(answer) = look().await else {
        panic!("not done at the second look");
    };
    assert_eq!(answer.finish, Finish::Completed);
    assert!(matches!(look().await, Deferred::Gone));
    services.shutdown().await;
}

#[tokio::test]
async fn prompts_are_counted() {
    let services = services(Faults::default()).await;
    let client = Anthropic::new(settings(services.anthropic_base_url())).unwrap();
    let content = json!([{"type": "text", "text": "word ".repeat(400)}]).to_string();
    let request = MessagesRequest {
        model: "scripted".to_owned(),
        max_tokens: 1_000,
        system: Vec::new(),
        tools: [].into(),
        messages: vec![Message {
            role: Role::User,
            content: RawValue::from_string(content).unwrap(),
        }],
        effort: None,
        cache_tail: false,
        charged_once: false,
    };
    let tokens = client.count_tokens(&request).await.unwrap();
    assert!((400..800).contains(&tokens), "{tokens}");
    // Nothing was asked.
    assert_eq!(services.calls(), []);
    services.shutdown().await;
}

#[tokio::test]
async fn row_31_a_wrong_key_fails_at_once_and_is_not_shown() {
    let services = services(Faults::default()).await;
    let wrong = |base| Settings::new(base, SecretString::from("another-key-than-that"));
    let chat = Chat::new(wrong(services.xai_base_url()), Structured::JsonSchema).unwrap();
    let error = chat.respond(&question()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::InvalidKey);
    assert_eq!(error.attempts(), 1);
    assert!(!format!("{error} {error:?}").contains("another-key"));
    services.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn agents_can_work_over_chat() {
    let services = services(Faults::default()).await;
    let base_url = services.xai_base_url().leak();
    let world = World::with(Setup {
        settings: vec![
            ("AGENT_DIALECT", "chat"),
            ("AGENT_BASE_URL", base_url),
            ("AGENT_API_KEY", KEY),
            ("AGENT_MODEL", "scripted"),
        ],
        ..Setup::default()
    })
    .await;
    let row = world.run(&todo()).await;
    assert_one_of_each(&world, &row).await;
    let agents = world.rows("assignments", &row.id).await;
    let turns: i64 = agents
        .iter()
        .filter_map(|agent| agent.integer("turn"))
        .sum();
    let calls = services.calls();
    let answered = calls.iter().filter(|call| call.status == 200).count();
    assert_eq!(i64::try_from(answered), Ok(turns));
    world.stop().await;
    services.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn planner_and_reviewer_can_work_over_chat() {
    let world = World::with(Setup {
        settings: vec![
            ("PLANNER_DIALECT", "chat"),
            ("PLANNER_EFFORT", "low"),
            ("REVIEWER_DIALECT", "chat"),
            ("REVIEWER_MODEL", "scripted-flawless"),
            ("REVIEWER_STRUCTURED", "prompt_only"),
        ],
        ..Setup::default()
    })
    .await;
    let row = world.run(&todo()).await;
    assert_one_of_each(&world, &row).await;
    let (_, repeats) = world.model_calls();
    assert_eq!(repeats, 0);
    world.stop().await;
}

#[tokio::test]
async fn row_35_equal_questions_have_equal_answers() {
    let services = services(Faults::default()).await;
    let xai = Xai::new(settings(services.xai_base_url())).unwrap();
    let one = xai.respond(&question()).await.unwrap();
    let other = xai.respond(&question()).await.unwrap();
    assert_eq!((one.text, one.id), (other.text, other.id));
    services.shutdown().await;
}
