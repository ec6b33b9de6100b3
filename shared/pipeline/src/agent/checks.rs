//! What code can see of a file without running it: broken syntax, parts left out, and what
//! is no text at all. No check knows everything; each is sure of what it reports.

use crate::limits::BLOB_CHARS_MAX;
use crate::path::SafePath;

/// Phrases of a comment that stands where code should: in lower case.
const LEFT_OUT: &[&str] = &[
    "rest of the code",
    "rest of the file",
    "rest of the function",
    "rest unchanged",
    "rest is unchanged",
    "remains unchanged",
    "remaining code",
    "existing code",
    "unchanged code",
    "code unchanged",
    "code goes here",
    "implementation goes here",
    "your code here",
    "omitted for brevity",
    "todo: implement",
];

/// Words that make a comment beginning with an ellipsis one that stands for code.
const STANDS_FOR: &[&str] = &[
    "rest",
    "remaining",
    "existing",
    "previous",
    "same",
    "unchanged",
    "code",
    "other",
    "more",
];

/// How a comment of one line begins, in the languages that agents write.
const COMMENTS: &[&str] = &["{/*", "//", "/*", "<!--", "#", "--"];

/// What is wrong with a file, in the order of its lines; empty if nothing was found.
pub fn problems(path: &SafePath, content: &str) -> Vec<String> {
    let name = path.as_str();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let mut found = Vec::new();
    if ends(&[".json", ".webmanifest"]) {
        found.extend(broken_json(content));
    } else if ends(&[".css"]) {
        found.extend(broken_css(content));
    } else if ends(&[".html", ".htm", ".svg"]) {
        found.extend(broken_html(content));
    }
    if !ends(&[".md", ".txt"]) {
        found.extend(left_out(content));
    }
    found
        .into_iter()
        .map(|problem| format!("`{path}` {problem}"))
        .collect()
}

/// Why a file's content can not be taken at all, if it can not.
pub fn refusal(path: &SafePath, content: &str) -> Option<String> {
    if content.contains('\0') {
        return Some(format!("`{path}` contains NUL: only text can be written"));
    }
    let is_blob = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte);
    let bytes = content.as_bytes();
    let longest = bytes.split(|byte| !is_blob(byte)).map(<[u8]>::len).max();
    (longest.unwrap_or_default() > BLOB_CHARS_MAX).then(|| {
        format!(
            "`{path}` contains encoded data of more than {BLOB_CHARS_MAX} characters without a break; draw pictures as SVG"
        )
    })
}

fn broken_json(content: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(content)
        .err()
        .map(|cause| format!("is not valid JSON: {cause}"))
}

/// Braces of a style sheet, outside comments and strings.
fn broken_css(content: &str) -> Option<String> {
    let (mut open, mut rest) = (Vec::new(), content);
    let line = |rest: &str| content[..content.len() - rest.len()].matches('\n').count() + 1;
    while let Some(place) = rest.find(['{', '}', '"', '\'', '/']) {
        rest = &rest[place..];
        let first = rest.chars().next().unwrap_or_default();
        let skipped = match first {
            '/' if rest.starts_with("/*") => match rest[2..].find("*/") {
                Some(end) => end + 4,
                None => return Some(format!("has a comment at line {} without end", line(rest))),
            },
            '"' | '\'' => {
                let end = rest[1..].find([first, '\n']);
                end.map_or(rest.len(), |end| end + 2)
            }
            '{' => {
                open.push(line(rest));
                1
            }
            '}' if open.pop().is_none() => {
                return Some(format!("closes at line {} what was not opened", line(rest)));
            }
            _ => 1,
        };
        rest = &rest[skipped.min(rest.len())..];
    }
    open.pop()
        .map(|line| format!("does not close the `{{` of line {line}"))
}

/// Parts of a page that swallow everything behind them if they are not closed.
fn broken_html(content: &str) -> Option<String> {
    let lower = content.to_ascii_lowercase();
    let pairs = [
        ("<!--", "-->"),
        ("<script", "</script"),
        ("<style", "</style"),
    ];
    pairs.into_iter().find_map(|(start, end)| {
        let last = lower.rfind(start)?;
        let line = lower[..last].matches('\n').count() + 1;
        // A picture's style may close itself.
        let tail = &lower[last..];
        let closes_itself = tail.find('>').is_some_and(|end| tail[..end].ends_with('/'));
        (!closes_itself && !tail.contains(end))
            .then(|| format!("does not close the `{start}` of line {line}"))
    })
}

/// The first comment that stands for code which is not there.
fn left_out(content: &str) -> Option<String> {
    let stands_for_code = |line: &&str| {
        let line = line.trim();
        let comment = COMMENTS.iter().find_map(|start| line.strip_prefix(start));
        let Some(comment) = comment else { return false };
        let comment = comment.trim().to_lowercase();
        let ellipsis = ["...", "…"]
            .iter()
            .find_map(|dots| comment.strip_prefix(dots));
        ellipsis.is_some_and(|rest| {
            rest.split(|character: char| !character.is_alphabetic())
                .any(|word| STANDS_FOR.contains(&word))
        }) || LEFT_OUT.iter().any(|phrase| comment.contains(phrase))
    };
    let (index, line) = content
        .lines()
        .enumerate()
        .find(|(_, line)| stands_for_code(line))?;
    let shown: String = line.trim().chars().take(80).collect();
    Some(format!(
        "leaves something out at line {}: `{shown}`; write all of it",
        index + 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, content: &str) -> String {
        problems(&SafePath::parse(path).unwrap(), content).join("; ")
    }

    #[test]
    fn sound_files_have_no_problems() {
        for (path, content) in [
            ("a.json", r#"{"a": [1]}"#),
            (
                "a.css",
                "@media x { a::before { content: \"}\"; } } /* { */ b { background: url(a/b) }",
            ),
            ("a.css", "a { content: '\\201C' }"),
            (
                "a.html",
                "<!-- a --><script>if (a < b) c()</script><style>a{}</style>",
            ),
            ("a.svg", "<svg><style/></svg>"),
            (
                "a.js",
                "// The rest of the day is free.\nconst f = (...others) => others\n// todo list",
            ),
            ("a.py", "# More than one.\nx = [1]"),
            ("README.md", "# ... existing code\n"),
        ] {
            assert_eq!(check(path, content), "", "{path} {content}");
        }
    }

    #[test]
    fn broken_and_unfinished_files_are_named_with_their_line() {
        for (path, content, problem) in [
            ("a.json", "{", "`a.json` is not valid JSON: EOF"),
            ("a.css", "a {\n b {}\n", "does not close the `{` of line 1"),
            ("a.css", "a {}\n}", "closes at line 2 what was not opened"),
            ("a.css", "a {}\n/* b", "has a comment at line 2 without end"),
            (
                "a.html",
                "<p>\n<script>go()",
                "does not close the `<script` of line 2",
            ),
            (
                "a.js",
                "a()\n// ... rest of it",
                "leaves something out at line 2: `// ... rest of it`",
            ),
            (
                "a.js",
                "/* Existing code */",
                "leaves something out at line 1",
            ),
            (
                "a.jsx",
                "  {/* … same as before */}",
                "leaves something out at line 1",
            ),
            (
                "a.py",
                "# TODO: implement",
                "leaves something out at line 1",
            ),
            (
                "a.html",
                "<!-- rest of the file -->",
                "leaves something out at line 1",
            ),
        ] {
            let found = check(path, content);
            assert!(found.contains(problem), "{path}: {found}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let path = SafePath::parse("a.js").unwrap();
        let blob = "A".repeat(BLOB_CHARS_MAX);
        assert_eq!(refusal(&path, &blob), None);
        assert!(
            refusal(&path, &format!("x = '{blob}A'"))
                .unwrap()
                .contains("encoded")
        );
        assert!(refusal(&path, "a\0b").unwrap().contains("NUL"));
        assert_eq!(refusal(&path, &"const a = 1;\n".repeat(1_000)), None);
    }
}
