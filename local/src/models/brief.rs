//! Reads the machine-findable parts of a prompt: one line of JSON between two tags.
//!
//! The scripted model knows nothing but the prompt. Its texts come from people: every field is
//! optional here, every type is checked, and sizes are cut before anything is built from them.

use serde_json::Value;

/// A name is cut after this many characters.
const NAME_CHARS_MAX: usize = 120;
/// A description is cut after this many characters in what is generated.
const DESCRIPTION_CHARS_MAX: usize = 1_000;
/// A requirement is cut after this many characters in what is generated.
const REQUIREMENT_CHARS_MAX: usize = 200;
/// More requirements than this are not listed one by one.
const REQUIREMENTS_MAX: usize = 100;

/// What kind of project the brief asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Web,
    Mobile,
    Api,
    Fullstack,
}

impl Kind {
    fn parse(text: &str) -> Self {
        match text {
            "mobile" => Self::Mobile,
            "api" => Self::Api,
            "fullstack" => Self::Fullstack,
            _ => Self::Web,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Mobile => "mobile",
            Self::Api => "api",
            Self::Fullstack => "fullstack",
        }
    }
}

/// The brief as far as it matters here, cut to size and without control characters.
#[derive(Clone, Debug)]
pub(crate) struct Brief {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) kind: Kind,
    pub(crate) requirements: Vec<String>,
}

impl Brief {
    /// Reads a brief, or the project block, which repeats the brief's fields.
    pub(crate) fn from_value(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap_or_default();
        let name = cut(text("name"), NAME_CHARS_MAX);
        Self {
            name: if name.is_empty() {
                "Untitled".to_owned()
            } else {
                name
            },
            description: cut(text("description"), DESCRIPTION_CHARS_MAX),
            kind: Kind::parse(text("type")),
            requirements: strings(&value["requirements"])
                .chain(follow_ups(value).flat_map(asked))
                .take(REQUIREMENTS_MAX)
                .map(|requirement| cut(requirement, REQUIREMENT_CHARS_MAX))
                .filter(|requirement| !requirement.is_empty())
                .collect(),
        }
    }
}

/// What was asked for after the project had been released.
fn follow_ups(value: &Value) -> impl Iterator<Item = &Value> {
    value["follow_ups"].as_array().into_iter().flatten()
}

/// Everything that one follow-up asks for.
fn asked(follow_up: &Value) -> impl Iterator<Item = &str> {
    let description = follow_up["description"].as_str().into_iter();
    description.chain(strings(&follow_up["requirements"]))
}

/// The brief as it was before its last follow-up; `None` if there was none.
pub(crate) fn before_follow_up(value: &Value) -> Option<Value> {
    let mut earlier = value.clone();
    let follow_ups = earlier["follow_ups"].as_array_mut();
    follow_ups.and_then(Vec::pop)?;
    Some(earlier)
}

/// The strings of a JSON array; anything else in it is skipped.
pub(crate) fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// Finds `<tag>`, JSON, `</tag>` in a text and returns the JSON with the rest of the text.
///
/// The writer escapes `<` inside the JSON, so the first closing tag is the real one. An opening
/// tag that is only mentioned in prose is passed over.
pub(crate) fn tagged<'a>(text: &'a str, tag: &str) -> Option<(Value, &'a str)> {
    let open = format!("<{tag}>");
    let close = format!("</{tag}>");
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(&open) {
        if let Some((inside, following)) = after.split_once(&close)
            && let Ok(value @ Value::Object(_)) = serde_json::from_str(inside.trim())
        {
            return Some((value, following));
        }
        rest = after;
    }
    None
}

fn cut(text: &str, chars_max: usize) -> String {
    let clean: String = text
        .chars()
        .map(|character| {
            if character.is_control() && character != '\n' {
                ' '
            } else {
                character
            }
        })
        .collect();
    let clean = clean.trim();
    match clean.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", clean[..end].trim_end()),
        None => clean.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mentioned_tag_is_passed_over() {
        let text =
            "Put it in <brief> please.\n<brief>\n{\"name\":\"a\\u003c/brief>b\"}\n</brief>\nrest";
        let (value, rest) = tagged(text, "brief").unwrap();
        assert_eq!(value["name"], "a</brief>b");
        assert_eq!(rest, "\nrest");
        assert!(tagged("<brief>nothing</brief>", "brief").is_none());
    }

    #[test]
    fn ill_typed_brief_still_reads() {
        let brief =
            Brief::from_value(&json!({"name": 7, "type": [], "requirements": ["a\u{0}b", 3, ""]}));
        assert_eq!(brief.name, "Untitled");
        assert_eq!(brief.kind, Kind::Web);
        assert_eq!(brief.requirements, ["a b"]);
        assert_eq!(cut(&"ü".repeat(300), 200).chars().count(), 201);
    }
}
