//! Builds made again, their environment and their sandbox.

use axum::Router;
use axum::routing::get;
use local::sandbox::BuildSettings;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::json;
use tokio::net::TcpListener;

use super::archive;
use crate::world::{Options, World, example, queries, read, sandbox_works};

#[tokio::test]
async fn a_deployment_can_be_built_again_but_not_called_off_afterwards() {
    let world = World::start(Options::default()).await;
    world.create_site(json!({})).await;
    let first = world.deploy(&[("index.html", "one")], true).await;
    world.activated(&first["$id"]).await;
    let id = first["$id"].as_str().unwrap();
    let path = format!("/v1/sites/todo/deployments/{id}/status");
    let request = world.key(Method::PATCH, &path).json(&json!({}));
    let (status, error) = read(request.send().await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), &error["type"]),
        (400, &json!("build_already_completed"))
    );
    let request = world
        .key(Method::POST, "/v1/sites/todo/deployments/duplicate")
        .json(&json!({"deploymentId": id}));
    let (status, again) = read(request.send().await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), &again["status"]),
        (202, &json!("waiting"))
    );
    assert_eq!(again["sourceSize"], first["sourceSize"]);
    world.activated(&again["$id"]).await;
    let again = again["$id"].as_str().unwrap();
    let path = format!("/v1/sites/todo/deployments/{again}");
    let removed = world.key(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    let (_, site) = world.get("/v1/sites/todo").await;
    assert_eq!(
        (&site["deploymentId"], &site["latestDeploymentId"]),
        (&json!(""), &first["$id"])
    );
}

#[tokio::test]
async fn a_preview_shows_its_own_deployment_until_that_is_deleted() {
    let world = World::start(Options::default()).await;
    world.create_site(json!({})).await;
    let first = world.deploy(&[("index.html", "one")], true).await;
    world.activated(&first["$id"]).await;
    let second = world.deploy(&[("index.html", "two")], false).await;
    let rule = async |deployment: &serde_json::Value| {
        let equal = |name: &str, value: &serde_json::Value| json!({"method": "equal", "attribute": name, "values": [value]});
        let filter = queries(&[
            equal("deploymentId", deployment),
            equal("trigger", &json!("deployment")),
        ]);
        let (_, rules) = world.get(&format!("/v1/proxy/rules?{filter}")).await;
        rules["rules"][0].clone()
    };
    let [one, two] = [rule(&first["$id"]).await, rule(&second["$id"]).await];
    let domain = |rule: &serde_json::Value| rule["domain"].as_str().unwrap().to_owned();
    assert_eq!(world.visit(&domain(&one), "/").await.1, "one");
    assert_eq!(world.visit(&domain(&two), "/").await.1, "two");
    let id = second["$id"].as_str().unwrap();
    let path = format!("/v1/sites/todo/deployments/{id}");
    let removed = world.key(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    assert!(rule(&second["$id"]).await.is_null());
    assert_eq!(world.visit(&domain(&two), "/").await.0, 404);
    let path = format!("/v1/proxy/rules/{}", one["$id"].as_str().unwrap());
    let removed = world.key(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    assert_eq!(world.visit(&domain(&one), "/").await.0, 404);
}

#[tokio::test]
async fn commands_run_in_a_sandbox_or_not_at_all() {
    let world = World::start(Options::default()).await;
    world.create_site(json!({})).await;
    let body = json!({"variableId": "v", "key": "GREETING", "value": "hello"});
    let request = world.key(Method::POST, "/v1/sites/todo/variables");
    read(request.json(&body).send().await.unwrap()).await;
    let command = "mkdir out && echo \"$GREETING\" > out/index.html && ln -s /usr out/link \
        && ! grep -q eth /proc/net/dev && ! test -e /root && env";
    let part = Part::bytes(archive(&[("a.txt", "a")])).file_name("code.tar.gz");
    let form = Form::new()
        .part("code", part)
        .text("activate", "true")
        .text("outputDirectory", "out")
        .text("buildCommand", command);
    let (_, json) = world.upload(form).await;
    let built = world.built(json["$id"].as_str().unwrap()).await;
    let log = built["buildLogs"].as_str().unwrap();
    if sandbox_works() {
        assert_eq!(built["status"], "ready", "{log}");
        assert!(log.contains("GREETING=hello"), "{log}");
        assert!(log.contains("Packed 1 files."), "{log}");
        assert!(!log.contains("CARGO"), "{log}");
    } else {
        assert_eq!(built["status"], "failed", "{log}");
        assert!(log.contains("sandbox"), "{log}");
    }
}

/// A package registry of one text, at a port of loopback.
async fn registry() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new().route("/package", get(async || "the package"));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    port
}

#[tokio::test]
async fn a_build_reaches_the_package_registry_and_nothing_else() {
    let (port, other) = (registry().await, registry().await);
    let world = World::start(Options {
        build_settings: BuildSettings {
            relay: Some(example("relay")),
            registry: Some(format!("http://127.0.0.1:{port}/")),
        },
        ..Options::default()
    })
    .await;
    world.create_site(json!({})).await;
    let build = async |command: &str| {
        let part = Part::bytes(archive(&[("a.txt", "a")])).file_name("code.tar.gz");
        let form = Form::new()
            .part("code", part)
            .text("activate", "false")
            .text("outputDirectory", "out")
            .text("buildCommand", command.to_owned());
        let (_, json) = world.upload(form).await;
        let built = world.built(json["$id"].as_str().unwrap()).await;
        let log = built["buildLogs"].as_str().unwrap().to_owned();
        (built["status"].clone(), log)
    };
    let fetch = "mkdir out && curl -sS --fail-with-body";
    let good =
        format!("{fetch} -o out/index.html \"${{npm_config_registry}}package\" && cat out/*");
    let (status, log) = build(&good).await;
    if !sandbox_works() {
        assert_eq!(status, "failed", "{log}");
        assert!(log.contains("bwrap"), "{log}");
        return;
    }
    assert_eq!(status, "ready", "{log}");
    assert!(log.contains("the package"), "{log}");
    let tunnel = format!("{fetch} -p \"${{npm_config_registry}}package\" > out/index.html");
    let (status, log) = build(&tunnel).await;
    assert_eq!(status, "ready", "{log}");
    let endpoint = &world.kernel.project.endpoint;
    let platform = endpoint.trim_start_matches("http://");
    let platform = platform.trim_end_matches("/v1");
    for (target, refused) in [
        (
            format!("http://127.0.0.1:{other}/package"),
            format!("127.0.0.1:{other}"),
        ),
        (
            "https://example.com/".to_owned(),
            "example.com:443".to_owned(),
        ),
        (endpoint.clone(), platform.to_owned()),
    ] {
        let (status, log) = build(&format!("{fetch} {target}")).await;
        assert_eq!(status, "failed", "{log}");
        let line = format!(
            "Error: a build may reach the package registry 127.0.0.1:{port} only, not {refused}.\n"
        );
        assert!(log.contains(&line), "{log}");
        // Past the relay there is nothing.
        let (status, log) = build(&format!("{fetch} --noproxy '*' {target}")).await;
        assert_eq!(status, "failed", "{log}");
        assert!(log.contains("curl: ("), "{log}");
    }
    let (status, log) = build("exit 7").await;
    assert_eq!(status, "failed", "{log}");
    let words = "ended with status 7 in the sandbox, which reaches the package registry only.";
    assert!(log.contains(words), "{log}");
}

#[tokio::test]
async fn variables_are_kept_and_never_read_back() {
    let world = World::start(Options::default()).await;
    world.create_site(json!({})).await;
    let path = "/v1/sites/todo/variables";
    let body = json!({"variableId": "v", "key": "A", "value": "b"});
    let (status, made) = read(
        world
            .key(Method::POST, path)
            .json(&body)
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!((status.as_u16(), &made["value"]), (201, &json!("")));
    let (status, error) = read(
        world
            .key(Method::POST, path)
            .json(&body)
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        (status.as_u16(), &error["type"]),
        (409, &json!("variable_already_exists"))
    );
    let (_, site) = world.get("/v1/sites/todo").await;
    assert_eq!(
        (&site["vars"][0]["key"], &site["live"]),
        (&json!("A"), &json!(false))
    );
    let body = json!({"name": "New", "framework": "vite", "outputDirectory": "./dist"});
    let request = world.key(Method::PUT, "/v1/sites/todo").json(&body);
    let (status, site) = read(request.send().await.unwrap()).await;
    assert_eq!((status.as_u16(), &site["name"]), (200, &json!("New")));
    assert_eq!(
        (&site["buildRuntime"], &site["vars"][0]["$id"]),
        (&json!("static-1"), &json!("v"))
    );
    let query = queries(&[json!({"method": "equal", "attribute": "name", "values": ["New"]})]);
    let (_, list) = world.get(&format!("/v1/sites?{query}")).await;
    assert_eq!(
        (&list["total"], &list["sites"][0]["$id"]),
        (&json!(1), &json!("todo"))
    );
    let removed = world
        .key(Method::DELETE, &format!("{path}/v"))
        .send()
        .await
        .unwrap();
    assert_eq!(removed.status(), 204);
    assert_eq!(world.get(path).await.1["total"], 0);
}

#[tokio::test]
async fn a_build_that_starts_ever_more_processes_is_ended() {
    let world = World::start(Options::default()).await;
    world.create_site(json!({})).await;
    let command = "while :; do sleep 600 & done";
    let part = Part::bytes(archive(&[("index.html", "a")])).file_name("code.tar.gz");
    let form = Form::new()
        .part("code", part)
        .text("activate", "true")
        .text("buildCommand", command);
    let (_, json) = world.upload(form).await;
    let built = world.built(json["$id"].as_str().unwrap()).await;
    let log = built["buildLogs"].as_str().unwrap();
    assert_eq!(built["status"], "failed", "{log}");
    // A limit of the system ends it where the tests do not run as root, else ours does.
    let told = ["512 processes", "fork", "sandbox, which", "bwrap"];
    assert!(told.iter().any(|word| log.contains(word)), "{log}");
}
