//! What an observer hears.

use std::sync::{Arc, Mutex};

use http::HeaderValue;

use super::fake::{Fake, Fault};
use super::{commit, new_repository, settings};
use crate::pace::Pace;
use crate::{Client, Observed, Observer, Repeated, Settings};

/// Writes down what it hears.
#[derive(Default)]
struct Ear(Mutex<Vec<String>>);

impl Observer for Ear {
    fn begins(&self) -> HeaderValue {
        HeaderValue::from_static("a-span")
    }

    fn ended(&self, request: &Observed<'_>) {
        assert_eq!(request.traceparent, "a-span");
        let (method, path) = (request.method, request.path);
        let what = format!("{method} {path} {:?}", request.status);
        self.0.lock().unwrap().push(what);
    }

    fn repeats(&self, repeat: &Repeated<'_>) {
        let (method, path) = (repeat.method, repeat.path);
        let what = format!("repeat {} of {method} {path}", repeat.repeat);
        self.0.lock().unwrap().push(what);
    }
}

#[tokio::test]
async fn every_request_is_told_and_so_is_every_repeat() {
    let fake = Fake::start().await;
    let ear = Arc::new(Ear::default());
    let mut client = Client::new(Settings {
        observer: Some(ear.clone()),
        ..settings(&fake.url())
    })
    .expect("client");
    client.pace = Pace::immediate();
    let repository = client.ensure_repository(&new_repository()).await;
    let repository = repository.expect("made");
    ear.0.lock().unwrap().clear();
    let before = client.requests();
    fake.fault("POST /repos/ann/demo/git/trees", Fault::LostAnswer);
    let published = client.publish(&repository, &commit(1), false).await;
    published.expect("published");
    assert!(fake.all_faults_met());
    let heard = ear.0.lock().unwrap().clone();
    let repeats = heard.iter().filter(|what| what.starts_with("repeat "));
    assert_eq!(
        repeats.collect::<Vec<_>>(),
        ["repeat 1 of POST /repos/ann/demo/git/trees"]
    );
    let lost = heard.iter().filter(|what| what.ends_with("None"));
    assert_eq!(
        lost.collect::<Vec<_>>(),
        ["POST /repos/ann/demo/git/trees None"]
    );
    assert_eq!(heard.len() as u64 - 1, client.requests() - before);
}
