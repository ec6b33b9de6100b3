//! How a command ends: its exit code, and what is told of an error.

use std::fmt;
use std::process::ExitCode;

use pipeline::brief::FieldError;
use serde_json::{Value, json};

/// How a command ends. Scripts branch on these numbers, so none is ever given another meaning.
/// 2 is that the command line is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done, or taken.
    Done = 0,
    /// It was refused, or it failed.
    Refused = 1,
    /// The task failed or was cancelled.
    TaskFailed = 3,
    /// The task waits for its owner.
    Waits = 4,
    /// Nobody answers where the tasks are.
    NoAnswer = 5,
    /// Interrupted, as shells have it.
    Interrupted = 130,
}

/// The exit codes, as `--help` shows them.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done, or taken
  1    refused, or failed
  2    the command line is not understood
  3    the task failed or was cancelled
  4    the task waits for its owner: a plan, a preview, the budget, or it is paused
  5    nobody answers where the tasks are
  130  interrupted";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that programs can tell from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) exit: Exit,
    /// The word for programs: one of create-task's, or one of this program's.
    pub(crate) code: String,
    /// What happened and what to do.
    pub(crate) message: String,
    /// Each field that breaks a rule, with the rule.
    pub(crate) fields: Vec<FieldError>,
    /// What a person can do, on a line of its own.
    pub(crate) advice: Option<String>,
}

impl Trouble {
    /// Refused with a word for programs.
    pub(crate) fn refused(code: &str, message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Refused,
            code: code.to_owned(),
            message: message.into(),
            fields: Vec::new(),
            advice: None,
        }
    }

    /// What create-task refused, as it answered.
    pub(crate) fn of_answer(answer: &Value) -> Self {
        let error = &answer["error"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let fields = error["fields"].as_array().into_iter().flatten();
        let fields = fields.map(|field| FieldError {
            field: text(&field["field"]),
            rule: text(&field["rule"]),
        });
        let broken = error["violations"].as_array().into_iter().flatten();
        let broken = broken.map(|rule| FieldError {
            field: "plan".to_owned(),
            rule: rule
                .as_str()
                .map_or_else(|| rule.to_string(), str::to_owned),
        });
        let code = error["code"].as_str().unwrap_or("no_reason").to_owned();
        let mut message = error["message"].as_str().map_or_else(
            || "create-task gave no reason; its executions tell more".to_owned(),
            str::to_owned,
        );
        if code == "task_not_found" {
            message.push_str(" `orchestrator list` shows yours.");
        }
        Self {
            exit: Exit::Refused,
            code,
            message,
            fields: fields.chain(broken).collect(),
            advice: None,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for FieldError { field, rule } in &self.fields {
            write!(f, "\n  {field} {rule}")?;
        }
        match &self.advice {
            None => Ok(()),
            Some(advice) => write!(f, "\n{advice}"),
        }
    }
}

impl std::error::Error for Trouble {}

/// An error as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// How the program ends.
    pub exit: Exit,
    /// For a person.
    pub text: String,
    /// For a program, one line: `{"type":"error","code","message","fields","exitCode"}`.
    pub json: String,
}

/// What is told of `error`.
pub fn told(error: &anyhow::Error) -> Told {
    let known = error.chain().find_map(|cause| cause.downcast_ref());
    let trouble = known.cloned().unwrap_or_else(|| unknown(error));
    // What was being done stands before what went wrong.
    let text = format!("{error:#}");
    let message = match trouble.fields.is_empty() {
        true => text.clone(),
        false => trouble.message.clone(),
    };
    let Trouble { exit, code, .. } = trouble;
    let json = json!({
        "type": "error",
        "code": code,
        "message": message,
        "fields": trouble.fields,
        "exitCode": exit as u8,
    });
    let hint = match exit {
        Exit::NoAnswer => {
            "\nNobody answers there. See whether it runs (`orchestrator local --config appwrite.json` serves one here), and what APPWRITE_ENDPOINT names."
        }
        Exit::Done | Exit::Refused | Exit::TaskFailed | Exit::Waits | Exit::Interrupted => "",
    };
    Told {
        exit,
        text: text + hint,
        json: json.to_string(),
    }
}

/// An error that nobody has given a word.
fn unknown(error: &anyhow::Error) -> Trouble {
    let of_appwrite = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<appwrite::Error>());
    let (exit, code) = match of_appwrite {
        Some(error) if is_silence(error) => (Exit::NoAnswer, "no_answer"),
        Some(_) => (Exit::Refused, "appwrite_refused"),
        None => (Exit::Refused, "failed"),
    };
    Trouble {
        exit,
        ..Trouble::refused(code, "")
    }
}

/// Whether nobody answered, rather than refused.
fn is_silence(error: &appwrite::Error) -> bool {
    match error.status() {
        Some(status) => status >= 500,
        None => matches!(
            error,
            appwrite::Error::Transport { .. }
                | appwrite::Error::Deadline { .. }
                | appwrite::Error::OutcomeUnknown { .. }
        ),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_refusal_names_every_field_to_people_and_programs() {
        let answer = json!({"error": {"code": "invalid_brief", "message": "The brief is not valid: name.",
            "fields": [{"field": "name", "rule": "is missing"}]}});
        let told = told(&Trouble::of_answer(&answer).into());
        assert_eq!(told.exit, Exit::Refused);
        insta::assert_snapshot!(format!("{}\n{}", told.text, told.json), @r#"
        The brief is not valid: name.
          name is missing
        {"code":"invalid_brief","exitCode":1,"fields":[{"field":"name","rule":"is missing"}],"message":"The brief is not valid: name.","type":"error"}
        "#);
    }

    #[test]
    fn what_is_not_known_has_a_code_too() {
        let error = Err::<(), _>(std::io::Error::other("disk")).context("could not write x");
        let told = told(&error.unwrap_err());
        insta::assert_snapshot!(told.json, @r#"{"code":"failed","exitCode":1,"fields":[],"message":"could not write x: disk","type":"error"}"#);
    }

    #[test]
    fn an_address_where_nobody_listens_does_not_answer() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = appwrite::Client::new(appwrite::Settings {
            endpoint: "http://127.0.0.1:1/v1".to_owned(),
            project: "p".to_owned(),
            credential: appwrite::Credential::Guest,
            timeout: std::time::Duration::from_secs(5),
            retries_max: 0,
        });
        let error = client.unwrap().account().get().map(drop).unwrap_err();
        let told = told(&anyhow::Error::from(error).context("could not sign in"));
        assert_eq!(told.exit, Exit::NoAnswer);
        assert!(told.text.contains("See whether it runs"), "{}", told.text);
    }
}
