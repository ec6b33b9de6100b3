//! Every secret that a function can hold, in everything that its process writes.

use std::process::Stdio;

use shell::config::{Kind, SETTINGS, Setting};
use shell::credentials::new_key_pair;

use crate::client::send;
use crate::process::Echo;

const RUNTIME: &str = "secret-between-host-and-runtime";
/// What an execution brings, and the part of it that is the secret.
const BROUGHT: [(&str, &str, &str); 4] = [
    (
        "x-appwrite-key",
        "key-of-this-execution",
        "key-of-this-execution",
    ),
    (
        "x-appwrite-user-jwt",
        "jwt-of-this-user",
        "jwt-of-this-user",
    ),
    (
        "authorization",
        "Bearer words-of-the-caller",
        "words-of-the-caller",
    ),
    (
        "cookie",
        "a_session_p=cookie-of-the-caller",
        "cookie-of-the-caller",
    ),
];

fn value(setting: &Setting) -> String {
    match setting.kind {
        Kind::PrivateKey => {
            let dashes = "-----";
            format!(
                "{dashes}BEGIN RSA PRIVATE KEY{dashes}\\nMIIBOgIBAAJBAKj34GkxFhD9\\n{dashes}END RSA PRIVATE KEY{dashes}"
            )
        }
        Kind::BoxKey => new_key_pair().0,
        Kind::Headers => format!("x-key=value-of-{}", setting.name.to_lowercase()),
        Kind::Word
        | Kind::Url
        | Kind::Endpoint
        | Kind::OneOf(_)
        | Kind::Prices
        | Kind::Whole { .. } => format!("value-of-{}", setting.name.to_lowercase()),
    }
}

#[test]
fn no_secret_reaches_a_log_an_error_or_a_panic() {
    let settings: Vec<(&str, String)> = SETTINGS
        .iter()
        .filter(|setting| setting.secret)
        .map(|setting| (setting.name, value(setting)))
        .collect();
    let mut variables: Vec<(&str, &str)> = vec![("OPEN_RUNTIMES_SECRET", RUNTIME)];
    variables.extend(settings.iter().map(|(name, value)| (*name, value.as_str())));
    let mut echo = Echo::spawn(&variables, Stdio::null());
    let address = echo.address();
    let mut headers = vec![("x-open-runtimes-secret", RUNTIME)];
    headers.extend(BROUGHT.map(|(name, value, _)| (name, value)));

    let mut secrets: Vec<&str> = settings.iter().map(|(_, value)| value.as_str()).collect();
    secrets.extend(BROUGHT.map(|(_, _, secret)| secret));
    secrets.push(RUNTIME);
    // A line of a private key tells as much as all of it.
    secrets.push("MIIBOgIBAAJBAKj34GkxFhD9");
    let said = secrets
        .iter()
        .map(|secret| format!("lost {secret}, found"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut written = String::new();
    for path in ["POST /log", "POST /panic", "POST /panic-blocking"] {
        let answer = send(address, path, &headers, said.as_bytes());
        written += &answer.body;
        for kind in ["logs", "errors"] {
            // There is none without a line.
            let file = echo.folder.path();
            let file = file.join(format!("{}_{kind}.log", answer.log_id()));
            written += &std::fs::read_to_string(file).unwrap_or_default();
        }
    }
    written += &echo.read("stderr");
    for secret in &secrets {
        assert!(!written.contains(secret), "{secret} in {written}");
    }
    // Two lines of the log, two panics in the log of each, and both on standard error.
    let times = written.matches("lost [redacted], found").count();
    assert!(times >= 5 * (secrets.len() - 2), "{times}: {written}");
}

#[test]
fn no_secret_reaches_the_message_of_a_start_that_fails() {
    // In the wrong place, and in the right one with a blank in it.
    for (name, secret) in [
        ("GROK_BASE_URL", "value-of-a-misplaced-key"),
        ("ANTHROPIC_API_KEY", "value of a broken key"),
        ("CREDENTIALS_SECRET_KEY", "value-of-no-key"),
    ] {
        let mut echo = Echo::spawn(&[(name, secret)], Stdio::null());
        assert!(!echo.wait().success());
        let written = echo.read("stderr");
        assert!(
            written.contains(name) && !written.contains(secret),
            "{written}"
        );
    }
}
