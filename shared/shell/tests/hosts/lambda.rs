//! The Lambda host against a small Runtime API.
//!
//! Source: AWS Lambda, custom runtimes, "Using the Lambda runtime API", and the function URL's
//! payload format 2.0 (read 2026-08).

use std::convert::Infallible;
use std::process::Stdio;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::process::{Echo, SOON};

const VERSION_PATH: &str = "/2018-06-01/runtime";
const SIGNATURE_KEY: &str = "signature-key";
const ROLE_SECRET: &str = "secret-of-the-role";
const ROLE_TOKEN: &str = "token-of-the-role";
const CONFIGURED: &str = "configured-secret";
/// A row that was created, as a webhook sends it.
const ROW: &str = r#"{"$id":"p1","unitKey":"x"}"#;
/// `printf '%s' 'https://abc.lambda-url.eu-west-1.on.aws/{"$id":"p1","unitKey":"x"}' | openssl dgst
/// -sha1 -hmac signature-key -binary | base64`.
const SIGNATURE: &str = "X7sdDzdJ7Uaj0E5oVCUfeQumxFY=";

/// One event that waits to be fetched.
struct Event {
    id: &'static str,
    deadline_ms: i64,
    payload: Value,
}

/// What a function sent to `Invoke`.
struct Invoke {
    path: String,
    kind: String,
    authorization: String,
    payload: Value,
}

/// Hands out events and takes the answers, `(path of the POST, body)`, and invocations.
struct RuntimeApi {
    events: Mutex<mpsc::UnboundedReceiver<Event>>,
    answers: mpsc::UnboundedSender<(String, Value)>,
    invocations: mpsc::UnboundedSender<Invoke>,
}

impl RuntimeApi {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        if request.method() == Method::GET {
            assert_eq!(path, format!("{VERSION_PATH}/invocation/next"));
            return self.next().await;
        }
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if path.ends_with("/invocations") {
            let header = |name: &str| parts.headers[name].to_str().unwrap().to_owned();
            let _ = self.invocations.send(Invoke {
                path,
                kind: header("x-amz-invocation-type"),
                authorization: header("authorization"),
                payload: body,
            });
        } else {
            let _ = self.answers.send((path, body));
        }
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::ACCEPTED;
        response
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let Some(event) = self.events.lock().await.recv().await else {
            return std::future::pending().await;
        };
        Response::builder()
            .header("lambda-runtime-aws-request-id", event.id)
            .header("lambda-runtime-deadline-ms", event.deadline_ms)
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-west-1:1:function:echo",
            )
            .body(Full::new(Bytes::from(event.payload.to_string())))
            .unwrap()
    }
}

struct Lambda {
    events: mpsc::UnboundedSender<Event>,
    answers: mpsc::UnboundedReceiver<(String, Value)>,
    invocations: mpsc::UnboundedReceiver<Invoke>,
    echo: Echo,
}

impl Lambda {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, receiver) = mpsc::unbounded_channel();
        let (sender, answers) = mpsc::unbounded_channel();
        let (invoked, invocations) = mpsc::unbounded_channel();
        let api = Arc::new(RuntimeApi {
            events: Mutex::new(receiver),
            answers: sender,
            invocations: invoked,
        });
        let endpoint = format!("http://{address}");
        tokio::spawn(serve(listener, api));
        let variables = [
            ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "echo"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("GITHUB_TOKEN", CONFIGURED),
            ("APPWRITE_WEBHOOK_SIGNATURE_KEY", SIGNATURE_KEY),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", ROLE_SECRET),
            ("AWS_SESSION_TOKEN", ROLE_TOKEN),
            ("AWS_ENDPOINT_URL_LAMBDA", endpoint.as_str()),
        ];
        Self {
            events,
            answers,
            invocations,
            echo: Echo::spawn(&variables, Stdio::null()),
        }
    }

    /// Sends an event and returns the answer, which must be for it.
    async fn invoke(&mut self, id: &'static str, seconds: i64, payload: Value) -> Value {
        let deadline_ms = Timestamp::now().as_millisecond() + seconds * 1_000;
        self.events
            .send(Event {
                id,
                deadline_ms,
                payload,
            })
            .ok()
            .unwrap();
        let answer = tokio::time::timeout(SOON, self.answers.recv()).await;
        let (path, body) = answer.expect("the function answers").unwrap();
        assert_eq!(
            path,
            format!("{VERSION_PATH}/invocation/{id}/response"),
            "{body}"
        );
        body
    }
}

async fn serve(listener: TcpListener, api: Arc<RuntimeApi>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let api = api.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let api = api.clone();
                async move { Ok::<_, Infallible>(api.answer(request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            let _ = connection.await;
        });
    }
}

/// A request to a function URL whose caller IAM knows.
fn url_event(method: &str, path: &str, query: &str, headers: Value, body: &str) -> Value {
    let mut event = open_event(method, path, query, headers, body);
    event["requestContext"]["authorizer"] =
        json!({"iam": {"accountId": "1", "userArn": "arn:aws:iam::1:user/a", "userId": "a"}});
    event
}

/// A request to a function URL that is open to everybody.
fn open_event(method: &str, path: &str, query: &str, headers: Value, body: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous", "apiId": "abc", "domainName": "abc.lambda-url.eu-west-1.on.aws",
            "domainPrefix": "abc", "requestId": "r", "routeKey": "$default", "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_583_348_638_390_i64,
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1", "userAgent": "test",
            },
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

#[tokio::test]
async fn function_url_reaches_the_same_handler() {
    let mut lambda = Lambda::start().await;
    let headers = json!({
        "host": "abc.lambda-url.eu-west-1.on.aws", "x-other": "caller",
        "x-appwrite-key": "0123456789", "x-appwrite-user-id": "forged", "x-appwrite-trigger": "event",
        "x-open-runtimes-secret": "forged",
    });
    let event = url_event("POST", "/a/b", "x=1&y=%2F", headers, "hello");
    let answer = lambda.invoke("req-1", 30, event).await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(
        answer["headers"]["content-type"],
        "application/json; charset=utf-8"
    );
    assert_eq!(answer["isBase64Encoded"], false);
    let seen: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&seen["method"], &seen["path"]),
        (&"POST".into(), &"/a/b".into())
    );
    assert_eq!(seen["query"], json!({"x": "1", "y": "/"}));
    assert_eq!(
        (&seen["bodyStart"], &seen["executionId"]),
        (&"hello".into(), &"req-1".into())
    );
    assert_eq!(
        (&seen["trigger"], &seen["userId"]),
        (&"Http".into(), &Value::Null)
    );
    assert_eq!(
        (&seen["keyChars"], &seen["headers"]["x-other"]),
        (&10.into(), &"caller".into())
    );
    assert_eq!(seen["headers"]["x-open-runtimes-secret"], Value::Null);
    let left = seen["secondsLeft"].as_f64().unwrap();
    assert!(left > 1.0 && left <= 29.5, "{left}");
}

#[tokio::test]
async fn one_process_answers_one_event_after_another() {
    let mut lambda = Lambda::start().await;
    for id in ["req-1", "req-2", "req-3"] {
        let answer = lambda
            .invoke(id, 30, url_event("GET", "/", "", json!({}), ""))
            .await;
        assert!(answer["body"].as_str().unwrap().contains(id), "{answer}");
    }
}

#[tokio::test]
async fn panic_and_time_out_are_answers_and_the_process_lives() {
    let mut lambda = Lambda::start().await;
    let panic = url_event("POST", "/panic", "", json!({}), "lost");
    let panic = lambda.invoke("req-1", 30, panic).await;
    assert_eq!(panic["statusCode"], 500);
    let hang = lambda
        .invoke("req-2", 1, url_event("GET", "/hang", "", json!({}), ""))
        .await;
    assert_eq!(hang["statusCode"], 500);
    let dropped = lambda
        .invoke("req-3", 30, url_event("GET", "/dropped", "", json!({}), ""))
        .await;
    assert_eq!(dropped["body"], "1");
    let stderr = lambda.echo.read("stderr");
    let told = |request: &str, beginning: &str| {
        let lines = lines(&stderr);
        let is_it = |line: &&Value| line["level"] == "ERROR" && line["request_id"] == request;
        let line = lines.iter().find(is_it).expect(request);
        let message = line["message"].as_str().unwrap();
        assert!(message.starts_with(beginning), "{message}");
    };
    told("req-1", "The function panicked at ");
    told("req-2", "Execution timed out.");
}

#[tokio::test]
async fn no_secret_of_lambda_reaches_a_log_an_answer_or_a_panic() {
    const BROUGHT: &str = "key-that-the-caller-brings";
    let mut lambda = Lambda::start().await;
    let secrets = [SIGNATURE_KEY, ROLE_SECRET, ROLE_TOKEN, CONFIGURED, BROUGHT];
    let said = secrets.map(|secret| format!("lost {secret}, found"));
    let headers = json!({"x-appwrite-key": BROUGHT});
    let mut written = String::new();
    for path in ["/log", "/panic", "/panic-blocking"] {
        let event = url_event("POST", path, "", headers.clone(), &said.join("\n"));
        written += &lambda.invoke("req-1", 30, event).await.to_string();
    }
    written += &lambda.echo.read("stderr");
    for secret in secrets {
        assert!(!written.contains(secret), "{secret} in {written}");
    }
    // Two lines of the log and two panics.
    let times = written.matches("lost [redacted], found").count();
    assert!(times >= 4 * secrets.len(), "{times}: {written}");
}

#[tokio::test]
async fn log_lines_are_json_with_the_request_id() {
    let mut lambda = Lambda::start().await;
    let event = url_event("POST", "/log", "", json!({}), "a line");
    assert_eq!(lambda.invoke("req-1", 30, event).await["statusCode"], 200);
    let stderr = lambda.echo.read("stderr");
    let lines = lines(&stderr);
    let told = |line: &Value| {
        let time: Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
        assert!(time > Timestamp::UNIX_EPOCH);
        json!([line["level"], line["request_id"], line["message"]])
    };
    assert_eq!(
        lines.iter().map(told).collect::<Vec<_>>(),
        [
            json!(["INFO", "req-1", "a line"]),
            json!(["ERROR", "req-1", "a line"])
        ]
    );
}

/// The lines that are JSON.
fn lines(stderr: &str) -> Vec<Value> {
    let json = stderr.lines().map(serde_json::from_str);
    json.filter_map(Result::ok).collect()
}

#[tokio::test]
async fn a_signed_webhook_starts_an_invocation_of_its_own() {
    let mut lambda = Lambda::start().await;
    let headers = json!({
        "content-type": "application/json", "x-appwrite-webhook-signature": SIGNATURE,
        "x-appwrite-webhook-events": "databases.a.tables.b.rows.p1.create",
        "x-appwrite-webhook-user-id": "forged",
    });
    let event = open_event("POST", "/", "", headers, ROW);
    let answer = lambda.invoke("req-1", 30, event).await;
    assert_eq!(answer["statusCode"], 202, "{answer}");
    let invoke = tokio::time::timeout(SOON, lambda.invocations.recv()).await;
    let invoke = invoke.expect("the function starts itself").unwrap();
    assert_eq!(invoke.path, "/2015-03-31/functions/echo/invocations");
    assert_eq!(invoke.kind, "Event");
    let signed = "Credential=AKIDEXAMPLE/";
    let names = "SignedHeaders=host;x-amz-date;x-amz-invocation-type;x-amz-security-token,";
    assert!(
        invoke.authorization.contains(signed) && invoke.authorization.contains(names),
        "{}",
        invoke.authorization
    );
    let answer = lambda.invoke("req-2", 30, invoke.payload).await;
    let seen: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&seen["method"], &seen["path"], &seen["trigger"]),
        (&"POST".into(), &"/".into(), &"Event".into())
    );
    assert_eq!(
        (&seen["bodyStart"], &seen["userId"]),
        (&r#"{"rowId":"p1"}"#.into(), &Value::Null)
    );
}

#[tokio::test]
async fn strangers_reach_no_handler_and_start_nothing() {
    let mut lambda = Lambda::start().await;
    let forged = json!({"x-appwrite-webhook-signature": "AAAA", "x-appwrite-key": "0123456789"});
    let changed = json!({"x-appwrite-webhook-signature": SIGNATURE});
    let own_word = json!({"x-appwrite-trigger": "event", "authorization": "AWS4-HMAC-SHA256 x"});
    let cases = [
        ("req-1", open_event("POST", "/", "", forged, ROW)),
        (
            "req-2",
            open_event("POST", "/", "", changed, r#"{"$id":"p2"}"#),
        ),
        (
            "req-3",
            open_event("POST", "/", "", own_word, r#"{"rowId":"p1"}"#),
        ),
        ("req-4", open_event("GET", "/log", "", json!({}), "")),
    ];
    for (id, event) in cases {
        let answer = lambda.invoke(id, 30, event).await;
        assert_eq!(answer["statusCode"], 401, "{id}: {answer}");
    }
    assert!(lambda.invocations.try_recv().is_err());
    let health = open_event("GET", "/", "", json!({}), "");
    assert_eq!(lambda.invoke("req-5", 30, health).await["statusCode"], 200);
}
