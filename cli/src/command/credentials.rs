//! `orchestrator credentials`: a person's own accounts, instead of those of the settings.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use appwrite::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::args::{CredentialsCommand, OwnKind, PlatformArgs, RemovedKind};
use crate::desk::refused;
use crate::environment::Environment;
use crate::output::Output;
use crate::place::Opened;
use crate::session::Session;
use crate::task_api;
use crate::trouble::Exit;

/// Longest that standard input may be.
const INPUT_BYTES_MAX: u64 = 64 * 1024;

/// Sets, shows or removes them, or makes the keys that they are sealed with.
///
/// # Errors
/// Values that break a rule, or a platform that does not start or answer.
pub(crate) async fn credentials(
    command: CredentialsCommand,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let (platform, method, body) = match command {
        CredentialsCommand::Keys => return keys(),
        CredentialsCommand::Show { platform } => (platform, Method::Get, Value::Null),
        CredentialsCommand::Set { what, platform } => {
            let body = asked(what, &mut Asking::new())?;
            (platform, Method::Put, body)
        }
        CredentialsCommand::Remove { what, platform } => match what {
            RemovedKind::Github => (platform, Method::Put, json!({"github": null})),
            RemovedKind::Appwrite => (platform, Method::Put, json!({"appwrite": null})),
            RemovedKind::All => (platform, Method::Delete, Value::Null),
        },
    };
    let answer = call(&platform, method, &body).await?;
    let mut value = answer.clone();
    value["type"] = "credentials".into();
    Output::new(json).tell(&value, &lines(&answer));
    Ok(Exit::Done.into())
}

async fn call(platform: &PlatformArgs, method: Method, body: &Value) -> anyhow::Result<Value> {
    let opened = Opened::open(platform, Environment::read()?).await?;
    let session = tokio::task::block_in_place(|| Session::open(&opened.data, &opened.place));
    let answered = match &session {
        Ok(session) => task_api::credentials(&session.client, method, body).await,
        Err(_) => Ok((0, Value::Null)),
    };
    opened.stop().await;
    session?;
    let (status, answer) = answered?;
    if status != 200 {
        return Err(refused(status, &answer));
    }
    Ok(answer)
}

/// What is set, in words.
fn lines(answer: &Value) -> [String; 2] {
    let line = |name: &str, field: &str, default: &str| {
        let what = match answer[field]["kind"].as_str() {
            Some("token") => "your own token",
            Some("app") => "your own GitHub App",
            Some("project") => "your own project",
            Some(_) | None => return format!("{name}: {default}"),
        };
        let since = answer[field]["since"].as_str().unwrap_or_default();
        let minute = since.get(..16).unwrap_or(since).replace('T', " ");
        format!("{name}: {what}, set {minute} UTC")
    };
    [
        line("GitHub", "github", "that of the settings"),
        line("Appwrite", "appwrite", "the project of the settings"),
    ]
}

/// Prints a new key pair as settings.
fn keys() -> anyhow::Result<ExitCode> {
    let mut output = std::io::stdout().lock();
    ensure!(
        !output.is_terminal(),
        "this prints a secret, and only into a pipe or a file: >> .env.local"
    );
    let (public, secret) = shell::credentials::new_key_pair();
    writeln!(output, "CREDENTIALS_PUBLIC_KEY={public}")?;
    writeln!(output, "CREDENTIALS_SECRET_KEY={}", secret.expose_secret())?;
    Ok(ExitCode::SUCCESS)
}

/// Where values come from: a terminal, which is asked for each, or the lines of standard input.
struct Asking {
    lines: Option<String>,
}

impl Asking {
    fn new() -> Self {
        let lines = (!std::io::stdin().is_terminal()).then(String::new);
        Self { lines }
    }

    /// All of standard input, read when the first value is needed.
    fn rest(&mut self) -> anyhow::Result<Option<&mut String>> {
        let Some(lines) = &mut self.lines else {
            return Ok(None);
        };
        if lines.is_empty() {
            let mut input = std::io::stdin().lock().take(INPUT_BYTES_MAX);
            let read = input.read_to_string(lines);
            read.context("could not read standard input")?;
        }
        Ok(Some(lines))
    }

    fn line(&mut self, question: &str, is_secret: bool) -> anyhow::Result<String> {
        if let Some(rest) = self.rest()? {
            let (line, after) = match rest.split_once('\n') {
                Some((line, after)) => (line.trim().to_owned(), after.to_owned()),
                None => (rest.trim().to_owned(), String::new()),
            };
            // Nothing is read a second time.
            *rest = format!("{after}\n");
            return Ok(line);
        }
        let context = "could not read the answer";
        let answer = if is_secret {
            rpassword::prompt_password(format!("{question}: ")).context(context)?
        } else {
            Output::new(false).note(&format!("{question}:"));
            let mut line = String::new();
            std::io::stdin()
                .lock()
                .read_line(&mut line)
                .context(context)?;
            line
        };
        Ok(answer.trim().to_owned())
    }

    /// A private key: the rest of standard input, or a file that is named at the terminal.
    fn private_key(&mut self) -> anyhow::Result<String> {
        if let Some(rest) = self.rest()? {
            return Ok(rest.trim().to_owned());
        }
        let path = self.line("File of its private key (PEM)", false)?;
        let key = std::fs::read_to_string(&path);
        key.with_context(|| format!("could not read {path}"))
    }
}

/// Asks for the values of a credential. Returns the body of the call.
fn asked(what: OwnKind, asking: &mut Asking) -> anyhow::Result<Value> {
    Ok(match what {
        OwnKind::Github => json!({"github": {"token": asking.line("Token", true)?}}),
        OwnKind::GithubApp => {
            let id = asking.line("Id of the App", false)?;
            let question = "Number of its installation (empty: the organization's of the brief)";
            let installation = asking.line(question, false)?;
            let installation = match installation.as_str() {
                "" => Value::Null,
                number => {
                    let number: u64 = number.parse().context("the installation is a number")?;
                    json!(number)
                }
            };
            let key = asking.private_key()?;
            json!({"github": {"app": {"id": id, "privateKey": key, "installationId": installation}}})
        }
        OwnKind::Appwrite => {
            let question = "Endpoint, such as https://fra.cloud.appwrite.io/v1";
            let endpoint = asking.line(question, false)?;
            let project = asking.line("Id of the project", false)?;
            let key = asking.line("API key", true)?;
            let domain = asking.line("Domain of its sites, such as appwrite.network", false)?;
            json!({"appwrite": {"endpoint": endpoint, "project": project, "key": key, "siteDomain": domain}})
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Asking {
        Asking {
            lines: Some(text.to_owned()),
        }
    }

    #[test]
    fn values_are_the_lines_of_standard_input() {
        let body = asked(OwnKind::Github, &mut given("ghp_1\n")).unwrap();
        assert_eq!(body, json!({"github": {"token": "ghp_1"}}));
        let text = "https://a/v1\napps\nkey\nsites.example\n";
        let body = asked(OwnKind::Appwrite, &mut given(text)).unwrap();
        let expected = json!({"appwrite": {"endpoint": "https://a/v1", "project": "apps", "key": "key", "siteDomain": "sites.example"}});
        assert_eq!(body, expected);
        let text = "7\n\n-----BEGIN\nx\n-----END\n";
        let body = asked(OwnKind::GithubApp, &mut given(text)).unwrap();
        let expected =
            json!({"id": "7", "installationId": null, "privateKey": "-----BEGIN\nx\n-----END"});
        assert_eq!(body["github"]["app"], expected);
        assert!(asked(OwnKind::GithubApp, &mut given("7\nseven\n")).is_err());
    }

    #[test]
    fn what_is_set_is_told_in_words() {
        let answer = json!({"github": {"kind": "app", "since": "2026-11-30T10:20:30.000+00:00"}, "appwrite": null});
        let expected = [
            "GitHub: your own GitHub App, set 2026-11-30 10:20 UTC",
            "Appwrite: the project of the settings",
        ];
        assert_eq!(lines(&answer), expected);
    }
}
