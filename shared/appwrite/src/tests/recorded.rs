//! Exchanges recorded from Appwrite 1.9.6, one a file.

use serde_json::Value;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

macro_rules! fixtures {
    ($($name:literal,)+) => {
        fn text(name: &str) -> &'static str {
            match name {
                $($name => include_str!(concat!("../../fixtures/", $name, ".json")),)+
                other => panic!("no fixture {other}"),
            }
        }
    };
}

fixtures! {
    "account", "account_created", "body_too_large", "build_already_completed",
    "column_already_exists", "column_created", "column_default_unsupported", "column_deleted",
    "column_not_found", "column_processing", "cursor_not_found", "database_already_exists",
    "database_created", "database_not_found", "deployment_created", "deployment_deleted",
    "deployment_ready", "deployments", "execution_bad_header", "execution_completed",
    "execution_failed", "execution_timed_out", "execution_waiting", "function_already_exists",
    "function_created", "function_deployment_created", "function_deployment_failed",
    "function_read", "guest_refused", "index_already_exists", "index_created", "index_invalid",
    "index_unknown_column", "rate_limited", "row_already_exists", "row_created", "row_deleted",
    "row_not_found", "row_patched", "row_read", "row_update_conflict", "rows_created",
    "rows_selected", "rules", "runtime_unsupported", "session_anonymous", "session_email",
    "session_refused", "site_activated", "site_already_exists", "site_created",
    "site_variable_created", "table_already_exists", "table_created", "table_inline",
    "table_read", "unknown_route", "user_unauthorized", "variable_created", "variables",
}

pub(crate) fn fixture(name: &str) -> Value {
    serde_json::from_str(text(name)).unwrap()
}

/// The recorded answer's body.
pub(crate) fn body(name: &str) -> Value {
    fixture(name)["response_body"].clone()
}

/// Answers the recorded method and path as recorded.
pub(crate) async fn serve(name: &str) -> MockServer {
    let server = MockServer::start().await;
    let fixture = fixture(name);
    let route = fixture["path"].as_str().unwrap().split('?').next().unwrap();
    Mock::given(method(fixture["method"].as_str().unwrap()))
        .and(path(route))
        .respond_with(template(&fixture))
        .mount(&server)
        .await;
    server
}

fn template(fixture: &Value) -> ResponseTemplate {
    let status = u16::try_from(fixture["status"].as_u64().unwrap()).unwrap();
    let mut template = ResponseTemplate::new(status);
    let kind = fixture["response_headers"]["content-type"]
        .as_str()
        .unwrap_or("text/html");
    let recorded = &fixture["response_body"];
    let text = recorded
        .as_str()
        .map_or_else(|| recorded.to_string(), str::to_owned);
    template = template.set_body_raw(text, kind);
    for (name, value) in fixture["response_headers"].as_object().unwrap() {
        if name != "content-type" {
            template = template.insert_header(name.as_str(), value.as_str().unwrap());
        }
    }
    template
}

/// What the client sent, as JSON.
pub(crate) async fn sent(server: &MockServer) -> Value {
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1, "one call is one request");
    serde_json::from_slice(&requests[0].body).unwrap()
}
