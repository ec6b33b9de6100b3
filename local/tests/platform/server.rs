use std::time::Duration;

use futures::future::join_all;
use local::faults::{FaultAction, Faults, Phase};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::support::{PROJECT, ROWS, Who, World, answer, client};

#[tokio::test]
async fn an_answer_without_a_body_names_a_type() {
    let world = World::start().await;
    world.row("r1", json!({"title": "x"}), &[]).await;
    let request = world.request(Method::DELETE, &format!("{ROWS}/r1"), &world.key());
    let response = request.json(&json!({})).send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["content-type"], "text/html");
}

#[tokio::test]
async fn unknown_routes_and_methods_answer_html() {
    let world = World::start().await;
    for (method, path) in [
        (Method::GET, "/nope"),
        (Method::PUT, "/account"),
        (Method::POST, "/health/version"),
    ] {
        let response = world
            .request(method, path, &world.key())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), 404);
        assert!(
            response.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
    }
    assert_eq!(
        world.get("/health/version", &Who::Guest).await,
        (200, json!({"version": "1.9.6"}))
    );
}

#[tokio::test]
async fn large_bodies_are_cut_off_at_twelve_mebibytes() {
    let world = World::start().await;
    let post = |bytes: usize| {
        let body = json!({"rowId": "unique()", "data": {"title": "x", "big": "p".repeat(bytes)}});
        world
            .request(Method::POST, ROWS, &world.key())
            .json(&body)
            .send()
    };
    assert_eq!(post(11_000_000).await.unwrap().status().as_u16(), 201);
    let refused = post(13_000_000).await.unwrap();
    assert_eq!(refused.status().as_u16(), 413);
    assert_eq!(refused.text().await.unwrap(), "");
}

#[tokio::test]
async fn malformed_json_is_no_parameters() {
    let world = World::start().await;
    let request = world
        .request(Method::POST, ROWS, &world.key())
        .header("content-type", "application/json");
    let (status, error) = answer(request.body("{bad json").send().await.unwrap()).await;
    assert_eq!(
        (status, error["type"].as_str()),
        (400, Some("row_missing_data"))
    );
}

#[tokio::test]
async fn only_local_pages_may_call() {
    let world = World::start().await;
    let call = |method: Method, origin: &'static str| {
        world
            .request(method, "/account", &Who::Guest)
            .header("origin", origin)
            .send()
    };
    let (status, error) = answer(call(Method::GET, "http://evil.example").await.unwrap()).await;
    assert_eq!(
        (status, error["type"].as_str()),
        (403, Some("general_unknown_origin"))
    );
    let preflight = call(Method::OPTIONS, "http://localhost:5173")
        .await
        .unwrap();
    assert_eq!(preflight.status().as_u16(), 204);
    assert_eq!(
        preflight.headers()["access-control-allow-origin"],
        "http://localhost:5173"
    );
    assert_eq!(
        preflight.headers()["access-control-allow-credentials"],
        "true"
    );
    let plain = call(Method::GET, "http://127.0.0.1:5173").await.unwrap();
    assert_eq!(
        plain.headers()["access-control-allow-origin"],
        "http://127.0.0.1:5173"
    );
    assert!(
        plain.headers()["access-control-expose-headers"]
            .to_str()
            .unwrap()
            .contains("X-Fallback-Cookies")
    );
}

#[tokio::test]
async fn a_request_names_its_project() {
    let world = World::start().await;
    let url = format!("{}{ROWS}", world.running().endpoint());
    let client = client();
    let (status, error) = answer(client.get(&url).send().await.unwrap()).await;
    assert_eq!(
        (status, error["type"].as_str()),
        (401, Some("general_access_forbidden"))
    );
    let other = client.get(&url).header("x-appwrite-project", "nope");
    let (status, error) = answer(other.send().await.unwrap()).await;
    assert_eq!(
        (status, error["type"].as_str()),
        (404, Some("project_not_found"))
    );
    let by_query = client
        .get(format!("{url}?project={PROJECT}"))
        .header("x-appwrite-key", "standard_test");
    assert_eq!(answer(by_query.send().await.unwrap()).await.0, 200);
}

#[tokio::test]
async fn a_killed_function_gets_no_answer_and_its_row_is_kept_by_phase() {
    for (phase, kept) in [(Phase::Before, 404), (Phase::After, 200)] {
        let hook = move |create: &local::faults::RowCreate<'_>| {
            let hit = create.phase == phase && create.row_id == "doomed";
            if hit {
                FaultAction::KillFunction
            } else {
                FaultAction::Continue
            }
        };
        let mut faults = Faults::default();
        faults.on_row_create = Some(std::sync::Arc::new(hook));
        let world = World::start_with(faults).await;
        let body = json!({"rowId": "doomed", "data": {"title": "x"}});
        let mut events = world.running().kernel().bus.subscribe();
        let request = world
            .request(Method::POST, ROWS, &world.key())
            .json(&body)
            .timeout(Duration::from_millis(300));
        assert!(request.send().await.unwrap_err().is_timeout());
        assert_eq!(
            world.get(&format!("{ROWS}/doomed"), &world.key()).await.0,
            kept
        );
        assert_eq!(events.try_recv().is_ok(), kept == 200);
    }
}

#[tokio::test]
async fn a_generated_key_is_private_and_stays() {
    use std::os::unix::fs::PermissionsExt as _;

    use local::platform::{Platform, PlatformConfig};
    use secrecy::ExposeSecret as _;
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        Platform::start(PlatformConfig::new(
            PROJECT,
            folder.path().to_owned(),
            folder.path().join("functions"),
        ))
    };
    let platform = start().await.unwrap();
    let first = platform.key().expose_secret().to_owned();
    platform.shutdown().await;
    assert_eq!(start().await.unwrap().key().expose_secret(), first);
    let mode = std::fs::metadata(folder.path().join("key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Sends a request's head and, only if no answer comes first, its body; then a second
/// request on the same connection. Returns both statuses.
async fn head_first(world: &World, head: &str) -> (String, String) {
    const BODY: &str = r#"{"rowId":"unique()","data":{"title":"x"}}"#;
    let port = world.running().port();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut stream = BufReader::new(stream);
    let length = BODY.len();
    let head = format!(
        "{head}\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.get_mut().write_all(head.as_bytes()).await.unwrap();
    // The wait ends early for a server that answers what it has not read.
    let early = tokio::time::timeout(Duration::from_millis(200), stream.fill_buf()).await;
    assert!(early.is_err(), "{head}: answered before its body came");
    stream.get_mut().write_all(BODY.as_bytes()).await.unwrap();
    let first = status_of_answer(&mut stream).await;
    let second = "GET /v1/health/version HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    stream.get_mut().write_all(second.as_bytes()).await.unwrap();
    (first, status_of_answer(&mut stream).await)
}

/// Reads an answer to its end; returns its status.
async fn status_of_answer(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let status = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    while line != "\r\n" {
        line.clear();
        assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "cut off");
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
    }
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    status
}

#[tokio::test]
async fn a_connection_outlives_an_answer_that_needs_no_body() {
    let world = World::start().await;
    let project = format!("x-appwrite-project: {PROJECT}");
    let cases = [
        (
            format!("POST /v1/account/sessions/anonymous HTTP/1.1\r\n{project}"),
            "201",
        ),
        (
            format!("POST /v1/account HTTP/1.1\r\n{project}\r\norigin: http://evil.example"),
            "403",
        ),
        (format!("POST /v1{ROWS} HTTP/1.1\r\n{project}"), "401"),
        (
            format!("POST /v1{ROWS} HTTP/1.1\r\nx-appwrite-project: other"),
            "404",
        ),
        (format!("PATCH /v1{ROWS}/nope HTTP/1.1\r\n{project}"), "404"),
        (
            format!("DELETE /v1{ROWS}/nope HTTP/1.1\r\n{project}"),
            "404",
        ),
        (format!("POST /v1/nope HTTP/1.1\r\n{project}"), "404"),
        (format!("PUT /v1/account HTTP/1.1\r\n{project}"), "404"),
        (
            format!("POST /v1/local/counts HTTP/1.1\r\n{project}"),
            "404",
        ),
    ];
    let answers = cases.each_ref().map(|(head, _)| head_first(&world, head));
    for ((head, expected), (first, second)) in cases.iter().zip(join_all(answers).await) {
        assert_eq!(
            (first.as_str(), second.as_str()),
            (*expected, "200"),
            "{head}"
        );
    }
}
