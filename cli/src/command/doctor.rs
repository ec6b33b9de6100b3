//! `orchestrator doctor`: looks at every setting, this machine and every service, and says of
//! each what is wrong and how to fix it.
//!
//! What is asked is free and changes nothing. Each module asks one service and judges its
//! answers with pure functions.

mod appwrite;
mod ask;
mod finding;
mod github;
mod machine;
mod models;
mod settings;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use shell::config::{SETTINGS, Settings, exposed};
use shell::credentials::GitHubCredential;
use shell::redaction::Redactor;

use crate::args::DoctorArgs;
use crate::data::Data;
use crate::environment::{Environment, FILE, parse};
use crate::hosting::Services;
use crate::output::Output;
use crate::place::Place;
use crate::session::Session;

use appwrite::{DEPLOY_SCOPES, PUSH_SCOPES, Project, judge_user};
use ask::{Asked, Asker};
use finding::{Finding, State};

const APPWRITE: &str = "Appwrite";
/// The project that apps are deployed to, where it is another one.
const APPS: &str = "apps";
const CLOCK: &str = "clock";
/// Seconds that this machine's clock may differ from a service's.
const SKEW_MAX: i64 = 30;

/// Looks at everything. Ends with success only if nothing is wrong.
///
/// # Errors
/// Only where nothing can be asked at all.
pub(crate) async fn doctor(args: DoctorArgs, json: bool) -> anyhow::Result<ExitCode> {
    let output = Output::new(false);
    let (environment, mut found) = read_settings();
    let redactor = redactor(&environment);
    let tell = |found: Vec<Finding>| -> Vec<State> {
        for mut finding in found.iter().cloned() {
            finding.says = redactor.clean(&finding.says).into_owned();
            finding.fix = finding.fix.map(|fix| redactor.clean(&fix).into_owned());
            output.note(&match json {
                true => finding.json().to_string(),
                false => finding.text(),
            });
        }
        found.into_iter().map(|finding| finding.state).collect()
    };
    found.extend(machine::files(&args.data));
    found.extend(machine::programs().await);
    let mut states = tell(found);
    if !args.offline {
        let asker = Asker::new()?;
        let mut answers = Vec::new();
        states.extend(tell(
            appwrites(&asker, &environment, &args.data, &mut answers).await,
        ));
        match Settings::from_map(environment.values()) {
            Ok(settings) => {
                states.extend(tell(
                    services(&asker, &environment, &settings, &mut answers).await,
                ));
            }
            Err(_) => {
                let says = "models and GitHub were not asked: settings are wrong";
                states.extend(tell(vec![Finding::note("services", says)]));
            }
        }
        states.extend(tell(judge_clock(&answers).into_iter().collect()));
    }
    let count = |state| states.iter().filter(|own| **own == state).count();
    let (wrong, warnings) = (count(State::Wrong), count(State::Warning));
    output.note(&match json {
        true => {
            json!({"type": "sum", "ok": count(State::Ok), "warnings": warnings, "wrong": wrong})
                .to_string()
        }
        false if wrong == 0 && warnings == 0 => "\nNothing is wrong.".to_owned(),
        false => format!("\n{wrong} wrong, {warnings} to look at."),
    });
    Ok(match wrong {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The settings as they are, even where a line is wrong, and what is to be said of them.
fn read_settings() -> (Environment, Vec<Finding>) {
    let mut found = Vec::new();
    let mut values = BTreeMap::new();
    match std::fs::read_to_string(FILE) {
        Ok(text) => {
            found.extend(settings::judge_file(&text));
            // A line that can not be read keeps the program from starting, not from this.
            let lines = text.lines().filter_map(|line| parse(line).ok());
            values.extend(lines.flatten());
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            let says = format!("{FILE} can not be read: {error}");
            found.push(Finding::wrong(
                "settings",
                says,
                "Make it readable for you.",
            ));
        }
    }
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let variables: BTreeMap<String, String> = variables.collect();
    found.extend(settings::judge_environment(
        variables.keys().map(String::as_str),
    ));
    values.extend(variables);
    let environment = Environment::of(values);
    found.extend(settings::judge_values(environment.values()));
    (environment, found)
}

fn redactor(environment: &Environment) -> Redactor {
    let secrets = SETTINGS.iter().filter(|setting| setting.secret);
    Redactor::new(secrets.filter_map(|setting| environment.get(setting.name)))
}

/// The project that runs the functions, and the one that apps are deployed to.
async fn appwrites(
    asker: &Asker,
    environment: &Environment,
    data: &Path,
    answers: &mut Vec<Asked>,
) -> Vec<Finding> {
    let get = |name: &str| environment.get(name);
    let mut found = Vec::new();
    if !exposed(get).is_empty() {
        let says = "projects of Appwrite were not asked: a key would be sent in plain";
        return vec![Finding::note(APPWRITE, says)];
    }
    match (get("APPWRITE_ENDPOINT"), get("APPWRITE_PROJECT_ID")) {
        (Some(endpoint), Some(id)) => {
            let project = Project {
                asker,
                area: APPWRITE,
                endpoint,
                id,
            };
            if project.is_there(&mut found, answers).await {
                found.push(project.runtimes().await);
                found.extend(of_keys(&project, environment).await);
                found.push(of_user(&project, data).await);
            }
        }
        (None, _) => {
            let says = "no APPWRITE_ENDPOINT: the embedded platform on this machine serves it";
            found.push(Finding::note(APPWRITE, says));
        }
        (Some(_), None) => {}
    }
    let endpoint = get("DEPLOY_ENDPOINT").or(get("APPWRITE_ENDPOINT"));
    if let (Some(endpoint), Some(id), Some(key)) =
        (endpoint, get("DEPLOY_PROJECT_ID"), get("DEPLOY_API_KEY"))
    {
        let project = Project {
            asker,
            area: APPS,
            endpoint,
            id,
        };
        if project.is_there(&mut found, answers).await {
            found.extend(project.scopes(("DEPLOY_API_KEY", key), DEPLOY_SCOPES).await);
        }
    }
    found
}

/// What can be asked with the key for scripts/push.
async fn of_keys(project: &Project<'_>, environment: &Environment) -> Vec<Finding> {
    let Some(key) = environment.get("APPWRITE_DEV_KEY") else {
        let says = "functions and tables were not looked at: that needs APPWRITE_DEV_KEY";
        return vec![Finding::note(APPWRITE, says)];
    };
    let key = ("APPWRITE_DEV_KEY", key);
    let mut found = project.scopes(key, PUSH_SCOPES).await;
    let has_all = found.iter().all(|finding| finding.fix.is_none());
    if has_all {
        found.extend(project.database(key).await);
        found.extend(project.functions(key).await);
    }
    found
}

async fn of_user(project: &Project<'_>, data: &Path) -> Finding {
    let place = Place {
        endpoint: project.endpoint.to_owned(),
        project: project.id.to_owned(),
    };
    let folder = data.to_owned();
    let labels = tokio::task::spawn_blocking(move || match folder.is_dir() {
        true => Session::labels(&Data::share(&folder)?, &place),
        false => Ok(None),
    });
    match labels.await {
        Ok(Ok(labels)) => judge_user(APPWRITE, labels.as_deref()),
        Ok(Err(error)) => {
            let fix = "Sign in again with `orchestrator login`.";
            Finding::wrong(
                APPWRITE,
                format!("who is signed in is not told: {error:#}"),
                fix,
            )
        }
        Err(error) => Finding::note(APPWRITE, format!("who is signed in is not told: {error}")),
    }
}

/// The models and GitHub.
async fn services(
    asker: &Asker,
    environment: &Environment,
    settings: &Settings,
    answers: &mut Vec<Asked>,
) -> Vec<Finding> {
    let real = Services::of(environment);
    let mut found = Vec::new();
    let stand_in = |area, key: &str, who: &str| {
        Finding::note(area, format!("no {key}: {who} on this machine serves it"))
    };
    if real.grok {
        for role in [&settings.planner, &settings.reviewer] {
            let (judged, asked) = models::thinker(asker, role).await;
            for finding in judged {
                if !found.contains(&finding) {
                    found.push(finding);
                }
            }
            answers.extend(asked);
        }
    } else {
        found.push(stand_in(models::XAI, "GROK_API_KEY", "a scripted model"));
    }
    if real.claude {
        let fallback = &settings.agent_fallback_model;
        let (judged, asked) = models::coder(asker, &settings.agent, fallback).await;
        found.extend(judged);
        answers.extend(asked);
    } else {
        found.push(stand_in(
            models::ANTHROPIC,
            "ANTHROPIC_API_KEY",
            "a scripted model",
        ));
    }
    let credential = match &settings.github {
        Some(GitHubCredential::Token(token)) => github::Credential::Token(token),
        Some(GitHubCredential::App {
            id, private_key, ..
        }) => github::Credential::App { id, private_key },
        None => {
            found.push(stand_in("GitHub", "GITHUB_TOKEN", "a stand-in"));
            return found;
        }
    };
    let owner = settings.github_owner.as_deref();
    let (judged, asked) = github::look(asker, &settings.github_base_url, &credential, owner).await;
    found.extend(judged);
    answers.extend(asked);
    found
}

/// Judges this machine's clock by the dates of the answers.
fn judge_clock(answers: &[Asked]) -> Option<Finding> {
    let ahead = answers.iter().flatten().filter_map(|answer| answer.ahead);
    // The service that agrees most: another one's clock may be the one that is wrong.
    let ahead = ahead.min_by_key(|seconds| seconds.abs())?;
    let side = if ahead > 0 { "ahead of" } else { "behind" };
    let says = format!(
        "this machine's clock is {} s {side} the services'",
        ahead.abs()
    );
    let fix = "Switch on time synchronisation (timedatectl set-ntp true): tokens and claims depend on it.";
    Some(match ahead.abs() {
        0..=SKEW_MAX => Finding::ok(CLOCK, "agrees with the services'"),
        _ => Finding::wrong(CLOCK, says, fix),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_where_no_service_agrees_with_it() {
        let answer = |ahead| {
            Ok(ask::Answer {
                ahead: Some(ahead),
                ..ask::Answer::default()
            })
        };
        assert_eq!(judge_clock(&[]), None);
        assert_eq!(
            judge_clock(&[answer(-400), answer(2)]).unwrap().state,
            State::Ok
        );
        let wrong = judge_clock(&[answer(-400), answer(-95)]).unwrap();
        assert_eq!(wrong.state, State::Wrong);
        assert_eq!(
            wrong.says,
            "this machine's clock is 95 s behind the services'"
        );
    }
}
