//! A stand-in for the code of functions and for builds, for comparing this platform with recordings
//! of a real one: whoever recorded them ran such a stand-in instead of real code. It looks at the
//! variables `SHIM_MODE`, `SHIM_BUILD` and `SHIM_BUILD_SECONDS` only. Off unless the platform is
//! started with `stand_in_functions`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use crate::executor::{ANSWER_GRACE, Answer, Call, ExecutorError, keep_end};

const MODE: &str = "SHIM_MODE";
const BUILD: &str = "SHIM_BUILD";
const BUILD_SECONDS: &str = "SHIM_BUILD_SECONDS";
/// Length of a build when nothing is said.
const BUILD_SECONDS_DEFAULT: f64 = 2.0;
/// Longest time it waits for anything.
const SECONDS_MAX: f64 = 900.0;
/// Longest body and log it makes, in characters.
const CHARS_MAX: usize = 10_000_000;
const LOG: &str = "shim log line\n";

/// What the variables of a function or site ask of it.
#[derive(Debug, Default)]
pub(crate) struct Part {
    mode: Option<String>,
    build: Option<String>,
    build_seconds: Option<String>,
}

impl Part {
    /// Reads keys and values of variables.
    pub(crate) fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut part = Self::default();
        for (key, value) in variables {
            let place = match key {
                MODE => &mut part.mode,
                BUILD => &mut part.build,
                BUILD_SECONDS => &mut part.build_seconds,
                _ => continue,
            };
            *place = Some(value.to_owned());
        }
        part
    }

    /// How it executes, if it does.
    pub(crate) fn mode(&self) -> Option<&str> {
        self.mode.as_deref()
    }

    /// Whether it plays the builds of a function; those of sites it plays all.
    pub(crate) fn builds(&self) -> bool {
        let asked = [&self.mode, &self.build, &self.build_seconds];
        asked.iter().any(|variable| variable.is_some())
    }

    /// Plays a build: it fails at once, or takes its time.
    ///
    /// # Errors
    /// [`BuildFailed`] when it shall fail.
    pub(crate) async fn build(&self) -> Result<(), BuildFailed> {
        if self.build.as_deref() == Some("fail") {
            return Err(BuildFailed);
        }
        let wanted = self.build_seconds.as_ref();
        let wanted = wanted.and_then(|text| text.parse().ok());
        tokio::time::sleep(seconds(wanted.unwrap_or(BUILD_SECONDS_DEFAULT))).await;
        Ok(())
    }
}

/// It was told to fail a build.
#[derive(Debug, thiserror::Error)]
#[error("npm ERR! shim build failed")]
pub(crate) struct BuildFailed;

/// Plays an execution.
///
/// # Errors
/// As the executor: the runtime cannot be started, or is silent for too long.
pub(crate) async fn execute(
    mode: &str,
    variables: &BTreeMap<String, String>,
    call: &Call,
) -> Result<Answer, ExecutorError> {
    let limit = call.timeout + ANSWER_GRACE;
    let played = play(mode, variables, call);
    tokio::time::timeout(limit, played)
        .await
        .unwrap_or(Err(ExecutorError::Silent))
}

async fn play(
    mode: &str,
    variables: &BTreeMap<String, String>,
    call: &Call,
) -> Result<Answer, ExecutorError> {
    let (word, number) = mode.split_once(':').unwrap_or((mode, ""));
    Ok(match word {
        "echo" => answer(200, echo(variables, call).to_string()),
        "fail500" => Answer {
            errors: "Error: shim function failed\n".to_owned(),
            ..answer(500, String::new())
        },
        "notfound404" => answer(404, "nope".to_owned()),
        "slow" => {
            tokio::time::sleep(seconds(number.parse().unwrap_or_default())).await;
            ok()
        }
        "timeout" => {
            tokio::time::sleep(call.timeout).await;
            Answer {
                logs: String::new(),
                errors: "Execution timed out.".to_owned(),
                ..answer(500, String::new())
            }
        }
        "exec500" => {
            return Err(ExecutorError::Start {
                reason: "shim: runtime failed to start".to_owned(),
                output: String::new(),
            });
        }
        "big" => {
            let chars = number.parse().unwrap_or(0).min(CHARS_MAX);
            Answer {
                headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
                logs: keep_end(&"l".repeat(chars)),
                ..answer(200, "x".repeat(chars))
            }
        }
        _ => ok(),
    })
}

fn ok() -> Answer {
    answer(200, json!({"ok": true, "shim": true}).to_string())
}

fn answer(status: u16, body: String) -> Answer {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Answer {
        status,
        headers: vec![
            header("content-type", "application/json"),
            header("x-shim-reply", "1"),
        ],
        body: Bytes::from(body),
        logs: LOG.to_owned(),
        errors: String::new(),
    }
}

fn echo(variables: &BTreeMap<String, String>, call: &Call) -> Value {
    let headers: Map<String, Value> = call
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    // It was told these two as numbers and passed on texts only.
    let told = |name: &str| !matches!(name, "APPWRITE_FUNCTION_CPUS" | "APPWRITE_FUNCTION_MEMORY");
    let env: Map<String, Value> = variables
        .iter()
        .filter(|(name, _)| told(name))
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    json!({
        "method": call.method.as_str(),
        "path": call.path,
        "headers": headers,
        "body": String::from_utf8_lossy(&call.body),
        "env": env,
    })
}

/// A wait as a variable gives it; nonsense is none at all.
fn seconds(wanted: f64) -> Duration {
    let bounded = if wanted.is_finite() {
        wanted.clamp(0.0, SECONDS_MAX)
    } else {
        0.0
    };
    Duration::from_secs_f64(bounded)
}
