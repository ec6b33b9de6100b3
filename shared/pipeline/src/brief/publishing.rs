//! The options of a brief that say where the files go, and with which workflows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FieldError, Options, error};
use crate::limits::{BRANCH_CHARS_MAX, TOPIC_CHARS_MAX, TOPICS_MAX};

/// Characters of an account's name on GitHub.
const LOGIN_CHARS_MAX: usize = 39;
/// Characters of a repository's name on GitHub.
const REPOSITORY_CHARS_MAX: usize = 100;

/// Which workflows the orchestrator adds to a repository. Nobody else writes any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Workflows {
    /// None.
    #[default]
    None,
    /// One that builds and tests what is there.
    Ci,
    /// That one, and one that deploys to Appwrite.
    Deploy,
}

impl Workflows {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// Whether `text` is the name of an account: letters, digits and single hyphens inside.
pub fn is_login(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_framed = !text.starts_with('-') && !text.ends_with('-') && !text.contains("--");
    !text.is_empty() && text.len() <= LOGIN_CHARS_MAX && is_framed && text.bytes().all(is_part)
}

/// Whether `text` is `owner/name`.
pub fn is_repository(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.split_once('/').is_some_and(|(owner, name)| {
        let is_name = !matches!(name, "" | "." | "..") && !name.ends_with(".git");
        let fits = name.len() <= REPOSITORY_CHARS_MAX;
        is_login(owner) && is_name && fits && name.bytes().all(is_part)
    })
}

/// Whether `text` is a branch as git takes it, and of plain characters alone.
pub fn is_branch(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    let is_segment = |segment: &str| {
        !segment.is_empty()
            && !segment.starts_with(['.', '-'])
            && !segment.ends_with('.')
            && !segment.ends_with(".lock")
    };
    text.len() <= BRANCH_CHARS_MAX
        && text.bytes().all(is_part)
        && !text.contains("..")
        && text.split('/').all(is_segment)
}

/// Whether `text` is a topic as GitHub keeps it.
pub fn is_topic(text: &str) -> bool {
    let is_first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= TOPIC_CHARS_MAX
        && text.bytes().next().is_some_and(is_first)
        && text.bytes().all(|byte| is_first(byte) || byte == b'-')
}

/// Takes the option `name` if it is one of these. Returns whether it is.
pub(super) fn take(
    options: &mut Options,
    name: &str,
    value: &Value,
    errors: &mut Vec<FieldError>,
) -> bool {
    let field = format!("options.{name}");
    let mut word = |is: fn(&str) -> bool, rule: &str| {
        let text = value.as_str().filter(|text| is(text)).map(str::to_owned);
        if text.is_none() {
            errors.push(error(&field, rule));
        }
        text
    };
    match name {
        "repository" => {
            options.repository = word(is_repository, "must be an existing repository, as owner/name");
        }
        "branch" => options.branch = word(is_branch, "must be the name of a branch"),
        "organization" => {
            options.organization = word(is_login, "must be the name of an organization");
        }
        "topics" => match topics(value) {
            Some(topics) => options.topics = topics,
            None => errors.push(error(
                field,
                format!("must be at most {TOPICS_MAX} topics of lower-case letters, digits and hyphens, each of at most {TOPIC_CHARS_MAX} characters"),
            )),
        },
        "workflows" => match serde_json::from_value(value.clone()) {
            Ok(workflows) => options.workflows = Some(workflows),
            Err(_) => errors.push(error(field, "must be one of none, ci, deploy")),
        },
        _ => return false,
    }
    true
}

fn topics(value: &Value) -> Option<Vec<String>> {
    let items = value.as_array().filter(|items| items.len() <= TOPICS_MAX)?;
    let topic = |item: &Value| {
        item.as_str()
            .filter(|text| is_topic(text))
            .map(str::to_owned)
    };
    items.iter().map(topic).collect()
}

/// What does not go together.
pub(super) fn check(options: &Options, chose_visibility: bool, errors: &mut Vec<FieldError>) {
    if options.repository.is_none() {
        if options.branch.is_some() {
            let rule = "is for an existing repository: name it in options.repository";
            errors.push(error("options.branch", rule));
        }
        return;
    }
    let rule = "can not be chosen for an existing repository";
    for (field, is_chosen) in [
        ("options.visibility", chose_visibility),
        ("options.organization", options.organization.is_some()),
        ("options.topics", !options.topics.is_empty()),
        ("options.preview", options.preview),
    ] {
        if is_chosen {
            errors.push(error(field, rule));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_ones_a_host_takes() {
        for good in ["octocat/hello-world", "a/b.c_d", "a-b/x"] {
            assert!(is_repository(good), "{good}");
        }
        for bad in [
            "x", "/x", "x/", "-a/b", "a--b/c", "a/..", "a/b/c", "a/b.git", "a b/c", "a/b?c", "ä/b",
        ] {
            assert!(!is_repository(bad), "{bad}");
        }
        assert!(is_repository(&format!(
            "{}/{}",
            "a".repeat(39),
            "b".repeat(100)
        )));
        assert!(!is_repository(&format!("{}/b", "a".repeat(40))));
        assert!(!is_repository(&format!("a/{}", "b".repeat(101))));
    }

    #[test]
    fn branches_are_plain_and_what_git_takes() {
        for good in ["main", "release/1.x", "a_b-c"] {
            assert!(is_branch(good), "{good}");
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a..b",
            "a.lock",
            "-a",
            "a b",
            "a~1",
            "a:b",
            "a\u{202e}",
            "refs/heads/@{u}",
        ] {
            assert!(!is_branch(bad), "{bad}");
        }
        assert!(is_branch(&"a".repeat(BRANCH_CHARS_MAX)));
        assert!(!is_branch(&"a".repeat(BRANCH_CHARS_MAX + 1)));
    }

    #[test]
    fn topics_are_few_and_short() {
        let value = |count: usize| Value::from(vec!["a-1"; count]);
        assert_eq!(
            topics(&value(TOPICS_MAX)).map(|it| it.len()),
            Some(TOPICS_MAX)
        );
        assert_eq!(topics(&value(TOPICS_MAX + 1)), None);
        for bad in ["", "-a", "A", "a b", "ä"] {
            assert!(!is_topic(bad), "{bad}");
        }
        assert!(is_topic(&"a".repeat(TOPIC_CHARS_MAX)));
        assert!(!is_topic(&"a".repeat(TOPIC_CHARS_MAX + 1)));
    }
}
