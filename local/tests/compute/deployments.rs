//! Functions made through the API: definitions, variables, uploads, builds.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::world::{Options, World, assert_recorded_keys, fixture, queries, read, until};

const COMMANDS: &str = "chmod +x rust_runtime; for f in /usr/local/server/hooks/compile.sh \
    /usr/local/server/helpers/prepare-compile.sh; do if [ -f \"$f\" ]; then : > \"$f\"; fi; done";
const BOUNDARY: &str = "boundary-of-tests";

async fn send(world: &World, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    read(world.key(method, path).json(&body).send().await.unwrap()).await
}

async fn create(world: &World, id: &str) {
    let body = json!({"functionId": id, "name": id, "runtime": "rust-1.83",
                      "events": ["databases.*.tables.*.rows.*.create"]});
    let (status, function) = send(world, Method::POST, "/v1/functions", body).await;
    assert_eq!(status, 201, "{function}");
    assert_recorded_keys("function", &function);
    assert_eq!(function["deploymentId"], "");
}

pub(crate) fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, content).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

fn form(request: RequestBuilder, commands: &str, bytes: &[u8]) -> RequestBuilder {
    let mut body = Vec::new();
    for (name, value) in [("activate", "true"), ("commands", commands)] {
        write!(
            body,
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
        .unwrap();
    }
    write!(
        body,
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"code\"; \
         filename=\"code.tar.gz\"\r\nContent-Type: application/gzip\r\n\r\n"
    )
    .unwrap();
    body.extend_from_slice(bytes);
    write!(body, "\r\n--{BOUNDARY}--\r\n").unwrap();
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    request.header("content-type", kind).body(body)
}

async fn upload(world: &World, function: &str, commands: &str, bytes: &[u8]) -> Value {
    let path = format!("/v1/functions/{function}/deployments");
    let request = form(world.key(Method::POST, &path), commands, bytes);
    let (status, deployment) = read(request.send().await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), &deployment["status"]),
        (202, &json!("waiting")),
        "{deployment}"
    );
    built(world, function, &deployment["$id"]).await
}

async fn built(world: &World, function: &str, id: &Value) -> Value {
    let path = format!(
        "/v1/functions/{function}/deployments/{}",
        id.as_str().unwrap()
    );
    until(async || {
        let (_, deployment) = world.get(&path).await;
        let word = deployment["status"].as_str().unwrap().to_owned();
        matches!(word.as_str(), "ready" | "failed").then_some(deployment)
    })
    .await
}

/// The active deployment, once there is one.
pub(crate) async fn active(world: &World, function: &str) -> String {
    until(async || {
        let (_, json) = world.get(&format!("/v1/functions/{function}")).await;
        let id = json["deploymentId"].as_str().unwrap().to_owned();
        (!id.is_empty()).then_some(id)
    })
    .await
}

fn executable() -> Vec<u8> {
    archive("rust_runtime", &std::fs::read(fixture()).unwrap())
}

#[tokio::test]
async fn an_uploaded_executable_runs_and_can_be_downloaded() {
    let world = World::start(Options::default()).await;
    create(&world, "plan").await;
    let bytes = executable();
    let deployment = upload(&world, "plan", COMMANDS, &bytes).await;
    assert_eq!(deployment["status"], "ready", "{deployment}");
    assert_eq!(deployment["sourceSize"], bytes.len());
    let id = active(&world, "plan").await;
    assert_eq!(deployment["$id"], id);
    let (status, execution) = world.execute("plan", json!({"body": "hello"})).await;
    assert_eq!(
        (
            status.as_u16(),
            &execution["status"],
            &execution["deploymentId"]
        ),
        (201, &json!("completed"), &json!(id)),
        "{execution}"
    );
    let echoed: Value = serde_json::from_str(execution["responseBody"].as_str().unwrap()).unwrap();
    assert_eq!(echoed["body"], "hello");
    let path = format!("/v1/functions/plan/deployments/{id}/download");
    let source = world.key(Method::GET, &path).send().await.unwrap();
    assert_eq!(source.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn an_interrupted_build_is_made_at_the_next_start() {
    let world = World::start(Options::default()).await;
    create(&world, "plan").await;
    let deployment = upload(&world, "plan", COMMANDS, &executable()).await;
    active(&world, "plan").await;
    let folder = world.stop().await;
    // As a kill in the middle of the build leaves it.
    let db = rusqlite::Connection::open(folder.path().join(local::kernel::DATABASE_FILE)).unwrap();
    let sql = "UPDATE function_deployments SET
               state = json_set(state, '$.status', 'building'),
               document = json_set(document, '$.status', 'building')";
    assert_eq!(db.execute(sql, []).unwrap(), 1);
    drop(db);
    let world = World::start_in(folder, Options::default()).await;
    let deployment = built(&world, "plan", &deployment["$id"]).await;
    assert_eq!(deployment["status"], "ready", "{deployment}");
}

#[tokio::test]
async fn variables_are_secret_and_act_at_the_next_execution() {
    let world = World::start(Options::default()).await;
    create(&world, "plan").await;
    upload(&world, "plan", COMMANDS, &executable()).await;
    active(&world, "plan").await;
    let body = json!({"variableId": "unique()", "key": "MODE", "value": "status-404"});
    let path = "/v1/functions/plan/variables";
    let (status, variable) = send(&world, Method::POST, path, body.clone()).await;
    assert_eq!(
        (status.as_u16(), &variable["value"], &variable["secret"]),
        (201, &json!(""), &json!(true))
    );
    let (status, again) = send(&world, Method::POST, path, body).await;
    assert_eq!(
        (status.as_u16(), &again["type"]),
        (409, &json!("variable_already_exists"))
    );
    let (_, execution) = world.execute("plan", json!({})).await;
    assert_eq!(execution["responseStatusCode"], 404, "{execution}");
    let one = format!("{path}/{}", variable["$id"].as_str().unwrap());
    let (status, _) = send(&world, Method::PUT, &one, json!({"value": "status-201"})).await;
    assert_eq!(status, 200);
    let (_, execution) = world.execute("plan", json!({})).await;
    assert_eq!(execution["responseStatusCode"], 201, "{execution}");
    let (status, refused) = send(&world, Method::PUT, &one, json!({"secret": false})).await;
    assert_eq!(
        (status.as_u16(), &refused["type"]),
        (400, &json!("variable_cannot_unset_secret"))
    );
}

#[tokio::test]
async fn an_executable_that_does_not_tell_its_port_is_reached() {
    let world = World::start(Options::default()).await;
    for function in ["one", "two"] {
        create(&world, function).await;
        let path = format!("/v1/functions/{function}/variables");
        let quiet = json!({"variableId": "unique()", "key": "QUIET", "value": "1"});
        let (status, _) = send(&world, Method::POST, &path, quiet).await;
        assert_eq!(status, 201);
        upload(&world, function, COMMANDS, &executable()).await;
        active(&world, function).await;
    }
    // Both at once: neither has a port to itself.
    for function in ["one", "two", "one"] {
        let (_, execution) = world.execute(function, json!({"body": function})).await;
        assert_eq!(execution["status"], "completed", "{execution}");
        let body = execution["responseBody"].as_str().unwrap();
        let echo: Value = serde_json::from_str(body).unwrap();
        assert_eq!(echo["body"], function, "{echo}");
    }
}

#[tokio::test]
async fn builds_that_need_a_compiler_fail_and_say_so() {
    let world = World::start(Options::default()).await;
    create(&world, "plan").await;
    let source = archive("src/main.rs", b"fn main() {}");
    let touch = "touch /tmp/should-never-exist; chmod +x rust_runtime";
    for (commands, bytes) in [
        ("cargo build --release", &source),
        ("", &source),
        (COMMANDS, &source),
        (touch, &executable()),
    ] {
        let deployment = upload(&world, "plan", commands, bytes).await;
        assert_eq!(deployment["status"], "failed", "{commands}: {deployment}");
        let logs = deployment["buildLogs"].as_str().unwrap();
        assert!(logs.contains("other than prebuilt executables"), "{logs}");
    }
    let (status, refused) = world.execute("plan", json!({})).await;
    assert_eq!(
        (status.as_u16(), &refused["type"]),
        (404, &json!("deployment_not_found"))
    );
    until(async || {
        let (_, function) = world.get("/v1/functions/plan").await;
        (function["latestDeploymentStatus"] == "failed").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_failed_build_leaves_the_active_deployment_and_activation_chooses() {
    let world = World::start(Options::default()).await;
    create(&world, "plan").await;
    let first = upload(&world, "plan", COMMANDS, &executable()).await;
    assert_eq!(active(&world, "plan").await, first["$id"].as_str().unwrap());
    let broken = upload(&world, "plan", "make", &executable()).await;
    assert_eq!(active(&world, "plan").await, first["$id"].as_str().unwrap());
    let path = "/v1/functions/plan/deployment";
    let (status, refused) = send(
        &world,
        Method::PATCH,
        path,
        json!({"deploymentId": broken["$id"]}),
    )
    .await;
    assert_eq!(
        (status.as_u16(), &refused["type"]),
        (400, &json!("build_not_ready"))
    );
    let second = upload(&world, "plan", COMMANDS, &executable()).await;
    let newest = second["$id"].as_str().unwrap().to_owned();
    until(async || (active(&world, "plan").await == newest).then_some(())).await;
    let (status, function) = send(
        &world,
        Method::PATCH,
        path,
        json!({"deploymentId": first["$id"]}),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(function["deploymentId"], first["$id"]);
    assert_eq!(function["latestDeploymentId"], second["$id"]);
    let one = format!(
        "/v1/functions/plan/deployments/{}",
        first["$id"].as_str().unwrap()
    );
    let deleted = world.key(Method::DELETE, &one).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    let (_, function) = world.get("/v1/functions/plan").await;
    assert_eq!(function["deploymentId"], "");
}

#[tokio::test]
async fn a_source_may_come_in_chunks() {
    let world = World::start(Options::default()).await;
    create(&world, "plan").await;
    let bytes = executable();
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    let path = "/v1/functions/plan/deployments";
    let total = bytes.len();
    let range = format!("bytes 0-{}/{total}", head.len() - 1);
    let request = form(world.key(Method::POST, path), COMMANDS, head);
    let request = request.header("content-range", range);
    let (status, deployment) = read(request.send().await.unwrap()).await;
    assert_eq!(status, 202, "{deployment}");
    let id = deployment["$id"].as_str().unwrap();
    let range = format!("bytes {}-{}/{total}", head.len(), total - 1);
    let request = form(world.key(Method::POST, path), COMMANDS, tail);
    let request = request
        .header("content-range", range)
        .header("x-appwrite-id", id);
    let (status, again) = read(request.send().await.unwrap()).await;
    assert_eq!((status.as_u16(), &again["$id"]), (202, &json!(id)));
    let done = built(&world, "plan", &deployment["$id"]).await;
    assert_eq!(done["status"], "ready", "{done}");
}

#[tokio::test]
async fn events_reach_disabled_functions_and_fail_for_those_without_a_deployment() {
    let off = json!({"$id": "off", "name": "Off", "runtime": "rust-1.83", "enabled": false,
                     "events": ["databases.d.tables.t.rows.*.create"]});
    let world = World::start(Options {
        functions: json!([off]),
        ..Options::default()
    })
    .await;
    create(&world, "empty").await;
    let body = json!({"functionId": "bare", "name": "b", "runtime": "rust-1.83",
                      "events": ["databases.d.tables.t.rows.*.create"]});
    let (status, _) = send(&world, Method::POST, "/v1/functions", body).await;
    assert_eq!(status, 201);
    world.row_created("t", "r1");
    assert_eq!(world.ended("off", 1).await[0]["status"], "completed");
    let failed = world.ended("bare", 1).await;
    assert_eq!(
        (&failed[0]["status"], &failed[0]["deploymentId"]),
        (&json!("failed"), &json!(""))
    );
}

#[tokio::test]
async fn the_stand_in_plays_only_when_it_is_asked_for() {
    for is_on in [false, true] {
        let world = World::start(Options {
            stand_in: is_on,
            ..Options::default()
        })
        .await;
        create(&world, "plan").await;
        for (key, value) in [("SHIM_MODE", "notfound404"), ("SHIM_BUILD_SECONDS", "0")] {
            let body = json!({"variableId": "unique()", "key": key, "value": value});
            let path = "/v1/functions/plan/variables";
            assert_eq!(send(&world, Method::POST, path, body).await.0, 201);
        }
        let source = archive("src/main.rs", b"fn main() {}");
        let deployment = upload(&world, "plan", "cargo build", &source).await;
        let word = if is_on { "ready" } else { "failed" };
        assert_eq!(deployment["status"], word);
        if is_on {
            active(&world, "plan").await;
            let (_, execution) = world.execute("plan", json!({})).await;
            assert_eq!(execution["responseBody"], "nope", "{execution}");
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn definitions_are_checked_changed_listed_and_deleted() {
    let world = World::start(Options::default()).await;
    for (change, status, kind) in [
        (
            json!({"runtime": "rust-9"}),
            400,
            "general_argument_invalid",
        ),
        (
            json!({"runtime": "python-3.12"}),
            404,
            "function_runtime_unsupported",
        ),
        (json!({"timeout": 901}), 400, "general_argument_invalid"),
        (
            json!({"schedule": "often"}),
            400,
            "general_argument_invalid",
        ),
        (json!({"scopes": ["all"]}), 400, "general_argument_invalid"),
        (json!({"execute": ["all"]}), 400, "general_argument_invalid"),
    ] {
        let mut body = json!({"functionId": "plan", "name": "Plan", "runtime": "rust-1.83"});
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        let (found, refused) = send(&world, Method::POST, "/v1/functions", body).await;
        assert_eq!(
            (found.as_u16(), &refused["type"]),
            (status, &json!(kind)),
            "{change}"
        );
    }
    create(&world, "plan").await;
    create(&world, "other").await;
    let body = json!({"name": "New", "enabled": false});
    let (status, function) = send(&world, Method::PUT, "/v1/functions/plan", body).await;
    assert_eq!(
        (status.as_u16(), &function["name"], &function["runtime"]),
        (200, &json!("New"), &json!("rust-1.83"))
    );
    let disabled = json!({"method": "equal", "attribute": "enabled", "values": [false]});
    let path = format!("/v1/functions?{}", queries(&[disabled]));
    let (_, list) = world.get(&path).await;
    assert_eq!(
        (&list["total"], &list["functions"][0]["$id"]),
        (&json!(1), &json!("plan"))
    );
    let deleted = world.key(Method::DELETE, "/v1/functions/plan");
    assert_eq!(deleted.send().await.unwrap().status(), 204);
    assert_eq!(world.get("/v1/functions/plan").await.0, 404);
}

#[tokio::test]
async fn executions_that_have_ended_can_be_deleted() {
    let plan = json!({"$id": "plan", "name": "Plan", "runtime": "rust-1.83"});
    let world = World::start(Options {
        functions: json!([plan]),
        ..Options::default()
    })
    .await;
    let (_, execution) = world.execute("plan", json!({})).await;
    let minute = local::clock::now().as_millisecond() / 60_000;
    let at = local::clock::format_ms((minute + 3) * 60_000);
    let (_, delayed) = world
        .execute("plan", json!({"async": true, "scheduledAt": at}))
        .await;
    for one in [execution, delayed] {
        let id = one["$id"].as_str().unwrap();
        let path = format!("/v1/functions/plan/executions/{id}");
        let deleted = world.key(Method::DELETE, &path).send().await.unwrap();
        assert_eq!(deleted.status(), 204);
        let (status, gone) = world.get(&path).await;
        assert_eq!(
            (status.as_u16(), &gone["type"]),
            (404, &json!("execution_not_found"))
        );
    }
}
