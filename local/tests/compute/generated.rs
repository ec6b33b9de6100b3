//! Functions in JavaScript, as models write them: built and run in sandboxes.

use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::deployments::active;
use crate::sites::archive;
use crate::world::{Options, World, read, sandbox_works, until};

/// Answers what the test asks of it by the path.
const MAIN: &str = r#"
import { readFileSync, readdirSync, writeFileSync, symlinkSync } from 'node:fs';
import { greet } from './lib/greet.mjs';

const attempt = async (work) => {
  try {
    return await work();
  } catch (error) {
    return `${error.code ?? error.cause?.code ?? error.message}`;
  }
};

export default async ({ req, res, log, error }) => {
  switch (req.path) {
    case '/echo':
      log('echoing');
      error('not an error');
      console.log('printed', { a: 1 });
      return res.json(
        { method: req.method, query: req.query, text: req.bodyText, json: req.bodyJson, header: req.headers['x-test'],
          bytes: req.bodyBinary.length, env: process.env, key: req.headers['x-appwrite-key'], greeting: greet() },
        201,
        { 'x-answer': 'yes' },
      );
    case '/throw':
      throw new Error('on purpose');
    case '/nothing':
      return undefined;
    case '/empty':
      return res.empty();
    case '/redirect':
      return res.redirect('/elsewhere', 302);
    case '/bytes':
      return res.binary(Buffer.from([0, 255, 1]), 200, { 'content-type': 'image/x-test' });
    case '/slow':
      await new Promise((resolve) => setTimeout(resolve, 60000));
      return res.text('late');
    case '/platform': {
      const url = `${process.env.APPWRITE_FUNCTION_API_ENDPOINT}/proxy/rules`;
      const answer = await fetch(url, {
        headers: { 'x-appwrite-project': process.env.APPWRITE_FUNCTION_PROJECT_ID, 'x-appwrite-key': req.headers['x-appwrite-key'] },
      });
      return res.json({ status: answer.status, type: (await answer.json()).type });
    }
    case '/prison':
      return res.json({
        other: await attempt(() => fetch(req.query.url).then((answer) => answer.status)),
        outside: await attempt(() => fetch('http://93.184.215.14/').then((answer) => answer.status)),
        file: await attempt(() => readFileSync(decodeURIComponent(req.query.file), 'utf8')),
        home: await attempt(() => readdirSync('/root').length + readdirSync('/home').length),
        own: await attempt(() => writeFileSync('/function/x', 'x')),
        temporary: await attempt(() => writeFileSync('/tmp/x', 'x') ?? 'written'),
        processes: readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length,
      });
    default:
      return res.text(`at ${req.path}`);
  }
};
"#;

const GREET: &str = "export const greet = () => 'hello from a second file';";

async fn create(world: &World, settings: Value) {
    let mut body = json!({
        "functionId": "api", "name": "Api", "runtime": "node-22", "entrypoint": "src/main.mjs",
    });
    for (name, value) in settings.as_object().unwrap() {
        body[name] = value.clone();
    }
    let request = world.key(Method::POST, "/v1/functions").json(&body);
    let (status, function) = read(request.send().await.unwrap()).await;
    assert_eq!(status, 201, "{function}");
}

/// Uploads files and waits for the end of their build.
async fn deploy(world: &World, files: &[(&str, &str)], fields: &[(&str, &str)]) -> Value {
    let part = Part::bytes(archive(files)).file_name("code.tar.gz");
    let mut form = Form::new().part("code", part).text("activate", "true");
    for (name, value) in fields {
        form = form.text((*name).to_owned(), (*value).to_owned());
    }
    let request = world.key(Method::POST, "/v1/functions/api/deployments");
    let (status, deployment) = read(request.multipart(form).send().await.unwrap()).await;
    assert_eq!(status, 202, "{deployment}");
    ended(world, &deployment["$id"]).await
}

async fn ended(world: &World, id: &Value) -> Value {
    let path = format!("/v1/functions/api/deployments/{}", id.as_str().unwrap());
    until(async || {
        let deployment = world.get(&path).await.1;
        let is_open = ["waiting", "building"].contains(&deployment["status"].as_str().unwrap());
        (!is_open).then_some(deployment)
    })
    .await
}

/// A world with the function above, deployed.
async fn deployed(settings: Value) -> World {
    let world = World::start(Options::default()).await;
    create(&world, settings).await;
    let files = [("src/main.mjs", MAIN), ("src/lib/greet.mjs", GREET)];
    let deployment = deploy(&world, &files, &[]).await;
    assert_eq!(deployment["status"], "ready", "{deployment}");
    active(&world, "api").await;
    world
}

async fn call(world: &World, path: &str, extra: Value) -> Value {
    let mut body = json!({"path": path, "method": "GET"});
    for (name, value) in extra.as_object().unwrap() {
        body[name] = value.clone();
    }
    let (status, execution) = world.execute("api", body).await;
    assert_eq!(status, 201, "{execution}");
    execution
}

fn answer(execution: &Value) -> Value {
    serde_json::from_str(execution["responseBody"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn without_a_sandbox_javascript_is_not_run() {
    if sandbox_works() {
        return;
    }
    let world = deployed(json!({})).await;
    let execution = call(&world, "/", json!({})).await;
    assert_eq!(execution["status"], "failed", "{execution}");
}

#[tokio::test]
async fn javascript_gets_the_request_and_its_answer_comes_back() {
    if !sandbox_works() {
        return;
    }
    let world = deployed(json!({})).await;
    let variable = json!({"variableId": "v", "key": "GREETING", "value": "hi"});
    let request = world.key(Method::POST, "/v1/functions/api/variables");
    read(request.json(&variable).send().await.unwrap()).await;
    let extra = json!({
        "method": "PUT", "body": "{\"a\":[1]}",
        "headers": {"x-test": "t", "content-type": "application/json"},
    });
    let execution = call(&world, "/echo?a=1&b=x%20y", extra).await;
    assert_eq!(execution["status"], "completed", "{execution}");
    assert_eq!(execution["responseStatusCode"], 201);
    let headers = execution["responseHeaders"].as_array().unwrap();
    let has = |name: &str, value: &str| headers.contains(&json!({"name": name, "value": value}));
    assert!(has("x-answer", "yes"), "{execution}");
    assert!(has("content-type", "application/json; charset=utf-8"));
    let echoed = answer(&execution);
    assert_eq!(echoed["method"], "PUT");
    // The server of the real image does not decode either.
    assert_eq!(echoed["query"], json!({"a": "1", "b": "x%20y"}));
    assert_eq!(echoed["json"], json!({"a": [1]}));
    assert_eq!(
        (&echoed["bytes"], &echoed["header"]),
        (&json!(9), &json!("t"))
    );
    assert_eq!(echoed["greeting"], "hello from a second file");
    let env = &echoed["env"];
    assert_eq!(env["GREETING"], "hi");
    assert_eq!(env["APPWRITE_FUNCTION_ID"], "api");
    let endpoint = json!(world.kernel.project.endpoint);
    assert_eq!(env["APPWRITE_FUNCTION_API_ENDPOINT"], endpoint);
    assert!(env["APPWRITE_FUNCTION_API_KEY"].is_null());
    assert!(
        env.as_object()
            .unwrap()
            .keys()
            .all(|name| !name.starts_with("CARGO"))
    );
    let log = execution["logs"].as_str().unwrap();
    assert!(log.starts_with("echoing\nNative logs detected."), "{log}");
    assert!(log.ends_with("printed {\"a\":1}\n"), "{log}");
    assert_eq!(execution["errors"], "not an error\n");
}

#[tokio::test]
async fn failures_are_empty_answers_with_the_reason_among_the_errors() {
    if !sandbox_works() {
        return;
    }
    let world = deployed(json!({"timeout": 2})).await;
    for (path, reason) in [
        ("/throw", "Error: on purpose\n    at "),
        ("/nothing", "Return statement missing."),
        ("/slow", "Execution timed out."),
    ] {
        let execution = call(&world, path, json!({})).await;
        assert_eq!(execution["status"], "failed", "{execution}");
        assert_eq!(execution["responseStatusCode"], 500);
        assert_eq!(execution["responseBody"], "");
        let errors = execution["errors"].as_str().unwrap();
        assert!(errors.contains(reason), "{errors}");
    }
    let execution = call(&world, "/empty", json!({})).await;
    assert_eq!(execution["responseStatusCode"], 204);
    let execution = call(&world, "/redirect", json!({})).await;
    assert_eq!(execution["responseStatusCode"], 302);
    // A deployment whose entry file is missing is found out by its first execution.
    let files = [("src/main.mjs", "export default 5")];
    let deployment = deploy(&world, &files, &[("entrypoint", "src/gone.mjs")]).await;
    assert_eq!(deployment["entrypoint"], "src/gone.mjs");
    let id = deployment["$id"].as_str().unwrap();
    until(async || (active(&world, "api").await == id).then_some(())).await;
    let execution = call(&world, "/", json!({})).await;
    let errors = execution["errors"].as_str().unwrap();
    assert!(errors.contains("Could not load code file."), "{errors}");
    let deployment = deploy(&world, &files, &[]).await;
    let id = deployment["$id"].as_str().unwrap();
    until(async || (active(&world, "api").await == id).then_some(())).await;
    let execution = call(&world, "/", json!({})).await;
    let errors = execution["errors"].as_str().unwrap();
    assert!(errors.contains("User function is not valid."), "{errors}");
}

#[tokio::test]
async fn javascript_reaches_the_platform_and_nothing_else() {
    if !sandbox_works() {
        return;
    }
    let world = deployed(json!({})).await;
    let execution = call(&world, "/platform", json!({})).await;
    // Its key has no scopes.
    let refused = json!({"status": 401, "type": "general_unauthorized_scope"});
    assert_eq!(answer(&execution), refused, "{execution}");
    let other = World::start(Options::default()).await;
    let url = &other.kernel.project.endpoint;
    let file = world.folder.path().join("platform.db");
    assert!(file.is_file());
    let path = format!("/prison?url={url}/functions&file={}", file.display());
    let seen = answer(&call(&world, &path, json!({})).await);
    assert_eq!(seen["other"], "ECONNREFUSED", "{seen}");
    assert!(
        ["ENETUNREACH", "ECONNREFUSED"].contains(&seen["outside"].as_str().unwrap()),
        "{seen}"
    );
    assert_eq!(
        (&seen["file"], &seen["home"]),
        (&json!("ENOENT"), &json!("ENOENT"))
    );
    assert_eq!(seen["own"], "EROFS");
    assert_eq!(seen["temporary"], "written");
    assert!(seen["processes"].as_u64().unwrap() <= 2, "{seen}");
}

#[tokio::test]
async fn commands_build_a_function_and_their_failure_fails_it() {
    if !sandbox_works() {
        return;
    }
    let world = World::start(Options::default()).await;
    create(&world, json!({"commands": "sh build.sh"})).await;
    let build = "mkdir -p src && echo \"export default ({ res }) => res.text('$WORD');\" > src/main.mjs && pwd";
    let variable = json!({"variableId": "v", "key": "WORD", "value": "built"});
    let request = world.key(Method::POST, "/v1/functions/api/variables");
    read(request.json(&variable).send().await.unwrap()).await;
    let deployment = deploy(&world, &[("build.sh", build)], &[]).await;
    assert_eq!(deployment["status"], "ready", "{deployment}");
    let log = deployment["buildLogs"].as_str().unwrap();
    assert!(log.contains("$ sh build.sh\n/function\n"), "{log}");
    assert!(log.contains("Deployment finished."), "{log}");
    let first = active(&world, "api").await;
    assert_eq!(call(&world, "/", json!({})).await["responseBody"], "built");
    let files = [("build.sh", "echo no such package; exit 3")];
    let broken = deploy(&world, &files, &[]).await;
    assert_eq!(broken["status"], "failed");
    let log = broken["buildLogs"].as_str().unwrap();
    assert!(log.contains("no such package\n"), "{log}");
    assert!(log.contains("ended with status 3"), "{log}");
    assert_eq!(active(&world, "api").await, first);
    let empty = deploy(&world, &[], &[]).await;
    let log = empty["buildLogs"].as_str().unwrap();
    assert!(log.contains("Error: No source code found."), "{log}");
}

#[tokio::test]
async fn a_build_that_is_called_off_ends() {
    if !sandbox_works() {
        return;
    }
    let world = World::start(Options::default()).await;
    create(&world, json!({"commands": "echo begun; sleep 600"})).await;
    // As many as are built at once.
    for _ in 0..2 {
        let part = Part::bytes(archive(&[("src/main.mjs", "")])).file_name("code.tar.gz");
        let form = Form::new().part("code", part).text("activate", "true");
        let request = world.key(Method::POST, "/v1/functions/api/deployments");
        let (_, deployment) = read(request.multipart(form).send().await.unwrap()).await;
        let id = deployment["$id"].as_str().unwrap();
        let path = format!("/v1/functions/api/deployments/{id}");
        until(async || (world.get(&path).await.1["status"] == "building").then_some(())).await;
        let request = world.key(Method::PATCH, &format!("{path}/status"));
        let (status, json) = read(request.json(&json!({})).send().await.unwrap()).await;
        assert_eq!(
            (status.as_u16(), &json["status"]),
            (200, &json!("canceled"))
        );
    }
    // Their slots are free again.
    let second = deploy(&world, &[("src/main.mjs", "1")], &[("commands", "true")]).await;
    assert_eq!(second["status"], "ready", "{second}");
}

#[tokio::test]
async fn a_domain_passes_the_request_to_the_function_as_a_guest() {
    if !sandbox_works() {
        return;
    }
    let world = deployed(json!({"execute": ["any"]})).await;
    let rule = json!({"domain": "api.localhost", "functionId": "api"});
    let request = world.key(Method::POST, "/v1/proxy/rules/function");
    let (status, rule) = read(request.json(&rule).send().await.unwrap()).await;
    assert_eq!(status, 201, "{rule}");
    let request = world.browse(Method::PATCH, "api.localhost", "/echo?q=1");
    let request = request.header("x-test", "seen").body("{}");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["x-answer"], "yes");
    let echoed: Value = answer.json().await.unwrap();
    assert_eq!(
        (&echoed["method"], &echoed["header"]),
        (&json!("PATCH"), &json!("seen"))
    );
    let answer = world
        .browse(Method::GET, "api.localhost", "/bytes")
        .send()
        .await;
    let answer = answer.unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "image/x-test; charset=utf-8"
    );
    assert_eq!(answer.bytes().await.unwrap().as_ref(), [0, 255, 1]);
    // A preflight is the function's to answer, as any other request.
    let asked = world.browse(Method::OPTIONS, "api.localhost", "/hello");
    let answer = asked
        .header("origin", "http://todo.localhost")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "at /hello");
    let path = format!("/v1/proxy/rules/{}", rule["$id"].as_str().unwrap());
    let removed = world.key(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    let gone = world.visit("api.localhost", "/hello").await.0;
    assert_eq!(gone, StatusCode::NOT_FOUND);
}
