//! The client against servers over HTTP: recorded answers, and a small stateful one with faults.

mod answers;
mod creates;
mod functions;
mod headers;
mod lists;
mod messages;
mod observed;
mod recorded;
mod repeats;
mod same;
mod schema;
mod server;
mod uploads;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use secrecy::SecretString;

use crate::pace::Pace;
use crate::{Client, Credential, Settings, Table};

pub(crate) const SECRET: &str = "standard_0123456789abcdef";
/// The wall time of every test.
pub(crate) const NOW_UNIX: u64 = 1_795_381_200;

/// A clock that only sleeping moves, and dice that always fall highest.
#[derive(Debug)]
pub(crate) struct FakePace {
    start: Instant,
    slept: Mutex<Vec<Duration>>,
}

impl FakePace {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            slept: Mutex::new(Vec::new()),
        })
    }

    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}

impl Pace for FakePace {
    fn now(&self) -> Instant {
        self.start + self.slept().iter().sum::<Duration>()
    }

    fn unix_seconds(&self) -> u64 {
        NOW_UNIX
    }

    fn sleep(&self, wait: Duration) {
        self.slept.lock().unwrap().push(wait);
    }

    fn jitter(&self, upper: Duration) -> Duration {
        upper
    }
}

pub(crate) fn settings(endpoint: &str) -> Settings {
    Settings {
        endpoint: format!("{endpoint}/v1"),
        project: "orch".to_owned(),
        credential: Credential::Key(SecretString::from(SECRET)),
        timeout: Duration::from_secs(10),
        retries_max: 3,
    }
}

pub(crate) fn client(endpoint: &str) -> Client {
    client_with_pace(endpoint, FakePace::new())
}

pub(crate) fn client_with_pace(endpoint: &str, pace: Arc<FakePace>) -> Client {
    Client::with_pace(settings(endpoint), pace).unwrap()
}

pub(crate) fn tasks(client: &Client) -> Table<'_> {
    client.table("t1", "tasks")
}

pub(crate) fn counts(client: &Client) -> Vec<(&'static str, u64)> {
    client.counts().into_iter().collect()
}

/// Runs the blocking client beside the test's server.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// An error and its causes in one line, as a log would show it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
