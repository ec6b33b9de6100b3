use local::faults::Faults;
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::realtime::{CHANNEL, Socket};
use super::support::{NARROW_KEY, PROJECT, ROWS, Who, World, client};

#[tokio::test]
async fn the_page_is_its_own_and_in_nobodys_frame() {
    let world = World::start().await;
    let origin = world
        .running()
        .endpoint()
        .trim_end_matches("/v1")
        .to_owned();
    for path in ["/", "/console", "/console/app.js", "/console/style.css"] {
        let page = client()
            .get(format!("{origin}{path}"))
            .send()
            .await
            .unwrap();
        assert_eq!(page.status().as_u16(), 200, "{path}");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.headers()["referrer-policy"], "no-referrer");
        let text = page.text().await.unwrap();
        let key = world.running().console_link();
        let (_, key) = key.expose_secret().split_once('=').unwrap();
        assert!(!text.contains(key), "the page holds the key");
    }
    let missing = client().get(format!("{origin}/console/../key")).send();
    assert_eq!(missing.await.unwrap().status().as_u16(), 404);
}

#[tokio::test]
async fn the_key_of_the_link_opens_what_the_projects_key_opens_until_the_next_start() {
    let mut world = World::start().await;
    let key_of = |world: &World| {
        let link = world.running().console_link();
        let (address, key) = link.expose_secret().split_once("/console#key=").unwrap();
        assert!(address.starts_with("http://127.0.0.1:"), "{address}");
        Who::Key(key.to_owned())
    };
    let key = key_of(&world);
    for path in [
        ROWS,
        "/local/counts",
        "/local/faults",
        "/local/connections",
        "/local/processes",
    ] {
        assert_eq!(world.get(path, &key).await.0, 200, "{path}");
        if path != ROWS {
            for who in [Who::Guest, Who::Key(NARROW_KEY.to_owned())] {
                assert_eq!(world.get(path, &who).await.0, 401, "{path}");
            }
        }
    }
    world.restart().await;
    assert_eq!(world.get(ROWS, &key).await.0, 401);
    assert_eq!(world.get(ROWS, &key_of(&world)).await.0, 200);
}

#[tokio::test]
async fn the_feed_carries_events_to_the_key_alone_and_ends_with_the_platform() {
    let mut world = World::start().await;
    for who in [Who::Guest, Who::Key(NARROW_KEY.to_owned())] {
        assert_eq!(world.get("/local/events", &who).await.0, 401);
    }
    let request = world.request(Method::GET, "/local/events", &world.key());
    let mut feed = request.send().await.unwrap();
    assert_eq!(feed.headers()["content-type"], "text/event-stream");
    world.row("a", json!({"title": "x"}), &[]).await;
    let mut text = String::new();
    while !text.contains("\n\n") {
        text.push_str(&String::from_utf8_lossy(
            &feed.chunk().await.unwrap().unwrap(),
        ));
    }
    let event: serde_json::Value =
        serde_json::from_str(text.trim().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(event["payload"]["$id"], "a");
    assert!(event["events"][0].as_str().unwrap().ends_with(".create"));
    let stopped = world.platform.take().unwrap().shutdown();
    tokio::time::timeout(super::support::PATIENCE, stopped)
        .await
        .unwrap();
    while let Ok(Some(_)) = feed.chunk().await {}
}

#[tokio::test]
async fn an_open_connection_is_shown_with_its_channels() {
    let world = World::start_with(Faults::default()).await;
    let (user_id, user) = world.user().await;
    let address = format!("project={PROJECT}&channels[]={CHANNEL}");
    let mut socket = Socket::open(&world, &address, &user).await;
    assert_eq!(socket.hear().await["type"], "connected");
    world
        .row("a", json!({"title": "x"}), &["read(\"any\")"])
        .await;
    assert_eq!(socket.hear().await["type"], "event");
    let (_, shown) = world.get("/local/connections", &world.key()).await;
    let one = &shown["connections"][0];
    assert_eq!(
        (&one["userId"], &one["messages"]),
        (&json!(user_id), &json!(1))
    );
    assert_eq!(one["subscriptions"][0]["channels"], json!([CHANNEL]));
    drop(socket);
    let gone = async {
        while world.get("/local/connections", &world.key()).await.1["total"] != 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::support::PATIENCE, gone)
        .await
        .unwrap();
}
