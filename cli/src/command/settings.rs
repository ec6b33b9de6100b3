//! `orchestrator settings`: what `scripts/push` sets on a project.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{bail, ensure};
use serde_json::{Value, json};
use shell::config::{FUNCTIONS, SETTINGS, Setting, is_replaced, settings_of};

use crate::environment::Environment;

/// What a push itself needs.
const PUSH: &[&str] = &[
    "APPWRITE_ENDPOINT",
    "APPWRITE_PROJECT_ID",
    "APPWRITE_DEV_KEY",
];

/// Prints the endpoint, the project, the key, the domain of sites, the version, and each
/// function's variables; a variable that is not set is null.
///
/// # Errors
/// Settings are missing: all are named. Or the output would be shown.
pub(crate) fn settings() -> anyhow::Result<ExitCode> {
    let environment = Environment::read()?;
    let missing: Vec<String> = missing(&environment)
        .map(|setting| format!("\n  {}: {}", setting.name, setting.meaning))
        .collect();
    if !missing.is_empty() {
        bail!(
            "these settings are missing, in the environment or in .env.local:{}",
            missing.concat()
        );
    }
    let mut output = std::io::stdout().lock();
    ensure!(
        !output.is_terminal(),
        "this prints secrets, and only into a pipe"
    );
    writeln!(output, "{}", printed(&environment))?;
    Ok(ExitCode::SUCCESS)
}

fn missing(environment: &Environment) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| {
        let own = setting.name.starts_with("APPWRITE_");
        let used = setting
            .used_by
            .iter()
            .any(|function| !is_replaced(setting.name, function, |name| environment.get(name)));
        let needed = PUSH.contains(&setting.name) || (setting.required && !own && used);
        needed && environment.get(setting.name).is_none()
    })
}

fn printed(environment: &Environment) -> Value {
    let functions: BTreeMap<&str, Value> = FUNCTIONS
        .iter()
        .map(|function| {
            let given = environment.of_function(function);
            let names = settings_of(function).map(|setting| setting.name);
            let variables: BTreeMap<&str, Option<&String>> = names
                .filter(|name| !name.starts_with("APPWRITE_"))
                .map(|name| (name, given.get(name)))
                .collect();
            (*function, json!(variables))
        })
        .collect();
    json!({
        "endpoint": environment.get("APPWRITE_ENDPOINT"),
        "projectId": environment.get("APPWRITE_PROJECT_ID"),
        "key": environment.get("APPWRITE_DEV_KEY"),
        "siteDomain": environment.get("SITE_DOMAIN"),
        "version": env!("CARGO_PKG_VERSION"),
        "functions": functions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        let pairs = pairs.iter();
        Environment::of(
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let names = |environment: &Environment| -> Vec<&str> {
            missing(environment).map(|setting| setting.name).collect()
        };
        let expected = [
            "APPWRITE_ENDPOINT",
            "APPWRITE_PROJECT_ID",
            "APPWRITE_DEV_KEY",
            "GROK_API_KEY",
            "ANTHROPIC_API_KEY",
            "GITHUB_TOKEN",
            "SITE_DOMAIN",
        ];
        assert_eq!(names(&environment(&[])), expected);
        let some = environment(&[("XAI_API_KEY", "g"), ("SITE_DOMAIN", "d")]);
        assert_eq!(names(&some).len(), 5);
        // Only the reviewer still needs xAI's key.
        let mut pairs = vec![("PLANNER_AUTH", "none"), ("AGENT_API_KEY", "k")];
        let half = environment(&pairs);
        assert!(names(&half).contains(&"GROK_API_KEY"));
        assert!(!names(&half).contains(&"ANTHROPIC_API_KEY"));
        pairs.push(("REVIEWER_API_KEY", "k"));
        assert!(!names(&environment(&pairs)).contains(&"GROK_API_KEY"));
    }

    #[test]
    fn each_function_is_given_its_own_and_loses_what_is_not_set() {
        let printed = printed(&environment(&[
            ("APPWRITE_DEV_KEY", "k"),
            ("GROK_API_KEY", "g"),
            ("GITHUB_TOKEN", "t"),
        ]));
        assert_eq!(printed["key"], "k");
        let plan = &printed["functions"]["plan"];
        assert_eq!(plan["GROK_API_KEY"], "g");
        assert_eq!(plan["GROK_MODEL"], Value::Null);
        assert!(plan.get("GITHUB_TOKEN").is_none());
        assert!(plan.get("APPWRITE_DEV_KEY").is_none());
        assert_eq!(printed["functions"]["publish"]["GITHUB_TOKEN"], "t");
    }
}
