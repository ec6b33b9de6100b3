//! What code can see of a file without running it: broken syntax, parts left out, what would
//! harm whoever runs it, credentials, and what is no text at all. No check knows everything;
//! each is sure of what it reports.

mod harmful;
mod syntax;

use crate::hidden;
use crate::limits::BLOB_CHARS_MAX;
use crate::path::SafePath;
use crate::secrets;

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
    found.extend(syntax::broken(name, content));
    if !ends(&[".md", ".txt"]) {
        found.extend(left_out(content));
    }
    found.extend(harmful::found(name, content));
    found.extend(secret(content));
    found.extend(hidden(content));
    found
        .into_iter()
        .map(|problem| format!("`{path}` {problem}"))
        .collect()
}

/// What is wrong with a file and was not when it read `before`, wherever that stood.
pub fn new_problems(path: &SafePath, before: &str, content: &str) -> Vec<String> {
    let mut found = problems(path, content);
    if !before.is_empty() && !found.is_empty() {
        let plain = |text: &String| text.replace(|letter: char| letter.is_ascii_digit(), "");
        let known: Vec<String> = problems(path, before).iter().map(plain).collect();
        found.retain(|problem| !known.contains(&plain(problem)));
    }
    found
}

/// Packages that a manifest asks for.
pub fn packages(path: &SafePath, content: &str) -> Vec<String> {
    harmful::asked_for(path.as_str(), content)
}

/// What must not leave in a file, whoever approved it: each rule with its line, from 1 on.
pub fn forbidden(path: &SafePath, content: &str) -> Vec<(usize, String)> {
    let mut found = harmful::forbidden(path.as_str(), content);
    let line = secrets::line(content);
    found.extend(line.map(|line| (line, "holds what looks like a credential".to_owned())));
    found.extend(hidden::lines(content).map(|line| (line, HIDDEN.to_owned())));
    found
}

const HIDDEN: &str = "holds characters that a reader does not see";

fn hidden(content: &str) -> Option<String> {
    let line = hidden::lines(content).next()?;
    Some(format!(
        "{HIDDEN} at line {line}: leave them out, or write them as an escape"
    ))
}

fn secret(content: &str) -> Option<String> {
    let line = secrets::line(content)?;
    Some(format!(
        "holds what looks like a credential at line {line}: leave it out, and say where a person enters it"
    ))
}

/// Why a file's content can not be taken at all, if it can not.
pub fn refusal(path: &SafePath, content: &str) -> Option<String> {
    if content.contains('\0') {
        return Some(format!("`{path}` contains NUL: only text can be written"));
    }
    if let Some(problem) = secret(content) {
        return Some(format!("`{path}` {problem}"));
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
                "a.html",
                "<script type=\"application/ld+json\">{\"a\": 1}</script><script>let a = 1</script>",
            ),
            (
                "a.html",
                "<script type=\"module\">import a from './a.js'; await a()</script>",
            ),
            ("a.toml", "[a]\nb = 1\nc = [\"x\"] # d\n"),
            ("a.yaml", "a:\n  - b: \"c\"\n  - d\n---\ne: |\n  f: g\n"),
            ("a.yml", "on:\n  push:\n    branches: [main]\n"),
            (
                "a.js",
                "with (a) { b() }\nvar c = /[/]\"/.test(`${d}`) ? 010 : 1",
            ),
            (
                "a.js",
                "import a from './a.js'\nexport const b = await a?.b ?? c\n",
            ),
            ("a.js", "const a = () => <b c={d}>{e}</b>"),
            ("a.mjs", "export default class A { #b = 1; static { } }"),
            ("a.cjs", "module.exports = require('a'); return"),
            (
                "a.ts",
                "export type A<B> = B extends C ? D : never; let e = <F>g; enum H { I }",
            ),
            ("a.tsx", "export const A = <B,>(c: B): D => <e {...c} />"),
            (
                "a.d.ts",
                "declare module 'a' { export const b: string }\nexport const c: number",
            ),
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
            ("a.toml", "a = 1\nb =", "is not valid TOML at line 2: "),
            ("a.toml", "a = 1\na = 2", "is not valid TOML at line 2: "),
            ("a.yaml", "a: 1\nb: [c\n", "is not valid YAML at line "),
            ("a.yaml", "a: \"b\n", "is not valid YAML at line "),
            (
                "a.js",
                "a()\nfunction b() {\n",
                "can not be parsed at line 3: Expected `}`",
            ),
            (
                "a.js",
                "a()\nconst b = `c",
                "can not be parsed at line 2: Unterminated",
            ),
            ("a.js", "const a = b c", "can not be parsed at line 1: "),
            ("a.ts", "let a: = 1", "can not be parsed at line 1: "),
            (
                "a.html",
                "<p>\n<script>\nlet a = {\n</script>",
                "has a script that can not be parsed at line ",
            ),
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
