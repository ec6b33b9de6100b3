//! Recorded answers, read by the calls that got them.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::recorded::{body, fixture, sent, serve};
use super::{NOW_UNIX, blocking, client, tasks};
use crate::{
    Client, DeploymentStatus, Error, ErrorType, ExecutionStatus, NewExecution, NewRow, Query, Retry,
};

/// Serves a fixture and runs a call against it.
pub(crate) async fn call<T: Send + 'static>(
    name: &str,
    work: impl FnOnce(&Client) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let server = serve(name).await;
    let client = client(&server.uri());
    blocking(move || work(&client)).await
}

#[tokio::test]
async fn created_row_is_read() {
    let server = serve("row_created").await;
    let client = client(&server.uri());
    let recorded = fixture("row_created")["request_body"].clone();
    let row = blocking(move || {
        let permissions = ["read(\"user:alice\")", "update(\"user:alice\")"].map(str::to_owned);
        let data = fixture("row_created")["request_body"]["data"].clone();
        tasks(&client).create("task-1", &data, &permissions)
    })
    .await
    .unwrap();
    assert_eq!(sent(&server).await, recorded);
    assert_eq!((row.id.as_str(), row.sequence.as_str()), ("task-1", "1"));
    assert_eq!(row.updated_at, "2026-11-22T20:26:29.635+00:00");
    assert_eq!(row.permissions.len(), 2);
    assert_eq!(row.text("title"), Some("First"));
    assert_eq!(row.integer("count"), Some(3));
    assert_eq!(row.boolean("done"), Some(false));
    assert_eq!(row.text("body"), None);
    assert!(row.data.keys().all(|name| !name.starts_with('$')));
}

#[tokio::test]
async fn row_deserializes_into_a_type() {
    #[derive(Deserialize)]
    struct Task {
        title: String,
        tags: Vec<String>,
        link: Option<String>,
    }
    let row = call("row_read", |client| tasks(client).get("task-1"))
        .await
        .unwrap();
    let task: Task = row.deserialize().unwrap();
    assert_eq!((task.title.as_str(), task.tags.len()), ("First", 2));
    assert_eq!(task.link, None);
    assert!(row.deserialize::<Vec<String>>().is_err());
}

#[test]
fn numeric_sequence_of_older_servers_is_read() {
    let mut recorded = body("row_read");
    recorded["$sequence"] = json!(7);
    let row: crate::Row = serde_json::from_value(recorded).unwrap();
    assert_eq!(row.sequence, "7");
}

#[tokio::test]
async fn bulk_rows_carry_their_ids() {
    let server = serve("rows_created").await;
    let client = client(&server.uri());
    let rows = blocking(move || {
        let recorded = fixture("rows_created")["request_body"]["rows"].clone();
        let new = |number: usize, permissions: &[String]| {
            let mut data = recorded[number].clone();
            let id = data["$id"].as_str().unwrap().to_owned();
            data.as_object_mut()
                .unwrap()
                .retain(|name, _| !name.starts_with('$'));
            NewRow::new(id, &data, permissions).unwrap()
        };
        let rows = [new(0, &[]), new(1, &["read(\"any\")".to_owned()])];
        tasks(&client).create_many(&rows)
    })
    .await
    .unwrap();
    let recorded = fixture("rows_created")["request_body"]["rows"].clone();
    let sent = sent(&server).await["rows"].clone();
    assert_eq!(sent, json!([recorded[0], recorded[1]]));
    assert_eq!(rows.len(), 3);
}

#[tokio::test]
async fn patched_and_deleted_rows_are_read() {
    let row = call("row_patched", |client| {
        tasks(client).patch("task-3", &json!({"title": "B"}), None)
    });
    assert_eq!(row.await.unwrap().text("title"), Some("B"));
    call("row_deleted", |client| tasks(client).delete("task-7"))
        .await
        .unwrap();
}

#[tokio::test]
async fn selected_rows_are_read() {
    let list = call("rows_selected", |client| {
        tasks(client).list(&[Query::limit(1)])
    });
    let list = list.await.unwrap();
    assert_eq!((list.total, list.rows.len()), (15, 1));
    assert_eq!(list.rows[0].data.len(), 2);
}

#[tokio::test]
async fn executions_are_read() {
    let waiting = call("execution_waiting", |client| {
        client.executions().create("slow", &NewExecution::default())
    });
    assert_eq!(waiting.await.unwrap().status, ExecutionStatus::Waiting);

    let failed = call("execution_failed", |client| {
        let new = NewExecution {
            is_async: false,
            ..NewExecution::default()
        };
        client.executions().create("fail", &new)
    });
    let failed = failed.await.unwrap();
    assert_eq!(failed.status, ExecutionStatus::Failed);
    assert_eq!(failed.response_status_code, 500);
    assert_eq!(failed.errors, "Error: shim function failed\n");

    let completed = call("execution_completed", |client| {
        client.executions().get("slow", "6b0351a8284792f3e60d")
    });
    let completed = completed.await.unwrap();
    assert_eq!(completed.status, ExecutionStatus::Completed);
    assert!(completed.duration > 2.0);
}

#[tokio::test]
async fn synchronous_time_out_is_terminal() {
    let error = call("execution_timed_out", |client| {
        client.executions().create("long", &NewExecution::default())
    });
    let error = error.await.unwrap_err();
    assert_eq!(error.kind(), Some(&ErrorType::FunctionSynchronousTimeout));
    assert_eq!(error.retry(), Retry::Terminal);
}

#[tokio::test]
async fn odd_error_type_is_kept() {
    let error = call("execution_bad_header", |client| {
        client.executions().create("plan", &NewExecution::default())
    });
    let error = error.await.unwrap_err();
    assert!(
        matches!(error.kind(), Some(ErrorType::Other(text)) if text.starts_with("Invalid headers"))
    );
}

#[tokio::test]
async fn account_is_read() {
    let user = call("account", |client| client.account().get())
        .await
        .unwrap();
    assert_eq!(
        (user.id.as_str(), user.email.as_str()),
        ("bob", "bob@localhost.test")
    );
    let error = call("guest_refused", |client| client.account().get())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(&ErrorType::GeneralUnauthorizedScope));
}

#[tokio::test]
async fn sites_and_deployments_are_read() {
    let site = call("site_activated", |client| {
        client.sites().activate("web", "6b03544eb11e456990ff")
    });
    let site = site.await.unwrap();
    assert_eq!(site.deployment_id, "6b03544eb11e456990ff");
    assert_eq!(site.latest_deployment_status, Some(DeploymentStatus::Ready));

    let id = "6b03544bf169d6e6277e";
    let ready = call("deployment_ready", |client| {
        client.sites().get_deployment("web", "6b03544bf169d6e6277e")
    });
    let ready = ready.await.unwrap();
    assert_eq!(
        (ready.id.as_str(), ready.status),
        (id, DeploymentStatus::Ready)
    );

    let list = call("deployments", |client| {
        client.sites().list_deployments("web", &[])
    });
    assert_eq!(list.await.unwrap().deployments[0].id, id);

    let rules = call("rules", |client| client.rules().list_rules(&[]));
    let rules = rules.await.unwrap();
    assert_eq!((rules.total, rules.rules.len()), (3, 3));
    assert_eq!(rules.rules[0].deployment_id, id);
}

#[tokio::test]
async fn refusals_have_their_types() {
    for (name, status, kind) in [
        ("row_not_found", 404, ErrorType::RowNotFound),
        ("row_update_conflict", 409, ErrorType::RowUpdateConflict),
        ("user_unauthorized", 401, ErrorType::UserUnauthorized),
        ("row_already_exists", 409, ErrorType::RowAlreadyExists),
        ("cursor_not_found", 400, ErrorType::GeneralCursorNotFound),
        ("site_already_exists", 409, ErrorType::SiteAlreadyExists),
        (
            "build_already_completed",
            400,
            ErrorType::BuildAlreadyCompleted,
        ),
    ] {
        let error = call(name, move |client| match name {
            "row_not_found" => tasks(client).get("missing").map(drop),
            "row_update_conflict" => tasks(client).patch("task-3", &json!({}), None).map(drop),
            "user_unauthorized" => tasks(client).patch("pm-b", &json!({}), None).map(drop),
            "row_already_exists" => tasks(client).create("task-1", &json!({}), &[]).map(drop),
            "cursor_not_found" => tasks(client).list(&[]).map(drop),
            "build_already_completed" => {
                let sites = client.sites();
                let id = "6b03544bf169d6e6277e";
                sites.cancel_deployment("web", id).map(drop)
            }
            _ => {
                let new = crate::NewSite::of_files("web", "Web");
                client.sites().create(&new).map(drop)
            }
        });
        let error = error.await.unwrap_err();
        assert_eq!(
            (error.status(), error.kind()),
            (Some(status), Some(&kind)),
            "{name}"
        );
        assert_eq!(error.retry(), Retry::Terminal, "{name}");
        assert_eq!(ErrorType::parse(kind.as_str()), kind);
    }
}

#[test]
fn older_error_names_are_the_same_types() {
    assert_eq!(
        ErrorType::parse("document_not_found"),
        ErrorType::RowNotFound
    );
    assert_eq!(
        ErrorType::parse("attribute_limit_exceeded"),
        ErrorType::ColumnLimitExceeded
    );
    assert_eq!(ErrorType::parse("teapot").as_str(), "teapot");
}

#[tokio::test]
async fn pages_and_empty_answers_are_errors_without_a_type() {
    let server = serve("body_too_large").await;
    let url = server.uri();
    let error = blocking(move || tasks(&client(&url)).create("x", &json!({}), &[])).await;
    let error = error.unwrap_err();
    assert_eq!((error.status(), error.kind()), (Some(413), None));

    // The recorded page, where a route of ours is missing on an older server.
    let page = wiremock::MockServer::start().await;
    let html = body("unknown_route").as_str().unwrap().to_owned();
    let template = wiremock::ResponseTemplate::new(404).set_body_raw(html, "text/html");
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(template)
        .mount(&page)
        .await;
    let url = page.uri();
    let error = blocking(move || tasks(&client(&url)).get("x"))
        .await
        .unwrap_err();
    assert_eq!((error.status(), error.kind()), (Some(404), None));
    assert_eq!(error.retry(), Retry::Terminal);
}

#[tokio::test]
async fn redirect_is_an_error() {
    let server = wiremock::MockServer::start().await;
    let template = wiremock::ResponseTemplate::new(301)
        .insert_header("location", "http://127.0.0.1:9/elsewhere");
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(template)
        .mount(&server)
        .await;
    let url = server.uri();
    let error = blocking(move || tasks(&client(&url)).get("x"))
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(301));
}

#[tokio::test]
async fn unknown_success_is_a_shape_error() {
    let server = wiremock::MockServer::start().await;
    let template = wiremock::ResponseTemplate::new(200).set_body_string("<html>");
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(template)
        .expect(1)
        .mount(&server)
        .await;
    let url = server.uri();
    let error = blocking(move || tasks(&client(&url)).get("x"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
}

/// 429 twice with this window's end, then a row; the waits that were made, or the error.
async fn limited(reset: u64) -> Result<Vec<Duration>, Error> {
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};
    let server = MockServer::start().await;
    let refused = ResponseTemplate::new(429)
        .set_body_json(body("rate_limited"))
        .insert_header("x-ratelimit-reset", reset.to_string());
    Mock::given(any())
        .respond_with(refused)
        .up_to_n_times(2)
        .mount(&server)
        .await;
    let row = ResponseTemplate::new(201).set_body_json(body("row_created"));
    Mock::given(any()).respond_with(row).mount(&server).await;
    let url = server.uri();
    blocking(move || {
        let pace = super::FakePace::new();
        let client = super::client_with_pace(&url, pace.clone());
        tasks(&client).create("task-1", &json!({"title": "First"}), &[])?;
        Ok(pace.slept())
    })
    .await
}

#[tokio::test]
async fn short_rate_limit_is_waited_for() {
    let waits = limited(NOW_UNIX + 4).await.unwrap();
    assert_eq!(waits, [4100, 4200].map(Duration::from_millis));
    let waits = limited(NOW_UNIX - 4).await.unwrap();
    assert_eq!(waits, [100, 200].map(Duration::from_millis));
}

#[tokio::test]
async fn long_rate_limit_is_the_callers() {
    let error = limited(NOW_UNIX + 50).await.unwrap_err();
    assert_eq!(error.kind(), Some(&ErrorType::GeneralRateLimitExceeded));
    let after = Some(Duration::from_secs(50));
    assert_eq!(error.retry(), Retry::Transient { after });
}
