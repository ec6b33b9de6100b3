//! Functions, variables and rules.

use serde_json::json;

use super::answers::call;
use super::recorded::{body, fixture, sent, serve};
use super::server::{Reply, Server, refusal};
use super::{blocking, client, counts};
use crate::{DeploymentStatus, Error, ErrorType, NewFunction, NewSite, NewVariable};

fn plan() -> NewFunction {
    let mut plan = NewFunction::new("plan", "Plan", "rust-1.83", "src/main.rs");
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    plan.execute = texts(&["users"]);
    plan.events = texts(&[
        "databases.t1.tables.tasks.rows.*.create",
        "databases.t1.tables.tasks.rows.*.update",
    ]);
    plan.commands = "cargo build --release".to_owned();
    plan.scopes = texts(&["rows.read", "rows.write", "executions.write"]);
    plan
}

fn variable(secret: bool) -> NewVariable {
    NewVariable {
        id: "v1".to_owned(),
        key: "API_TOKEN".to_owned(),
        value: "shh-secret-value".to_owned(),
        secret,
    }
}

#[tokio::test]
async fn created_function_is_read() {
    let server = serve("function_created").await;
    let url = server.uri();
    let function = blocking(move || client(&url).functions().create(&plan()));
    let function = function.await.unwrap();
    assert_eq!((function.id.as_str(), function.timeout), ("plan", 15));
    assert_eq!(function.latest_deployment_status, None);
    let mut recorded = fixture("function_created")["request_body"].clone();
    recorded["enabled"] = json!(true);
    recorded["logging"] = json!(true);
    assert_eq!(sent(&server).await, recorded);
}

#[tokio::test]
async fn function_is_read_with_its_deployment_and_variables() {
    let function = call("function_read", |client| client.functions().get("plan"));
    let function = function.await.unwrap();
    assert_eq!(function.deployment_id, "6b03515948dc872ae24d");
    assert_eq!(
        function.latest_deployment_status,
        Some(DeploymentStatus::Ready)
    );
    assert_eq!(function.vars.len(), 2);
    assert!(function.live);
}

#[tokio::test]
async fn failed_build_of_a_function_is_read() {
    let id = "6b03515c3d7c23f0f47d";
    let deployment = call("function_deployment_failed", move |client| {
        client.functions().get_deployment("badbuild", id)
    });
    let deployment = deployment.await.unwrap();
    assert_eq!(deployment.status, DeploymentStatus::Failed);
    assert_eq!(
        deployment.build_logs,
        "\u{1b}[31mnpm ERR! shim build failed"
    );
}

#[tokio::test]
async fn archive_of_a_function_names_its_entrypoint_and_commands() {
    let server = serve("function_deployment_created").await;
    let url = server.uri();
    let deployment = blocking(move || {
        let functions = client(&url);
        let functions = functions.functions();
        functions.create_deployment("plan", vec![1; 9], true, "src/main.rs", "npm ci")
    });
    assert_eq!(deployment.await.unwrap().status, DeploymentStatus::Waiting);
    let requests = server.received_requests().await.unwrap();
    let form = String::from_utf8_lossy(&requests[0].body);
    for part in [
        "name=\"activate\"\r\n\r\ntrue",
        "name=\"entrypoint\"\r\n\r\nsrc/main.rs",
        "name=\"commands\"\r\n\r\nnpm ci",
        "name=\"code\"; filename=\"code.tar.gz\"",
    ] {
        assert!(form.contains(part), "{part}");
    }
}

#[tokio::test]
async fn function_refusals_have_their_types() {
    for (name, status, kind) in [
        (
            "function_already_exists",
            409,
            ErrorType::FunctionAlreadyExists,
        ),
        (
            "runtime_unsupported",
            404,
            ErrorType::FunctionRuntimeUnsupported,
        ),
    ] {
        let error = call(name, |client| client.functions().create(&plan()));
        let error = error.await.unwrap_err();
        assert_eq!(
            (error.status(), error.kind()),
            (Some(status), Some(&kind)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn variables_are_read_without_secret_values() {
    let list = call("variables", |client| {
        client.functions().list_variables("plan")
    });
    let list = list.await.unwrap();
    assert_eq!((list.total, list.variables.len()), (2, 2));
    assert!(
        list.variables
            .iter()
            .all(|it| it.secret && it.value.is_empty())
    );
    let created = call("variable_created", |client| {
        client.functions().create_variable("plan", &variable(true))
    });
    assert_eq!(created.await.unwrap().key, "API_TOKEN");
    let created = call("site_variable_created", |client| {
        client.sites().create_variable("web", &variable(true))
    });
    assert_eq!(created.await.unwrap().key, "A");
}

#[test]
fn value_of_a_variable_is_not_printed() {
    assert!(!format!("{:?}", variable(true)).contains("shh"));
}

#[test]
fn lost_variable_is_looked_up_in_the_list() {
    let found = |secret: bool, value: &'static str| {
        Server::start(move |seen, _| match seen.method.as_str() {
            "POST" => Reply::Close,
            _ => Reply::Json(
                200,
                json!({"total": 1, "variables": [
                    {"$id": "v1", "key": "API_TOKEN", "value": value, "secret": secret},
                ]}),
            ),
        })
    };
    let server = found(true, "");
    let client = client(&server.endpoint());
    let functions = client.functions();
    functions.create_variable("plan", &variable(true)).unwrap();
    assert_eq!(
        counts(&client),
        [("variables.create", 1), ("variables.list", 1)]
    );
    let server = found(false, "other");
    let client = super::client(&server.endpoint());
    let error = client
        .sites()
        .create_variable("web", &variable(false))
        .unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
}

#[test]
fn updates_name_their_object_in_the_path_alone() {
    let server = Server::start(|seen, _| {
        Reply::Json(
            200,
            match seen.path.as_str() {
                "/v1/sites/web" => body("site_created"),
                "/v1/functions/plan" => body("function_read"),
                _ => body("variable_created"),
            },
        )
    });
    let client = client(&server.endpoint());
    client.functions().update(&plan()).unwrap();
    let site = NewSite::of_files("web", "Web");
    client.sites().update(&site).unwrap();
    let functions = client.functions();
    functions.update_variable("plan", &variable(true)).unwrap();
    for seen in server.seen() {
        assert_eq!(seen.method, "PUT");
        for id in ["functionId", "siteId", "variableId"] {
            assert!(seen.body[id].is_null(), "{}", seen.path);
        }
    }
    assert_eq!(server.seen()[2].path, "/v1/functions/plan/variables/v1");
}

#[test]
fn rules_of_functions_and_previews_are_asked_for() {
    let server = Server::start(|seen, number| match (seen.method.as_str(), number) {
        ("POST", 1) => Reply::Close,
        ("DELETE", _) => refusal(404, "rule_not_found"),
        _ => {
            let mut rules = body("rules");
            rules["rules"][0]["domain"] = json!("api.localhost");
            rules["rules"][0]["trigger"] = json!("manual");
            rules["rules"][0]["deploymentResourceType"] = json!("function");
            rules["rules"][0]["deploymentResourceId"] = json!("plan");
            Reply::Json(200, rules)
        }
    });
    let client = client(&server.endpoint());
    let rules = client.rules();
    let rule = rules.create_function_rule("api.localhost", "plan").unwrap();
    assert_eq!(rule.deployment_resource_id, "plan");
    assert!(rules.find_preview("d1").unwrap().is_some());
    let error = rules.delete(&rule.id).unwrap_err();
    assert_eq!(error.kind(), Some(&ErrorType::RuleNotFound));
    let seen = server.seen();
    assert_eq!(seen[0].path, "/v1/proxy/rules/function");
    assert_eq!(
        seen[0].body,
        json!({"domain": "api.localhost", "functionId": "plan"})
    );
    assert!(seen[2].path.contains("deploymentId") && seen[2].path.contains("trigger"));
}

#[tokio::test]
async fn deployment_is_deleted() {
    let id = "6b03544bf169d6e6277e";
    let deleted = call("deployment_deleted", move |client| {
        client.sites().delete_deployment("web", id)
    });
    deleted.await.unwrap();
}
