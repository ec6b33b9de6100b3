//! Executions through the API.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Options, World, assert_recorded_keys, is_alive, read, until};

fn function(id: &str) -> Value {
    json!({"$id": id, "name": id.to_uppercase(), "runtime": "rust-1.83", "timeout": 20,
           "scopes": ["rows.read"], "execute": ["users"]})
}

async fn world(modes: Vec<(&'static str, &'static str)>) -> World {
    let functions: Vec<Value> = modes.iter().map(|(id, _)| function(id)).collect();
    World::start(Options {
        functions: json!(functions),
        modes,
        ..Options::default()
    })
    .await
}

fn body(execution: &Value) -> Value {
    serde_json::from_str(execution["responseBody"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_synchronous_execution_answers_what_the_function_answered() {
    let world = world(vec![("plan", "echo")]).await;
    let request = json!({"body": "hello", "path": "/do?x=1", "method": "PUT",
                         "headers": {"x-custom": "1"}});
    let (status, execution) = world.execute("plan", request).await;
    assert_eq!(
        (status.as_u16(), &execution["status"]),
        (201, &json!("completed")),
        "{execution}"
    );
    let seen = body(&execution);
    assert_eq!(
        (&seen["method"], &seen["path"], &seen["body"]),
        (&json!("PUT"), &json!("/do?x=1"), &json!("hello"))
    );
    let headers = &seen["headers"];
    assert_eq!(headers["x-appwrite-trigger"], "http");
    assert_eq!(headers["x-appwrite-execution-id"], execution["$id"]);
    assert_eq!(headers["x-custom"], "1");
    assert_eq!(headers["x-open-runtimes-timeout"], "19");
    assert!(
        headers["x-appwrite-key"]
            .as_str()
            .unwrap()
            .starts_with("ephemeral_")
    );
    assert!(headers.get("x-appwrite-event").is_none());
    assert_eq!(execution["logs"], "request 0\n");
    let names: Vec<&str> = execution["responseHeaders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| header["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"x-fixture") && names.contains(&"x-appwrite-execution-id"));
    assert!(
        names
            .iter()
            .all(|name| !name.starts_with("x-open-runtimes"))
    );
    let stored = &world.executions("plan").await[0];
    assert_eq!(stored["responseBody"], "");
    assert_eq!(stored["requestHeaders"][0]["name"], "x-appwrite-client-ip");
}

#[tokio::test]
async fn records_have_the_recorded_keys() {
    let world = world(vec![("plan", "echo")]).await;
    let (_, execution) = world.execute("plan", json!({})).await;
    assert_recorded_keys("execution", &execution);
    assert_recorded_keys("function", &world.get("/v1/functions/plan").await.1);
    let (_, list) = world.get("/v1/functions/plan/executions").await;
    assert_recorded_keys("executionList", &list);
    assert_recorded_keys("execution", &list["executions"][0]);
    let id = execution["$id"].as_str().unwrap();
    let (status, one) = world
        .get(&format!("/v1/functions/plan/executions/{id}"))
        .await;
    assert_eq!((status.as_u16(), &one["$id"]), (200, &execution["$id"]));
}

#[tokio::test]
async fn a_process_sees_its_own_variables_and_no_others() {
    let world = world(vec![("plan", "echo")]).await;
    let (_, execution) = world.execute("plan", json!({})).await;
    let seen = body(&execution);
    let environment = seen["env"].as_object().unwrap();
    assert_eq!(environment["APPWRITE_FUNCTION_ID"], "plan");
    assert_eq!(environment["APPWRITE_FUNCTION_NAME"], "PLAN");
    assert_eq!(environment["APPWRITE_FUNCTION_RUNTIME_NAME"], "Rust");
    assert_eq!(
        environment["APPWRITE_FUNCTION_API_ENDPOINT"],
        world.kernel.project.endpoint
    );
    let own = [
        "MODE",
        "GATE",
        "HOST",
        "PORT",
        "ORCHESTRATOR_EXIT_WITH_STDIN",
    ];
    for name in environment.keys() {
        let known = own.contains(&name.as_str())
            || name.starts_with("APPWRITE_")
            || name.starts_with("OPEN_RUNTIMES_");
        assert!(known, "{name} leaked");
    }
}

#[tokio::test]
async fn parallel_executions_share_one_process() {
    let world = world(vec![("run", "hold")]).await;
    let many = (0..4).map(|_| world.execute("run", json!({"body": "x"})));
    let held = async {
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(world.gate.next().await);
        }
        held.iter()
            .map(|held| held.pid)
            .collect::<std::collections::BTreeSet<_>>()
    };
    let (answers, pids) = tokio::join!(futures::future::join_all(many), held);
    assert_eq!(pids.len(), 1);
    assert!(answers.iter().all(|(status, _)| *status == 201));
}

#[tokio::test]
async fn a_killed_process_fails_its_execution_and_the_next_starts_another() {
    let world = world(vec![("run", "hold")]).await;
    let kill = async {
        let held = world.gate.next().await;
        assert!(world.functions.kill_execution(&held.execution));
        held.pid
    };
    let ((_, failed), killed) = tokio::join!(world.execute("run", json!({"body": "x"})), kill);
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["errors"]
            .as_str()
            .unwrap()
            .contains("ended without an answer"),
        "{failed}"
    );
    let (_, next) = world.execute("run", json!({"path": "/echo"})).await;
    assert_eq!(next["status"], "completed", "{next}");
    assert_ne!(body(&next)["pid"], json!(killed));
    assert!(!world.functions.kill_execution("nobody"));
}

#[tokio::test]
async fn a_process_that_ends_itself_is_replaced() {
    let world = world(vec![("run", "echo")]).await;
    let (_, failed) = world.execute("run", json!({"path": "/exit"})).await;
    assert_eq!(
        (&failed["status"], &failed["responseStatusCode"]),
        (&json!("failed"), &json!(500))
    );
    let (_, next) = world.execute("run", json!({})).await;
    assert_eq!(next["status"], "completed", "{next}");
}

#[tokio::test]
async fn an_answer_of_500_is_a_failure_and_404_is_not() {
    let world = world(vec![("run", "echo")]).await;
    let (status, failed) = world.execute("run", json!({"path": "/status-500"})).await;
    assert_eq!(
        (status.as_u16(), &failed["status"]),
        (201, &json!("failed"))
    );
    assert_eq!(failed["errors"], "it went wrong\n");
    let (_, found) = world.execute("run", json!({"path": "/status-404"})).await;
    assert_eq!(
        (&found["status"], &found["responseStatusCode"]),
        (&json!("completed"), &json!(404))
    );
}

#[tokio::test]
async fn a_synchronous_call_is_cut_while_the_function_runs_on() {
    let world = World::start(Options {
        functions: json!([function("run")]),
        modes: vec![("run", "hold")],
        change: Box::new(|settings| settings.sync_limit = Duration::from_millis(300)),
        ..Options::default()
    })
    .await;
    let (status, error) = world.execute("run", json!({"body": "x"})).await;
    assert_eq!(
        (status.as_u16(), &error["type"]),
        (408, &json!("function_synchronous_timeout"))
    );
    let held = world.gate.next().await;
    assert!(is_alive(held.pid));
    let record = &world.executions("run").await[0];
    assert_eq!(
        (&record["status"], &record["responseStatusCode"]),
        (&json!("failed"), &json!(500))
    );
    assert!(
        record["errors"]
            .as_str()
            .unwrap()
            .ends_with("\\nError Code: 408")
    );
}

#[tokio::test]
async fn a_function_that_exceeds_its_time_out_is_given_up_and_runs_on() {
    let world = World::start(Options {
        functions: json!([{"$id": "run", "name": "run", "timeout": 1}]),
        modes: vec![("run", "hold")],
        ..Options::default()
    })
    .await;
    let (call, held) = tokio::join!(
        world.execute("run", json!({"body": "x"})),
        world.gate.next()
    );
    let (status, failed) = call;
    assert_eq!(
        (status.as_u16(), &failed["status"]),
        (201, &json!("failed"))
    );
    assert_eq!(failed["responseStatusCode"], 500);
    assert_eq!(
        failed["errors"],
        "Asynchronous function execution timed out. Ensure the execution duration doesn't exceed \
         the configured function timeout.\\nError Code: 408"
    );
    // The second that it has, and the 15 more in which its answer is waited for.
    let duration = failed["duration"].as_f64().unwrap();
    assert!((15.5..30.0).contains(&duration), "{duration}");
    assert!(is_alive(held.pid));
    let (_, next) = world.execute("run", json!({"path": "/echo"})).await;
    assert_eq!(body(&next)["pid"], held.pid);
}

#[tokio::test]
async fn calls_share_a_connection_that_the_function_keeps() {
    let world = world(vec![("run", "keep")]).await;
    let mut seen = Vec::new();
    until(async || {
        let (_, answer) = world.execute("run", json!({})).await;
        let connection = body(&answer)["connection"].as_u64();
        let again = seen.contains(&connection);
        seen.push(connection);
        again.then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_connection_closed_without_a_word_costs_no_execution() {
    let world = world(vec![("run", "slam")]).await;
    let calls = (0..40).map(|_| async {
        for _ in 0..5 {
            let (_, answer) = world.execute("run", json!({})).await;
            assert_eq!(answer["status"], "completed", "{answer}");
        }
    });
    futures::future::join_all(calls).await;
}

#[tokio::test]
async fn an_asynchronous_execution_waits_and_completes() {
    let world = world(vec![("run", "hold")]).await;
    let (status, waiting) = world
        .execute("run", json!({"async": true, "body": "x"}))
        .await;
    assert_eq!(
        (status.as_u16(), &waiting["status"]),
        (202, &json!("waiting"))
    );
    let held = world.gate.next().await;
    assert_eq!(json!(held.execution), waiting["$id"]);
    assert_eq!(world.executions("run").await[0]["status"], "waiting");
    drop(held);
    let done = &world.ended("run", 1).await[0];
    assert_eq!(
        (&done["status"], &done["responseBody"]),
        (&json!("completed"), &json!(""))
    );
    assert_eq!(done["logs"], "request 0\n");
}

#[tokio::test]
async fn functions_that_cannot_start_say_why() {
    let world = World::start(Options {
        functions: json!([
            function("gone"),
            function("dies"),
            {"$id": "deaf", "name": "deaf", "timeout": 1}
        ]),
        modes: vec![("dies", "dies"), ("deaf", "deaf")],
        ..Options::default()
    })
    .await;
    for (id, words) in [
        ("gone", "has no executable"),
        ("dies", "missing setting: X"),
        ("deaf", "Timed out waiting for runtime."),
    ] {
        let (status, execution) = world.execute(id, json!({})).await;
        assert_eq!(
            (status.as_u16(), &execution["status"]),
            (201, &json!("failed"))
        );
        assert!(
            execution["errors"].as_str().unwrap().contains(words),
            "{execution}"
        );
    }
}

#[tokio::test]
async fn only_roles_of_the_function_may_execute_it() {
    let world = world(vec![("plan", "echo")]).await;
    let path = "/v1/functions/plan/executions";
    let (status, error) = read(
        world
            .guest(Method::POST, path)
            .json(&json!({}))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        (status.as_u16(), &error["type"]),
        (401, &json!("user_unauthorized"))
    );
    let with_scopes = |scopes: &[&str]| {
        let scopes: Vec<String> = scopes.iter().map(|&it| it.to_owned()).collect();
        let key = world
            .kernel
            .auth
            .mint_execution_key("e", &scopes, Duration::from_secs(60));
        world
            .guest(Method::POST, path)
            .header("x-appwrite-key", key)
            .json(&json!({}))
            .send()
    };
    let (status, error) = read(with_scopes(&["rows.read"]).await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), &error["type"]),
        (401, &json!("general_unauthorized_scope"))
    );
    let (status, _) = read(with_scopes(&["executions.write"]).await.unwrap()).await;
    assert_eq!(status, 201);
}

#[tokio::test]
async fn a_user_sees_his_executions_without_their_logs() {
    let world = world(vec![("plan", "echo")]).await;
    world
        .kernel
        .store
        .run(|db| {
            db.execute(
                "INSERT INTO users (id, created_ms, updated_ms, accessed_ms) VALUES ('u', 0, 0, 0)",
                [],
            )?;
            Ok(())
        })
        .await
        .unwrap();
    let jwt = world
        .kernel
        .auth
        .mint_user_jwt("u", Duration::from_secs(60));
    world.execute("plan", json!({})).await;
    let path = "/v1/functions/plan/executions";
    let as_user = |method| world.guest(method, path).header("x-appwrite-jwt", &jwt);
    let (status, mine) = read(as_user(Method::POST).json(&json!({})).send().await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), &mine["logs"]),
        (201, &json!("")),
        "{mine}"
    );
    assert_eq!(mine["$permissions"], json!(["read(\"user:u\")"]));
    let headers = &body(&mine)["headers"];
    assert_eq!(headers["x-appwrite-user-id"], "u");
    assert_ne!(headers["x-appwrite-user-jwt"], "");
    let (_, list) = read(as_user(Method::GET).send().await.unwrap()).await;
    assert_eq!(
        (&list["total"], &list["executions"][0]["$id"]),
        (&json!(1), &mine["$id"])
    );
    assert_eq!(list["executions"][0]["logs"], "");
}

#[tokio::test]
async fn an_idle_process_is_stopped() {
    let world = World::start(Options {
        functions: json!([function("run")]),
        change: Box::new(|settings| settings.idle = Duration::from_millis(200)),
        ..Options::default()
    })
    .await;
    let (_, execution) = world.execute("run", json!({})).await;
    let pid = i32::try_from(body(&execution)["pid"].as_i64().unwrap()).unwrap();
    until(async || (!is_alive(pid)).then_some(())).await;
    let (_, next) = world.execute("run", json!({})).await;
    assert_eq!(next["status"], "completed");
}

#[tokio::test]
async fn nothing_outlives_a_shutdown() {
    let world = world(vec![("run", "hold")]).await;
    world
        .execute("run", json!({"async": true, "body": "x"}))
        .await;
    let held = world.gate.next().await;
    let pid = held.pid;
    let release = async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(held);
    };
    let (folder, ()) = tokio::join!(world.stop(), release);
    assert!(!is_alive(pid));
    let world = World::start_in(
        folder,
        Options {
            functions: json!([function("run")]),
            ..Options::default()
        },
    )
    .await;
    // What was running was given the time to end, and its record is kept.
    assert_eq!(world.executions("run").await[0]["status"], "completed");
}

#[tokio::test]
async fn a_shutdown_is_bounded_and_records_what_it_cut_off() {
    let world = World::start(Options {
        functions: json!([function("run")]),
        modes: vec![("run", "hold")],
        change: Box::new(|settings| settings.drain = Duration::from_millis(50)),
        ..Options::default()
    })
    .await;
    world
        .execute("run", json!({"async": true, "body": "x"}))
        .await;
    let held = world.gate.next().await;
    let folder = world.stop().await;
    assert!(!is_alive(held.pid));
    let options = Options {
        functions: json!([function("run")]),
        ..Options::default()
    };
    let world = World::start_in(folder, options).await;
    assert_eq!(world.executions("run").await[0]["status"], "failed");
}

#[tokio::test]
async fn an_abort_kills_at_once() {
    let world = world(vec![("run", "hold")]).await;
    world
        .execute("run", json!({"async": true, "body": "x"}))
        .await;
    let held = world.gate.next().await;
    world.functions.abort();
    until(async || (!is_alive(held.pid)).then_some(())).await;
    let (_, refused) = world.execute("run", json!({})).await;
    assert!(
        refused["errors"].as_str().unwrap().contains("is stopping"),
        "{refused}"
    );
}

#[tokio::test]
async fn large_requests_are_refused_with_an_empty_body() {
    let world = world(vec![("plan", "echo")]).await;
    let text = "x".repeat(13 * 1024 * 1024);
    let (status, answer) = world.execute("plan", json!({"body": text})).await;
    assert_eq!((status.as_u16(), answer), (413, json!("")));
    let (status, error) = world.execute("nofn", json!({})).await;
    assert_eq!(
        (status.as_u16(), &error["type"]),
        (404, &json!("function_not_found"))
    );
}

#[tokio::test]
async fn a_domain_calls_its_function_with_all_headers() {
    let world = World::start(Options {
        stand_in: true,
        functions: json!([]),
        ..Options::default()
    })
    .await;
    let call = |method: Method, path: &str, body: serde_json::Value| {
        let request = world.key(method, path).json(&body);
        async move { crate::world::read(request.send().await.unwrap()).await }
    };
    let body =
        json!({"functionId": "f", "name": "f", "runtime": "rust-1.83", "execute": ["users"]});
    assert_eq!(call(Method::POST, "/v1/functions", body).await.0, 201);
    for (key, value) in [("SHIM_MODE", "echo"), ("SHIM_BUILD_SECONDS", "0")] {
        let body = json!({"variableId": key, "key": key, "value": value});
        let made = call(Method::POST, "/v1/functions/f/variables", body).await;
        assert_eq!(made.0, 201, "{}", made.1);
    }
    let rules = "/v1/proxy/rules/function";
    let wanted = |id: &str| json!({"domain": "f.functions.localhost", "functionId": id});
    let (status, error) = call(Method::POST, rules, wanted("nobody")).await;
    assert_eq!(
        (status.as_u16(), &error["type"]),
        (404, &json!("rule_resource_not_found"))
    );
    let (status, rule) = call(Method::POST, rules, wanted("f")).await;
    assert_eq!((status.as_u16(), &rule["deploymentId"]), (201, &json!("")));
    let visit = |path: &str| {
        let request = world.browse(Method::GET, "f.functions.localhost", path);
        let request = request.header("x-own", "1").header("cookie", "a=b");
        let request = request.header("x-appwrite-user-id", "forged");
        async move { request.send().await.unwrap() }
    };
    assert_eq!(visit("/").await.status(), 404);
    let part = reqwest::multipart::Part::bytes(crate::deployments::archive("a", b"b"));
    let form = reqwest::multipart::Form::new()
        .part("code", part.file_name("code.tar.gz"))
        .text("activate", "true")
        .text("entrypoint", "main.rs");
    let request = world.key(Method::POST, "/v1/functions/f/deployments");
    assert_eq!(request.multipart(form).send().await.unwrap().status(), 202);
    crate::deployments::active(&world, "f").await;
    let refused = visit("/").await;
    assert_eq!(refused.status(), 401);
    assert!(
        refused.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let body = json!({"name": "f", "execute": ["any"]});
    assert_eq!(call(Method::PUT, "/v1/functions/f", body).await.0, 200);
    let answer = visit("/a?b=c").await;
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("x-appwrite-execution-id"));
    let told: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(
        (&told["method"], &told["path"]),
        (&json!("GET"), &json!("/a?b=c"))
    );
    let headers = &told["headers"];
    assert_eq!(
        (&headers["x-own"], &headers["cookie"]),
        (&json!("1"), &json!("a=b"))
    );
    assert_eq!(headers["x-appwrite-user-id"], "");
    let body = json!({"key": "SHIM_MODE", "value": "fail500"});
    let path = "/v1/functions/f/variables/SHIM_MODE";
    assert_eq!(call(Method::PUT, path, body).await.0, 200);
    let failed = visit("/").await;
    assert_eq!(failed.status(), 500);
    assert!(failed.text().await.unwrap().starts_with("<!doctype html>"));
    let records = world.executions("f").await;
    assert_eq!(records.len(), 2);
    assert_eq!(records[1]["status"], "failed");
}
