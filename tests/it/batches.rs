//! Our client of Message Batches against the strict model services.

use local::models::{BatchFault, Faults, Models, ModelsConfig};
use models::{
    Anthropic, Batched, ErrorKind, Found, Message, MessagesRequest, Role, Settings, Tool,
};
use secrecy::SecretString;
use serde_json::json;
use serde_json::value::RawValue;

use crate::world::{install_tls, todo};

const KEY: &str = "key-of-this-test";

async fn services(faults: Faults) -> (Models, Anthropic) {
    install_tls();
    let services = Models::start(ModelsConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        key: SecretString::from(KEY),
        faults,
    })
    .await
    .unwrap();
    let settings = Settings::new(services.anthropic_base_url(), SecretString::from(KEY));
    (services, Anthropic::new(settings).unwrap())
}

/// The first turn of an agent.
fn turn() -> MessagesRequest {
    let text = format!("<brief>{}</brief>", todo());
    let content = json!([{"type": "text", "text": text}]).to_string();
    MessagesRequest {
        model: "scripted".to_owned(),
        max_tokens: 8_000,
        system: Vec::new(),
        tools: vec![Tool {
            name: "list_files".to_owned(),
            description: "Lists files.".to_owned(),
            input_schema: json!({"type": "object", "properties": {}, "additionalProperties": false}),
            strict: true,
        }]
        .into(),
        messages: vec![Message {
            role: Role::User,
            content: RawValue::from_string(content).unwrap(),
        }],
        effort: None,
        cache_tail: false,
        charged_once: false,
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

async fn collect(client: &Anthropic, batch: &str, custom_id: &str) -> Batched {
    client.collect(batch, custom_id, "scripted").await.unwrap()
}

#[tokio::test]
async fn answer_of_a_batch_is_that_of_a_plain_call_at_half_the_price() {
    let (services, client) = services(Faults {
        batch_looks: 1,
        ..Faults::default()
    })
    .await;
    let id = client.submit("agent-1_0", &turn()).await.unwrap();
    assert!(matches!(
        collect(&client, &id, "agent-1_0").await,
        Batched::Pending
    ));
    let plain = client.create(&turn(), &mut |_| {}).await.unwrap();
    for _ in 0..2 {
        let Batched::Answered(answer) = collect(&client, &id, "agent-1_0").await else {
            panic!("not answered at the second look");
        };
        assert_eq!(answer.content.get().len(), plain.content.get().len());
        assert_eq!(answer.stop, plain.stop);
        assert_eq!(answer.usage, plain.usage);
        assert_eq!(answer.cost.0, plain.cost.0.div_ceil(2));
        assert_eq!((answer.attempts, answer.unsettled), (1, 0));
    }
    let batches = services.batches();
    assert_eq!(batches.len(), 1);
    assert_eq!(
        (batches[0].id.as_str(), batches[0].status),
        (id.as_str(), "ended")
    );
    // What it said can go on in a plain call.
    let Batched::Answered(answer) = collect(&client, &id, "agent-1_0").await else {
        panic!("not answered any more");
    };
    let mut next = turn();
    next.messages.push(Message {
        role: Role::Assistant,
        content: answer.content,
    });
    let told = json!([{"type": "text", "text": "Go on."}]).to_string();
    next.messages.push(Message {
        role: Role::User,
        content: RawValue::from_string(told).unwrap(),
    });
    assert!(client.count_tokens(&next).await.unwrap() > 0);
    services.shutdown().await;
}

#[tokio::test]
async fn what_a_plain_call_would_refuse_is_an_errored_result() {
    let (services, client) = services(Faults::default()).await;
    let wrong = MessagesRequest {
        max_tokens: 1_000_000,
        ..turn()
    };
    let plain = client.create(&wrong, &mut |_| {}).await.unwrap_err();
    let id = client.submit("a", &wrong).await.unwrap();
    let Batched::Errored(error) = collect(&client, &id, "a").await else {
        panic!("not errored");
    };
    assert_eq!(error.kind(), plain.kind());
    assert!(matches!(error.kind(), ErrorKind::InvalidRequest { .. }));
    services.shutdown().await;
}

#[tokio::test]
async fn batches_fail_as_the_faults_say() {
    let (services, client) = services(Faults {
        batch_faults: vec![
            BatchFault::Errored,
            BatchFault::Expired,
            BatchFault::Canceled,
        ],
        ..Faults::default()
    })
    .await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let id = client.submit("a", &turn()).await.unwrap();
        seen.push(match collect(&client, &id, "a").await {
            Batched::Pending => "pending".to_owned(),
            Batched::Answered(_) => "answered".to_owned(),
            Batched::Errored(error) => error.kind().to_string(),
            Batched::Lost(why) => why,
        });
    }
    assert_eq!(
        seen,
        [
            "the provider failed with status 500",
            "it expired before the model was asked",
            "it was cancelled",
            "answered"
        ]
    );
    services.shutdown().await;
}

#[tokio::test]
async fn submission_is_found_after_a_crash() {
    let (services, client) = services(Faults {
        batch_looks: 2,
        ..Faults::default()
    })
    .await;
    let since = now();
    assert_eq!(client.find("mine", since).await.unwrap(), Found::No);
    for other in ["a", "b"] {
        client.submit(other, &turn()).await.unwrap();
    }
    let id = client.submit("mine", &turn()).await.unwrap();
    client.submit("c", &turn()).await.unwrap();
    let find = async || client.find("mine", since).await.unwrap();
    assert_eq!(find().await, Found::MaybeLater);
    assert_eq!(find().await, Found::MaybeLater);
    assert_eq!(find().await, Found::Yes(id));
    assert_eq!(client.find("theirs", since).await.unwrap(), Found::No);
    assert_eq!(client.find("mine", now() + 3_600).await.unwrap(), Found::No);
    services.shutdown().await;
}

#[tokio::test]
async fn cancelled_batch_has_no_answer() {
    let (services, client) = services(Faults {
        batch_looks: 9,
        ..Faults::default()
    })
    .await;
    let id = client.submit("a", &turn()).await.unwrap();
    client.cancel(&id).await.unwrap();
    client.cancel(&id).await.unwrap();
    assert!(matches!(collect(&client, &id, "a").await, Batched::Lost(_)));
    let error = client.cancel(&id).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidRequest { .. }));
    client.cancel("msgbatch_unknown").await.unwrap();
    let lost = collect(&client, "msgbatch_unknown", "a").await;
    assert!(matches!(lost, Batched::Lost(_)));
    services.shutdown().await;
}

#[tokio::test]
async fn submissions_wait_for_a_service_that_is_overloaded() {
    let (services, client) = services(Faults {
        overloaded_calls: 1,
        ..Faults::default()
    })
    .await;
    client.submit("a", &turn()).await.unwrap();
    let statuses: Vec<u16> = services.calls().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [529, 200]);
    assert_eq!(services.batches().len(), 1);
    services.shutdown().await;
}
