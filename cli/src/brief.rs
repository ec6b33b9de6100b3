//! Briefs as they are typed: a JSON or TOML file, standard input, flags, or a text in an editor.
//! All become the JSON that create-task takes, checked by its own rules, so that mistakes are
//! named before anything starts.

mod toml_text;

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use pipeline::brief::{Brief, FieldError};
use serde_json::{Map, Value, json};

use crate::trouble::Trouble;

/// The fields of a brief.
pub(crate) type Fields = Map<String, Value>;

/// Longest that standard input may be.
const INPUT_BYTES_MAX: u64 = 1024 * 1024;

/// What an editor opens where nothing was typed before.
pub(crate) const TEMPLATE: &str = include_str!("brief/template.toml");

/// Where standard input is meant.
const STDIN: &str = "-";

/// The text of a file, or of standard input for `-`.
///
/// # Errors
/// It can not be read.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    if path.as_os_str() != STDIN {
        return std::fs::read_to_string(path)
            .with_context(|| format!("could not read {}", path.display()));
    }
    let mut text = String::new();
    let mut input = std::io::stdin().lock().take(INPUT_BYTES_MAX);
    input
        .read_to_string(&mut text)
        .context("could not read standard input")?;
    Ok(text)
}

/// Reads the fields of a brief: JSON where the text begins with `{`, else TOML.
///
/// # Errors
/// It is neither; the line is named.
pub(crate) fn parse(text: &str, name: &str) -> anyhow::Result<Fields> {
    if !text.trim_start().starts_with('{') {
        return toml_text::parse(text).map_err(|problem| {
            Trouble::refused("invalid_brief", format!("{name} is no brief: {problem}")).into()
        });
    }
    serde_json::from_str(text).map_err(|cause| {
        Trouble::refused(
            "invalid_brief",
            format!("{name} is not valid JSON: {cause}"),
        )
        .into()
    })
}

/// Checks the fields by the rules of create-task.
///
/// # Errors
/// Every field that breaks a rule.
pub(crate) fn check(fields: &Fields, name: &str) -> anyhow::Result<()> {
    let Err(fields) = Brief::parse(Value::Object(fields.clone()).to_string().as_bytes()) else {
        return Ok(());
    };
    let trouble = Trouble {
        fields,
        ..Trouble::refused("invalid_brief", format!("{name} is not a valid brief:"))
    };
    Err(trouble.into())
}

/// Puts an option, typed as `KEY=VALUE`, into the fields.
///
/// # Errors
/// There is no `=`.
pub(crate) fn set_option(fields: &mut Fields, typed: &str) -> anyhow::Result<()> {
    let Some((name, text)) = typed.split_once('=') else {
        let fields = vec![FieldError {
            field: format!("--option {typed}"),
            rule: "must be KEY=VALUE, for example --option approval=plan".to_owned(),
        }];
        let trouble = Trouble {
            fields,
            ..Trouble::refused("invalid_brief", "The flags are no brief:")
        };
        return Err(trouble.into());
    };
    let options = fields.entry("options").or_insert_with(|| json!({}));
    if !options.is_object() {
        *options = json!({});
    }
    options[name] = option_value(name, text);
    Ok(())
}

/// The value of an option in the type that it has. What does not fit stays a text, which the
/// rules then name.
fn option_value(name: &str, text: &str) -> Value {
    let parsed = || serde_json::from_str(text).ok();
    let text = || Value::from(text);
    match name {
        "parallelism" | "assignmentsMax" | "budgetUsd" => {
            parsed().filter(Value::is_number).unwrap_or_else(text)
        }
        "preview" => parsed().filter(Value::is_boolean).unwrap_or_else(text),
        "topics" => {
            let topics = text().as_str().unwrap_or_default().to_owned();
            topics.split(',').map(str::trim).collect()
        }
        _ => text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_brief_without_a_name() {
        let fields = parse(TEMPLATE, "it").unwrap();
        let error = check(&fields, "The text").unwrap_err().to_string();
        insta::assert_snapshot!(error, @r"
        The text is not a valid brief:
          name must not be empty
          description must not be empty
        ");
    }

    #[test]
    fn every_option_of_the_template_is_taken_when_its_comment_is_taken_away() {
        let options: String = TEMPLATE
            .split_once("[options]")
            .unwrap()
            .1
            .replace("# ", "");
        let text = format!("name = \"n\"\ntype = \"web\"\ndescription = \"d\"\n[options]{options}");
        let mut fields = parse(&text, "it").unwrap();
        let options = fields["options"].as_object_mut().unwrap();
        assert_eq!(options.len(), 12, "{options:?}");
        // These are for an existing repository, the others for a new one.
        options.retain(|name, _| !["repository", "branch"].contains(&name.as_str()));
        check(&fields, "it").unwrap();
    }

    #[test]
    fn an_option_has_the_type_that_it_needs() {
        let mut fields = Fields::new();
        for typed in [
            "approval=plan",
            "parallelism=2",
            "budgetUsd=1.5",
            "preview=true",
            "topics=a, b",
            "branch=1.0",
        ] {
            set_option(&mut fields, typed).unwrap();
        }
        let expected = json!({"approval": "plan", "parallelism": 2, "budgetUsd": 1.5,
            "preview": true, "topics": ["a", "b"], "branch": "1.0"});
        assert_eq!(fields["options"], expected);
        let error = set_option(&mut fields, "turbo").unwrap_err().to_string();
        assert!(
            error.contains("--option turbo must be KEY=VALUE"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_brief_is_told_with_its_line() {
        let error = |text| parse(text, "x.toml").unwrap_err().to_string();
        assert!(error("name = \"a\"\ntype = web\n").contains("line 2"));
        assert!(error("{\n\"name\":}").contains("line 2"));
    }
}
