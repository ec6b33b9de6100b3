//! Replacing a part of a file that a model quotes from memory: its lines may end otherwise
//! in the file, and typographic quotation marks look like plain ones.

use crate::path::SafePath;

/// Places named of a text that occurs more than once.
const PLACES_SHOWN: usize = 10;

/// `content` with `new_text` in the only place of `old_text`. Line ends count as equal, and
/// the file keeps its own.
///
/// # Errors
/// A sentence for the agent that says where the text nearly is, or all the places where it
/// is.
pub(super) fn replaced(
    path: &SafePath,
    content: &str,
    old_text: &str,
    new_text: &str,
) -> Result<String, String> {
    if old_text.is_empty() {
        return Err("`old_text` must not be empty; use write_file for a new file".to_owned());
    }
    let plain = plain_ends(content);
    let (mut old, mut new) = (plain_ends(old_text), plain_ends(new_text));
    if !plain.contains(&old)
        && let Some(shorter) = old.strip_suffix('\n')
        && !shorter.is_empty()
        && plain.ends_with(shorter)
    {
        // The last line of the file has no end.
        new = new.strip_suffix('\n').unwrap_or(&new).to_owned();
        old = shorter.to_owned();
    }
    let places: Vec<usize> = plain.match_indices(&old).map(|(at, _)| at).collect();
    let at = match places.as_slice() {
        [at] => *at,
        [] => {
            let hint = nearest(&plain, &old);
            return Err(format!("old_text has 0 matches in `{path}` ({hint})"));
        }
        many => {
            let lines: Vec<String> = many
                .iter()
                .take(PLACES_SHOWN)
                .map(|at| line_of(&plain, *at).to_string())
                .collect();
            return Err(format!(
                "old_text has {} matches in `{path}`, at lines {}; add context",
                many.len(),
                lines.join(", ")
            ));
        }
    };
    // Where the place lies in the file itself.
    let (start, end) = (original(content, at), original(content, at + old.len()));
    if content.contains("\r\n") {
        new = new.replace('\n', "\r\n");
    }
    Ok([&content[..start], &new, &content[end..]].concat())
}

fn plain_ends(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// The offset in `content` of an offset in the same text with plain line ends.
fn original(content: &str, plain: usize) -> usize {
    let mut passed = 0;
    for (place, _) in content.match_indices("\r\n") {
        if place - passed >= plain {
            break;
        }
        passed += 1;
    }
    plain + passed
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// Where in `content` the text nearly is.
fn nearest(content: &str, old: &str) -> String {
    let (straight, wanted) = (straight(content), straight(old));
    if let Some(place) = straight.find(&wanted) {
        let line = line_of(&straight, place);
        return format!(
            "line {line} differs in its quotation marks or blanks only; read it and copy them"
        );
    }
    let first = old.lines().next().unwrap_or_default().trim();
    let near = content
        .lines()
        .position(|line| !first.is_empty() && line.contains(first));
    near.map_or_else(
        || "read the file first".to_owned(),
        |line| format!("closest: line {}", line + 1),
    )
}

/// The text with plain quotation marks, dashes and blanks.
fn straight(text: &str) -> String {
    let plain = |character| match character {
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{2032}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2033}' => '"',
        '\u{2013}' | '\u{2014}' => '-',
        '\u{a0}' | '\u{202f}' => ' ',
        other => other,
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(content: &str, old: &str, new: &str) -> Result<String, String> {
        replaced(&SafePath::parse("a.js").unwrap(), content, old, new)
    }

    #[test]
    fn line_ends_are_equal_and_the_file_keeps_its_own() {
        assert_eq!(
            edit("a\r\nb\r\nc\r\n", "a\nb\n", "x\ny\n").unwrap(),
            "x\r\ny\r\nc\r\n"
        );
        assert_eq!(edit("a\nb\nc\n", "a\r\nb", "x\r\ny").unwrap(), "x\ny\nc\n");
        assert_eq!(edit("ü\r\nb\r\nc", "b", "d").unwrap(), "ü\r\nd\r\nc");
        assert_eq!(edit("a\nb", "b\n", "c\n").unwrap(), "a\nc");
    }

    #[test]
    fn what_nearly_matches_is_named() {
        let said = edit("one\nsay(\u{201c}hi\u{201d})\n", "say(\"hi\")", "x").unwrap_err();
        assert!(
            said.contains("line 2 differs in its quotation marks"),
            "{said}"
        );
        let said = edit("one\n  two three\n", "two\nfour", "x").unwrap_err();
        assert!(said.contains("closest: line 2"), "{said}");
        let said = edit("a\nb\na\n", "a", "x").unwrap_err();
        assert!(
            said.contains("2 matches in `a.js`, at lines 1, 3"),
            "{said}"
        );
        assert!(edit("a", "", "x").is_err());
    }
}
