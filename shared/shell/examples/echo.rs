//! A function that says what it was asked, for the tests of both hosts; also the smallest example
//! of a function on this crate.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use shell::blocking::blocking;
use shell::config::{MissingSettings, SettingReport, Settings};
use shell::hosts;
use shell::invocation::{Handler, Invocation, Reply};
use tokio::sync::Barrier;

fn main() -> ExitCode {
    hosts::run(|settings| Ok(Echo::new(settings)))
}

struct Echo {
    report: Vec<SettingReport>,
    missing: Result<(), MissingSettings>,
    meeting: Barrier,
    dropped: AtomicUsize,
    is_released: AtomicBool,
}

#[derive(Deserialize)]
struct WantedReply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Counts futures that were dropped before their end.
struct DropCount<'echo>(&'echo AtomicUsize);

impl Drop for DropCount<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Handler for Echo {
    async fn handle(&self, invocation: Invocation) -> Reply {
        match invocation.path.as_str() {
            "/settings" => self.settings(),
            "/log" => log(&invocation),
            "/reply" => reply(&invocation),
            "/panic" => panic_with(&invocation),
            "/panic-blocking" => blocking(move || panic_with(&invocation)).await,
            "/meet" => {
                self.meeting.wait().await;
                Reply::empty(200)
            }
            "/hang" => {
                let _count = DropCount(&self.dropped);
                say_begun(&invocation).await;
                std::future::pending().await
            }
            "/dropped" => Reply::json(200, &self.dropped.load(Ordering::SeqCst)),
            "/stuck" => self.stuck(),
            "/release" => {
                self.is_released.store(true, Ordering::SeqCst);
                Reply::empty(200)
            }
            "/wait" => wait_for_file(&invocation).await,
            _ => Reply::json(200, &describe(&invocation)),
        }
    }
}

impl Echo {
    fn new(settings: &Settings) -> Self {
        Self {
            report: settings.report("plan"),
            missing: settings.require_for("plan"),
            meeting: Barrier::new(2),
            dropped: AtomicUsize::new(0),
            is_released: AtomicBool::new(false),
        }
    }

    fn settings(&self) -> Reply {
        match &self.missing {
            Ok(()) => Reply::json(200, &self.report),
            Err(missing) => Reply::error(500, "settings_missing", &missing.to_string()),
        }
    }

    /// Holds its thread without ever yielding, as a handler must not.
    fn stuck(&self) -> Reply {
        while !self.is_released.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        Reply::empty(200)
    }
}

fn log(invocation: &Invocation) -> Reply {
    let text = String::from_utf8_lossy(&invocation.body);
    invocation.log.info(&text);
    invocation.log.error(&text);
    Reply::empty(200)
}

fn reply(invocation: &Invocation) -> Reply {
    match serde_json::from_slice::<WantedReply>(&invocation.body) {
        Ok(wanted) => Reply {
            status: wanted.status,
            headers: wanted.headers,
            body: wanted.body.into_bytes(),
        },
        Err(error) => Reply::error(400, "reply_invalid", &error.to_string()),
    }
}

#[expect(clippy::panic, reason = "the tests ask for one")]
fn panic_with(invocation: &Invocation) -> Reply {
    panic!("{}", String::from_utf8_lossy(&invocation.body))
}

/// Makes the file `<body>.begun`, so that a test knows when the handler runs.
async fn say_begun(invocation: &Invocation) -> String {
    let name = String::from_utf8_lossy(&invocation.body).into_owned();
    if name.is_empty() {
        return name;
    }
    if let Err(error) = tokio::fs::write(format!("{name}.begun"), "").await {
        invocation
            .log
            .info(&format!("could not say that the handler runs: {error}"));
    }
    name
}

/// Answers once the file named by the body exists.
async fn wait_for_file(invocation: &Invocation) -> Reply {
    let name = say_begun(invocation).await;
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    while !Path::new(&name).exists() {
        tick.tick().await;
    }
    Reply::empty(200)
}

fn describe(invocation: &Invocation) -> Value {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: BTreeMap<_, _> = invocation
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), text(value)))
        .collect();
    let seconds_left = invocation
        .deadline
        .saturating_duration_since(Instant::now())
        .as_secs_f64();
    json!({
        "method": invocation.method.as_str(),
        "path": invocation.path,
        "query": invocation.query,
        "headers": headers,
        "bodyBytes": invocation.body.len(),
        "bodyStart": String::from_utf8_lossy(&invocation.body[..invocation.body.len().min(100)]),
        "trigger": format!("{:?}", invocation.trigger),
        "executionId": invocation.execution_id,
        "userId": invocation.user_id,
        "event": invocation.event,
        "keyChars": invocation.appwrite_key.as_ref().map(|key| key.expose_secret().len()),
        "secondsLeft": seconds_left,
    })
}
