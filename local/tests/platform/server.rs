use std::time::Duration;

use local::faults::{FaultAction, Faults, Phase};
use reqwest::Method;
use serde_json::json;

use super::support::{PROJECT, ROWS, Who, World, answer, client};

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
        Platform::start(PlatformConfig {
            data_dir: folder.path().to_owned(),
            bind: "127.0.0.1:0".parse().unwrap(),
            project_id: PROJECT.to_owned(),
            key: None,
            faults: Faults::default(),
        })
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
