use super::super::finding::State;
use super::*;

const AREA: &str = "Appwrite";

fn answer(status: u16, body: Value) -> Asked {
    Ok(Answer {
        status,
        body,
        ..Answer::default()
    })
}

#[test]
fn an_endpoint_is_known_by_its_version_and_a_project_by_its_id() {
    let version = judge_version(AREA, &answer(200, json!({"version": "1.9.6"})));
    assert_eq!(version.says, "Appwrite 1.9.6 answers");
    let page = judge_version(AREA, &answer(404, Value::Null));
    assert_eq!(
        page.says,
        "the endpoint is no API of Appwrite (it answers with 404)"
    );
    let project = |status, body| judge_project(AREA, &answer(status, body), "p");
    assert_eq!(project(200, json!({})).state, State::Ok);
    assert_eq!(
        project(404, json!({"type": "project_not_found"})).says,
        "there is no project p at this endpoint"
    );
    let region = json!({"type": "general_access_forbidden", "message": "Project is not accessible in this region. Please make sure you are using the correct endpoint"});
    assert_eq!(
        project(401, region).says,
        "project p is in another region than the endpoint"
    );
}

#[test]
fn runtimes_that_are_not_enabled_are_named() {
    let runtimes = |ids: &[&str]| {
        let list: Vec<Value> = ids.iter().map(|id| json!({"$id": id})).collect();
        judge_runtimes(AREA, &answer(200, json!({"runtimes": list})))
    };
    assert_eq!(runtimes(&["rust-1.83", "node-22"]).state, State::Ok);
    assert_eq!(
        runtimes(&["node-22"]).says,
        "runtimes are not enabled: rust-1.83"
    );
    let untold = judge_runtimes(
        AREA,
        &answer(401, json!({"type": "general_unauthorized_scope"})),
    );
    assert_eq!(untold.state, State::Note);
}

#[test]
fn a_scope_is_missing_only_where_the_key_is_known() {
    let scope = |status, kind: &str, message: &str| {
        let body = json!({"type": kind, "message": message});
        judge_scope(AREA, &answer(status, body), "APPWRITE_DEV_KEY").map_err(|finding| finding.says)
    };
    let missing = "app (role: applications) missing scopes ([\"sites.read\"])";
    assert_eq!(scope(401, "general_unauthorized_scope", missing), Ok(false));
    assert_eq!(scope(400, "general_argument_invalid", ""), Ok(true));
    assert_eq!(scope(404, "database_not_found", ""), Ok(true));
    let guests = "User (role: guests) missing scopes ([\"sites.read\"])";
    let unknown = scope(401, "general_unauthorized_scope", guests).unwrap_err();
    assert!(
        unknown.starts_with("APPWRITE_DEV_KEY is not accepted"),
        "{unknown}"
    );
}

#[test]
fn functions_are_missing_not_deployed_disabled_or_lack_settings() {
    let listed = json!({"functions": [
        {"$id": "create-task", "deploymentId": "d", "enabled": true},
        {"$id": "plan", "deploymentId": "", "enabled": true, "latestDeploymentStatus": "failed"},
        {"$id": "run-agent", "deploymentId": "d", "enabled": false},
        {"$id": "review", "deploymentId": "d", "enabled": true},
        {"$id": "publish", "deploymentId": "d", "enabled": true},
        {"$id": "deploy", "deploymentId": "d", "enabled": true},
    ]});
    let (found, deployed) = judge_functions(AREA, &answer(200, listed));
    let says: Vec<&str> = found.iter().map(|finding| finding.says.as_str()).collect();
    assert_eq!(
        says,
        [
            "function plan is not deployed: its build failed",
            "function run-agent is disabled",
            "function sweep is missing"
        ]
    );
    assert_eq!(deployed, ["create-task", "review", "publish", "deploy"]);

    let checked = |status: u16, body: Value| {
        let execution = json!({"responseStatusCode": status, "responseBody": body.to_string(), "errors": "exec format error\nmore"});
        judge_self_check(AREA, "plan", &answer(201, execution)).says
    };
    assert_eq!(checked(200, json!({"ok": true})), "function plan is well");
    let lacks = json!({"ok": false, "missing": ["GROK_API_KEY", "SITE_DOMAIN"]});
    assert_eq!(
        checked(500, lacks),
        "function plan lacks GROK_API_KEY, SITE_DOMAIN"
    );
    assert_eq!(
        checked(500, Value::Null),
        "function plan does not run: exec format error"
    );
    let untold = answer(401, json!({"type": "general_unauthorized_scope"}));
    assert_eq!(judge_self_check(AREA, "plan", &untold).state, State::Note);
}

#[test]
fn the_database_is_compared_with_the_configuration() {
    let config = config();
    let same = answer(200, json!({"tables": config["tables"]}));
    let judged = shape::judge(AREA, &same, &config);
    assert_eq!(judged[0].state, State::Ok, "{judged:?}");
    let mut tables = config["tables"].clone();
    tables[0]["columns"][0]["type"] = "integer".into();
    tables[0]["columns"].as_array_mut().unwrap().pop();
    tables.as_array_mut().unwrap().pop();
    let judged = shape::judge(AREA, &answer(200, json!({"tables": tables})), &config);
    let says: Vec<&str> = judged.iter().map(|finding| finding.says.as_str()).collect();
    assert_eq!(
        says,
        [
            "table tasks differs in owner, nextCheckAt",
            "table ledger is missing"
        ]
    );
    let gone = shape::judge(AREA, &answer(404, Value::Null), &config);
    assert_eq!(gone[0].says, "the database is missing");
}

#[test]
fn a_user_needs_the_label() {
    let labels = |labels: &[&str]| {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        judge_user(AREA, Some(&labels)).state
    };
    assert_eq!(labels(&["orchestrator"]), State::Ok);
    assert_eq!(labels(&["other"]), State::Wrong);
    assert_eq!(judge_user(AREA, None).state, State::Note);
}
