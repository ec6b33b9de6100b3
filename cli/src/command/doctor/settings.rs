//! The settings: names, values, and what goes together.

use std::collections::{BTreeMap, BTreeSet};

use shell::config::{HTTPS, SETTINGS, Setting, exposed};

use super::finding::Finding;
use crate::environment::FILE;

const AREA: &str = "settings";
/// Letters that a name may differ from a setting's to be taken for a slip.
const SLIP_MAX: usize = 2;

/// Judges the text of `.env.local`: its lines and names.
pub(super) fn judge_file(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, _)) = line.split_once('=') else {
            let says = format!("line {number} of {FILE} is not NAME=value");
            found.push(Finding::wrong(
                AREA,
                says,
                "Write it so, or put # before it.",
            ));
            continue;
        };
        let name = name.trim().trim_start_matches("export ").trim();
        if !names.insert(name.to_owned()) {
            let says = format!("{name} stands twice in {FILE}: the last one counts");
            found.push(Finding::warning(
                AREA,
                says,
                format!("Remove line {number} or the one before."),
            ));
        }
        if !is_known(name) {
            found.push(unknown(name, number));
        }
    }
    found
}

/// Judges names of the environment that look like slips of a setting's.
pub(super) fn judge_environment<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Finding> {
    let slips = names.filter(|name| !is_known(name)).filter_map(|name| {
        let meant = meant(name).filter(|_| name.len() > 2 * SLIP_MAX)?;
        let says = format!("{name} in the environment is no setting");
        Some(Finding::warning(
            AREA,
            says,
            format!("Did you mean {meant}?"),
        ))
    });
    slips.collect()
}

/// Judges the values that are set, by their main names.
pub(super) fn judge_values(values: &BTreeMap<String, String>) -> Vec<Finding> {
    let get = |name: &str| values.get(name).map(String::as_str);
    let mut found: Vec<Finding> = SETTINGS
        .iter()
        .filter_map(|setting| wrong_value(setting, get(setting.name)?))
        .collect();
    let needs = |name: &str, other: &str| {
        let says = format!("{name} is set but {other} is not");
        let fix = format!("Set {other}, or remove {name}.");
        (get(name).is_some() && get(other).is_none()).then(|| Finding::wrong(AREA, says, fix))
    };
    let pairs = [
        ("APPWRITE_ENDPOINT", "APPWRITE_PROJECT_ID"),
        ("APPWRITE_PROJECT_ID", "APPWRITE_ENDPOINT"),
        ("GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY"),
        ("GITHUB_APP_PRIVATE_KEY", "GITHUB_APP_ID"),
        ("CREDENTIALS_PUBLIC_KEY", "CREDENTIALS_SECRET_KEY"),
        ("CREDENTIALS_SECRET_KEY", "CREDENTIALS_PUBLIC_KEY"),
        ("DEPLOY_ENDPOINT", "DEPLOY_API_KEY"),
        ("DEPLOY_API_KEY", "DEPLOY_PROJECT_ID"),
        ("DEPLOY_PROJECT_ID", "DEPLOY_API_KEY"),
    ];
    found.extend(pairs.iter().filter_map(|(name, other)| needs(name, other)));
    for (base, key, auth) in [
        ("PLANNER_BASE_URL", "PLANNER_API_KEY", "PLANNER_AUTH"),
        ("REVIEWER_BASE_URL", "REVIEWER_API_KEY", "REVIEWER_AUTH"),
        ("AGENT_BASE_URL", "AGENT_API_KEY", "AGENT_AUTH"),
    ] {
        if get(auth) != Some("none") {
            found.extend(needs(base, key));
        }
    }
    for name in ["APPWRITE_ENDPOINT", "DEPLOY_ENDPOINT"] {
        if get(name).is_some_and(|url| !url.trim_end_matches('/').ends_with("/v1")) {
            let says = format!("{name} does not end in /v1");
            found.push(Finding::wrong(
                AREA,
                says,
                "Append /v1: it is the address of the API.",
            ));
        }
    }
    found.extend(exposed(get).iter().map(|name| {
        let says = format!("{name} must be {HTTPS}");
        Finding::wrong(AREA, says, "Write https, if the service has it.")
    }));
    if get("GITHUB_TOKEN").is_some() && get("GITHUB_APP_ID").is_some() {
        let says = "GITHUB_TOKEN and GITHUB_APP_ID are both set";
        found.push(Finding::wrong(
            AREA,
            says,
            "Choose one of them and remove the other.",
        ));
    }
    if found.is_empty() {
        found.push(Finding::ok(
            AREA,
            format!("{} set, every value in its form", values.len()),
        ));
    }
    found
}

fn wrong_value(setting: &Setting, value: &str) -> Option<Finding> {
    let rule = setting.check(value).err()?;
    // Never the value: it may be a secret in the wrong place.
    let says = format!("{} must be {rule}", setting.name);
    Some(Finding::wrong(
        AREA,
        says,
        format!("It is the {}.", setting.meaning),
    ))
}

fn is_known(name: &str) -> bool {
    let mut settings = SETTINGS.iter();
    settings.any(|setting| setting.name == name || setting.alias == Some(name))
}

fn unknown(name: &str, number: usize) -> Finding {
    let says = format!("line {number} of {FILE}: {name} is no setting, nobody reads it");
    let fix = match meant(name) {
        Some(meant) => format!("Did you mean {meant}?"),
        None => "Remove it; .env.example has all settings.".to_owned(),
    };
    Finding::warning(AREA, says, fix)
}

/// The setting whose name is nearest, if it is near.
fn meant(name: &str) -> Option<&'static str> {
    let names = SETTINGS
        .iter()
        .flat_map(|setting| [Some(setting.name), setting.alias]);
    let upper = name.to_ascii_uppercase().replace('-', "_");
    let near = names
        .flatten()
        .map(|known| (distance(&upper, known), known));
    let near = near.filter(|(distance, _)| *distance <= SLIP_MAX);
    near.min().map(|(_, known)| known)
}

/// Letters to change, add or take away to make one word of another.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for column in 0..other.len() {
            let changed = diagonal + usize::from(letter != other[column]);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn says(found: &[Finding]) -> Vec<(State, &str)> {
        let said = |finding| -> (State, &str) {
            let Finding { state, says, .. }: &Finding = finding;
            (*state, says)
        };
        found.iter().map(said).collect()
    }

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = pairs.iter();
        own.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn slips_in_the_file_are_told_with_what_was_meant() {
        let found = judge_file(
            "# x\nGROK_API_KEI=topsecret\nnonsense\nFOO=1\nGITHUB_TOKEN=a\nGITHUB_TOKEN=b\nXAI_API_KEY=\n",
        );
        assert_eq!(found[0].fix.as_deref(), Some("Did you mean GROK_API_KEY?"));
        assert_eq!(
            says(&found),
            [
                (
                    State::Warning,
                    "line 2 of .env.local: GROK_API_KEI is no setting, nobody reads it"
                ),
                (State::Wrong, "line 3 of .env.local is not NAME=value"),
                (
                    State::Warning,
                    "line 4 of .env.local: FOO is no setting, nobody reads it"
                ),
                (
                    State::Warning,
                    "GITHUB_TOKEN stands twice in .env.local: the last one counts"
                ),
            ]
        );
        assert!(!format!("{found:?}").contains("topsecret"));
        assert_eq!(judge_file("GITHUB_TOKEN=a\n"), []);
    }

    #[test]
    fn of_the_environment_only_slips_are_told() {
        let names = ["PATH", "GITHUB_SHA", "ANTHROPIC_API_KEYS", "GROK_API_KEY"];
        let found = judge_environment(names.into_iter());
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].fix.as_deref(),
            Some("Did you mean ANTHROPIC_API_KEY?")
        );
    }

    #[test]
    fn values_that_break_their_rule_are_told_without_them() {
        let found = judge_values(&values(&[
            ("GROK_BASE_URL", "topsecret"),
            ("APPWRITE_ENDPOINT", "https://fra.cloud.appwrite.io"),
            ("PLANNER_BASE_URL", "https://models.example/v1"),
        ]));
        assert_eq!(
            says(&found),
            [
                (
                    State::Wrong,
                    "GROK_BASE_URL must be an `http://` or `https://` URL without user and query"
                ),
                (
                    State::Wrong,
                    "APPWRITE_ENDPOINT is set but APPWRITE_PROJECT_ID is not"
                ),
                (
                    State::Wrong,
                    "PLANNER_BASE_URL is set but PLANNER_API_KEY is not"
                ),
                (State::Wrong, "APPWRITE_ENDPOINT does not end in /v1"),
            ]
        );
        let plain = values(&[
            ("GROK_BASE_URL", "http://models.example/v1"),
            ("NOTICE_PAGE_URL", "http://page.example"),
        ]);
        assert_eq!(
            says(&judge_values(&plain)),
            [(
                State::Wrong,
                "GROK_BASE_URL must be an `https://` URL, because secrets are sent there; `ENDPOINTS_HTTP=any` allows http all the same"
            )]
        );
        let local = values(&[
            ("PLANNER_BASE_URL", "http://127.0.0.1:1/v1"),
            ("PLANNER_AUTH", "none"),
        ]);
        assert_eq!(
            says(&judge_values(&local)),
            [(State::Ok, "2 set, every value in its form")]
        );
    }
}
