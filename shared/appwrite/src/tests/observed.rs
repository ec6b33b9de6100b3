//! What an observer hears, and what requests carry of it.

use std::sync::{Arc, Mutex};

use ureq::http::HeaderValue;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::recorded::body;
use super::{blocking, client, tasks};
use crate::{Observed, Observer, Repeated};

/// Writes down what it hears.
#[derive(Default)]
struct Ear(Mutex<Vec<String>>);

impl Observer for Ear {
    fn begins(&self) -> HeaderValue {
        let mut heard = self.0.lock().unwrap();
        let value = format!("span-{}", heard.len());
        heard.push(value.clone());
        value.parse().unwrap()
    }

    fn ended(&self, request: &Observed<'_>) {
        let traceparent = request.traceparent.to_str().unwrap();
        let what = format!(
            "{traceparent} {} {} {:?}",
            request.operation, request.method, request.status
        );
        assert!(request.path.starts_with("/tablesdb/"), "{}", request.path);
        self.0.lock().unwrap().push(what);
    }

    fn repeats(&self, repeat: &Repeated<'_>) {
        let what = format!("repeat {} after {:?}", repeat.repeat, repeat.wait);
        self.0.lock().unwrap().push(what);
    }
}

#[tokio::test]
async fn every_attempt_is_told_and_carries_its_own_header() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_json(body("row_read")))
        .mount(&server)
        .await;
    let (url, ear) = (server.uri(), Arc::new(Ear::default()));
    let observer = ear.clone();
    blocking(move || {
        let client = client(&url);
        tasks(&client.observed_by(observer)).get("task-1").unwrap();
        // The client that it was made from is as before.
        tasks(&client).get("task-1").unwrap();
    })
    .await;
    let heard = ear.0.lock().unwrap().clone();
    assert_eq!(
        heard,
        [
            "span-0",
            "span-0 `rows.get` of `t1/tasks/task-1` GET Some(503)",
            "repeat 1 after 100ms",
            "span-3",
            "span-3 `rows.get` of `t1/tasks/task-1` GET Some(200)",
        ]
    );
    let requests = server.received_requests().await.unwrap();
    let header = |request: &wiremock::Request| request.headers.get("traceparent").cloned();
    let headers: Vec<_> = requests.iter().map(header).collect();
    let of = |value: &str| Some(value.parse().unwrap());
    assert_eq!(headers, [of("span-0"), of("span-3"), None]);
}

#[tokio::test]
async fn a_look_at_a_public_address_says_nothing_of_us() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let (url, ear) = (server.uri(), Arc::new(Ear::default()));
    let observer = ear.clone();
    blocking(move || client(&url).observed_by(observer).visit(&url).unwrap()).await;
    assert!(ear.0.lock().unwrap().is_empty());
    let requests = server.received_requests().await.unwrap();
    assert!(!requests[0].headers.contains_key("traceparent"));
}
