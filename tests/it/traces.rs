//! One trace for a task, through every function and client, and what the logs tell of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pipeline::ids::sha256_hex;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::secrets::get;
use crate::world::{Setup, World, blocking, install_tls, todo, totals};

pub(crate) const KEY: &str = "key-of-the-traces-that-nobody-sees";
const HEADERS: &str = "authorization=Bearer%20key-of-the-traces-that-nobody-sees";
/// Longest until what has ended was sent.
const SOON: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A server that takes spans, and believes nothing.
pub(crate) struct Receiver(MockServer);

impl Receiver {
    pub(crate) async fn start() -> Self {
        install_tls();
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/v1/traces"))
            .and(header("content-type", "application/json"))
            .and(header("authorization", format!("Bearer {KEY}").as_str()))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
            .mount(&server)
            .await;
        Self(server)
    }

    /// What functions are told of it.
    pub(crate) fn settings(&self) -> [(&'static str, &'static str); 2] {
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.0.uri().leak()),
            ("OTEL_EXPORTER_OTLP_HEADERS", HEADERS),
        ]
    }

    /// The bodies of all requests; any other than those it takes is a failure.
    pub(crate) async fn bodies(&self) -> Vec<String> {
        let requests = self.0.received_requests().await.unwrap();
        let body = |request: &wiremock::Request| {
            assert_eq!(request.url.path(), "/v1/traces");
            String::from_utf8(request.body.clone()).unwrap()
        };
        requests.iter().map(body).collect()
    }

    async fn spans(&self) -> Vec<Span> {
        let bodies = self.bodies().await;
        bodies.iter().flat_map(|body| spans(body)).collect()
    }
}

/// A span as it was sent.
#[derive(Clone, Debug)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: u64,
    attributes: BTreeMap<String, String>,
}

impl Span {
    /// Whether it is an execution's own.
    fn is_execution(&self) -> bool {
        self.attributes.contains_key("faas.trigger")
    }

    fn number(&self, name: &str) -> u64 {
        let number = self.attributes.get(name);
        number.map_or(0, |number| number.parse().unwrap())
    }

    fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }
}

/// The fields of an object, which has these and no others.
fn object<'a>(value: &'a Value, fields: &[&str]) -> &'a Map<String, Value> {
    let object = value.as_object().unwrap();
    let names: BTreeSet<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(names, fields.iter().copied().collect());
    object
}

fn digits(value: &Value, count: usize) -> String {
    let text = value.as_str().unwrap();
    let is_hex = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    assert!(is_hex && text.len() == count, "{text}");
    assert!(text.bytes().any(|byte| byte != b'0'), "{text}");
    text.to_owned()
}

fn attributes(list: &Value) -> BTreeMap<String, String> {
    let one = |it: &Value| {
        let it = object(it, &["key", "value"]);
        let value = it["value"].as_object().unwrap();
        assert_eq!(value.len(), 1);
        // A number of 64 bits is a string in JSON.
        let (kind, value) = value.iter().next().unwrap();
        let value = value.as_str().unwrap().to_owned();
        match kind.as_str() {
            "stringValue" => {}
            "intValue" => assert!(value.parse::<i64>().is_ok(), "{value}"),
            other => panic!("{other}"),
        }
        (it["key"].as_str().unwrap().to_owned(), value)
    };
    let all: BTreeMap<_, _> = list.as_array().unwrap().iter().map(one).collect();
    assert_eq!(all.len(), list.as_array().unwrap().len());
    all
}

/// The spans of a request; whatever the protocol does not have is a failure.
fn spans(body: &str) -> Vec<Span> {
    let body: Value = serde_json::from_str(body).unwrap();
    let resources = object(&body, &["resourceSpans"])["resourceSpans"].as_array();
    let [resource] = resources.unwrap().as_slice() else {
        panic!("{body}");
    };
    let resource = object(resource, &["resource", "scopeSpans"]);
    let own = attributes(&object(&resource["resource"], &["attributes"])["attributes"]);
    let [scope] = resource["scopeSpans"].as_array().unwrap().as_slice() else {
        panic!("{body}");
    };
    let scope = object(scope, &["scope", "spans"]);
    object(&scope["scope"], &["name", "version"]);
    let read = |value: &Value| span(&own, value);
    scope["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(read)
        .collect()
}

fn span(own: &BTreeMap<String, String>, value: &Value) -> Span {
    let fields = [
        "traceId",
        "spanId",
        "parentSpanId",
        "name",
        "kind",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "attributes",
        "status",
    ];
    let it = object(value, &fields);
    let time = |name: &str| it[name].as_str().unwrap().parse::<u64>().unwrap();
    assert!(
        time("startTimeUnixNano") <= time("endTimeUnixNano"),
        "{value}"
    );
    let parent = match it["parentSpanId"].as_str().unwrap() {
        "" => String::new(),
        _ => digits(&it["parentSpanId"], 16),
    };
    match it["status"].as_object().unwrap().len() {
        0 => {}
        _ => assert_eq!(object(&it["status"], &["code", "message"])["code"], 2),
    }
    let attributes = attributes(&it["attributes"]);
    if attributes.contains_key("faas.trigger") {
        assert_eq!(it["name"], own["faas.name"]);
    }
    Span {
        trace: digits(&it["traceId"], 32),
        id: digits(&it["spanId"], 16),
        parent,
        name: it["name"].as_str().unwrap().to_owned(),
        kind: it["kind"]
            .as_u64()
            .filter(|kind| (1..=5).contains(kind))
            .unwrap(),
        attributes,
    }
}

/// How many executions there were.
fn executions(world: &World) -> usize {
    let counts = world.hosting.platform.counts().into_iter();
    let counts = counts.filter(|(kind, _)| kind.starts_with("executions:"));
    usize::try_from(counts.map(|(_, count)| count).sum::<u64>()).unwrap()
}

/// The spans, once those of all executions are there.
async fn all_spans(receiver: &Receiver, world: &World) -> Vec<Span> {
    let deadline = Instant::now() + SOON;
    loop {
        let spans = receiver.spans().await;
        let ended = spans.iter().filter(|span| span.is_execution()).count();
        if ended == executions(world) {
            return spans;
        }
        assert!(
            Instant::now() < deadline,
            "{ended} of {}",
            executions(world)
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The trace and the span in a header `traceparent`.
fn header_parts(value: Option<&String>) -> (String, String) {
    let value = value.expect("a request without `traceparent`");
    let parts: Vec<&str> = value.split('-').collect();
    let [version, trace, span, flags] = parts.as_slice() else {
        panic!("{value}");
    };
    assert_eq!((*version, flags.len()), ("00", 2), "{value}");
    (digits(&json!(trace), 32), digits(&json!(span), 16))
}

/// What every request of the world said of its trace.
fn headers(world: &World) -> Vec<(String, String)> {
    let models = world.hosting.models().unwrap().calls();
    let models = models
        .iter()
        .map(|call| header_parts(call.traceparent.as_ref()));
    let github = world.hosting.github().unwrap().request_log();
    let github = github
        .iter()
        .map(|call| header_parts(call.traceparent.as_ref()));
    let appwrite = world.hosting.platform.traced_requests();
    let appwrite = appwrite
        .iter()
        .map(|call| header_parts(call.traceparent.as_ref()));
    models.chain(github).chain(appwrite).collect()
}

/// A world in which nothing depends on how fast the machine is.
async fn calm(more: impl IntoIterator<Item = (&'static str, &'static str)>) -> World {
    let settings = [
        ("ANTHROPIC_MODEL", "scripted-flawless"),
        ("CLAIM_HEARTBEAT_SECONDS", "60"),
        ("CLAIM_LAPSE_SECONDS", "120"),
    ];
    World::with(Setup {
        settings: settings.into_iter().chain(more).collect(),
        ..Setup::default()
    })
    .await
}

/// Has the official description read the bodies; returns how many spans it saw.
async fn officially(bodies: Vec<String>) -> usize {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    blocking(move || {
        let mut python = Command::new(clients.join(".venv/bin/python"))
            .arg(clients.join("otlp.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|cause| panic!("run scripts/test: python does not start: {cause}"));
        let mut input = python.stdin.take().unwrap();
        for body in bodies {
            writeln!(input, "{body}").unwrap();
        }
        drop(input);
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_is_one_trace_through_every_function_and_client() {
    let receiver = Receiver::start().await;
    let world = calm(receiver.settings()).await;
    let row = world.run(&todo()).await;
    assert_eq!(row.text("status"), Some("completed"));
    let spans = all_spans(&receiver, &world).await;

    let digest = sha256_hex(row.id.as_bytes());
    let (trace, root) = (&digest[..32], &digest[32..48]);
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
    assert_eq!(ids.len(), spans.len());
    for span in &spans {
        assert_eq!(span.trace, trace, "{span:?}");
        let is_root = span.id == root;
        assert_eq!(span.parent.is_empty(), is_root, "{span:?}");
        assert!(is_root || ids.contains(span.parent.as_str()), "{span:?}");
        if is_root {
            assert_eq!((span.name.as_str(), span.kind), ("create-task", 2));
        }
    }
    let functions: BTreeSet<&str> = spans
        .iter()
        .filter(|span| span.is_execution())
        .map(|span| span.name.as_str())
        .collect();
    let expected = [
        "create-task",
        "plan",
        "run-agent",
        "review",
        "publish",
        "deploy",
    ];
    assert_eq!(functions, expected.into());

    let asked = |span: &&Span| span.has("gen_ai.operation.name");
    let models: Vec<&Span> = spans.iter().filter(asked).collect();
    let spent = &totals(&row)["spent"];
    assert_eq!(json!(models.len()), spent["modelCalls"]);
    assert_eq!(models.len(), world.model_calls().0);
    let sum = |name: &str| -> u64 { models.iter().map(|span| span.number(name)).sum() };
    assert_eq!(
        json!(sum("gen_ai.usage.input_tokens")),
        spent["inputTokens"]
    );
    assert_eq!(
        json!(sum("gen_ai.usage.output_tokens")),
        spent["outputTokens"]
    );
    assert_eq!(
        json!(sum("orchestrator.cost_micro_usd")),
        spent["costMicroUsd"]
    );

    let called = |span: &&Span| span.kind == 3 && span.has("http.request.method");
    let (github, appwrite): (Vec<&Span>, Vec<&Span>) = spans
        .iter()
        .filter(called)
        .partition(|span| span.has("url.path"));
    assert_eq!(
        github.len(),
        world.hosting.github().unwrap().request_log().len()
    );
    assert_eq!(
        appwrite.len(),
        world.hosting.platform.traced_requests().len()
    );
    let ended: Vec<&Span> = spans.iter().filter(|span| span.name == "task").collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].attributes["orchestrator.status"], "completed");

    let calls: BTreeSet<&str> = spans
        .iter()
        .filter(|span| span.kind == 3)
        .map(|span| span.id.as_str())
        .collect();
    let headers = headers(&world);
    assert_eq!(headers.len(), calls.len());
    for (of, span) in &headers {
        assert_eq!(of, trace);
        assert!(calls.contains(span.as_str()), "{span}");
    }

    let bodies = receiver.bodies().await;
    let words = todo()["description"].as_str().unwrap().to_owned();
    let key = world.hosting.platform.key().expose_secret().to_owned();
    for body in &bodies {
        for secret in [KEY, "ephemeral_", &words, &key] {
            assert!(!body.contains(secret), "{secret} in {body}");
        }
    }
    assert_eq!(officially(bodies).await, spans.len());
    world.stop().await;
}

/// Logs and errors of all executions of a function.
async fn logs(world: &World, function: &str) -> Vec<(String, String)> {
    let list = get(world, format!("/functions/{function}/executions")).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let mut all = Vec::new();
    for execution in list["executions"].as_array().unwrap() {
        let id = execution["$id"].as_str().unwrap();
        let one = get(world, format!("/functions/{function}/executions/{id}")).await;
        let one: Value = serde_json::from_str(&one).unwrap();
        let text = |name: &str| one[name].as_str().unwrap().to_owned();
        all.push((text("logs"), text("errors")));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logs_name_the_task_and_what_was_done_for_it() {
    let world = calm([]).await;
    let row = world.run(&todo()).await;
    assert_eq!(row.text("status"), Some("completed"));
    let trace = &sha256_hex(row.id.as_bytes())[..32];
    // Nobody keeps the spans, and the headers say so.
    for (of, _) in headers(&world) {
        assert_eq!(of, trace);
    }
    let calls = world.hosting.models().unwrap().calls();
    let flags = |value: &String| value.ends_with("-00");
    assert!(
        calls
            .iter()
            .all(|call| call.traceparent.as_ref().is_some_and(flags))
    );

    let (mut asked, mut ends) = (0, 0);
    for function in ["plan", "run-agent", "review", "publish", "deploy"] {
        for (logs, errors) in logs(&world, function).await {
            assert_eq!(errors, "", "{function}");
            let lines: Vec<&str> = logs.lines().collect();
            let (first, last) = (lines[0], lines[lines.len() - 1]);
            assert!(first.starts_with("started trigger=event stage="), "{first}");
            assert!(
                last.starts_with("ended outcome=done status=200 duration_ms="),
                "{last}"
            );
            for part in [
                format!(" stage={function} "),
                format!(" task={}", row.id),
                format!(" trace_id={trace}"),
                " unit=".to_owned(),
                " execution_id=".to_owned(),
            ] {
                assert!(
                    first.contains(&part) && last.contains(&part),
                    "{part}: {logs}"
                );
            }
            assert!(
                last.contains(" queued_ms=") && last.contains(" attempt=1 "),
                "{last}"
            );
            assert!(last.contains(" appwrite_requests="), "{last}");
            asked += lines
                .iter()
                .filter(|line| line.starts_with("a model answered"))
                .count();
            ends += lines
                .iter()
                .filter(|line| line.starts_with("the task has ended"))
                .count();
        }
    }
    assert_eq!((asked, ends), (world.model_calls().0, 1));
    world.stop().await;
}
