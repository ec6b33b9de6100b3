//! References from one file to another that lead nowhere: scripts, styles and pictures of a
//! page, imports of a script, addresses in a style sheet. It reads no language in full, and
//! passes over whatever it is not sure of.

use crate::plan::Stack;
use crate::workspace::Workspace;

/// A reference to a file that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Where it stands.
    pub(super) path: String,
    /// Counted from 1.
    pub(super) line: u32,
    /// As it is written.
    pub(super) text: String,
    /// The file it means.
    pub(super) target: String,
}

/// What a bundler or a server may add to the path of an import.
const ENDINGS: &[&str] = &[
    "",
    ".js",
    ".mjs",
    ".cjs",
    ".jsx",
    ".ts",
    ".tsx",
    ".json",
    ".css",
    ".vue",
    ".svelte",
    "/index.js",
    "/index.mjs",
    "/index.jsx",
    "/index.ts",
    "/index.tsx",
];

/// Folders whose content is served at the root.
const ROOTS: &[&str] = &["", "public/", "static/"];

/// The attribute that refers to a file, by tag.
const TAGS: &[(&str, &str)] = &[
    ("script", "src"),
    ("link", "href"),
    ("img", "src"),
    ("source", "src"),
    ("audio", "src"),
    ("video", "src"),
];

/// Kinds of `link` that load a file.
const LOADS: &[&str] = &[
    "stylesheet",
    "icon",
    "apple-touch-icon",
    "manifest",
    "modulepreload",
    "preload",
];

/// Every reference that leads nowhere. What a build makes can not be known, so pages and
/// style sheets of a project that is built are passed over.
/// `unshown` are the paths of files that are there too.
pub(super) fn unresolved(
    workspace: &Workspace,
    stack: &Stack,
    unshown: &[String],
) -> Vec<Reference> {
    let is_built = !stack.build_command.trim().is_empty();
    let mut found = Vec::new();
    for (path, file) in workspace.files() {
        let (name, content) = (path.as_str(), file.content.as_str());
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        let references = if ends(&[".js", ".mjs", ".jsx", ".ts", ".tsx"]) {
            script(content)
        } else if is_built {
            Vec::new()
        } else if ends(&[".html", ".htm"]) {
            page(content)
        } else if ends(&[".css"]) {
            style(content)
        } else {
            Vec::new()
        };
        for (offset, text) in references {
            let Some(target) = target(name, &text) else {
                continue;
            };
            if !exists((workspace, unshown), &target, &text, stack) {
                let line = content[..offset].matches('\n').count() + 1;
                found.push(Reference {
                    path: name.to_owned(),
                    line: u32::try_from(line).unwrap_or(u32::MAX),
                    text,
                    target,
                });
            }
        }
    }
    found
}

/// The path that `text` means in the file `from`; `None` for what is no file of the project
/// for sure: another address, a place in the same page, a name to be filled in.
fn target(from: &str, text: &str) -> Option<String> {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let is_plain = !path.contains(['{', '}', '$', '<', '>', '*', '%', '\\', ' ', '\n']);
    let has_scheme = path
        .split('/')
        .next()
        .is_some_and(|first| first.contains(':'));
    if path.is_empty() || path.ends_with('/') || !is_plain || has_scheme || path.starts_with("//") {
        return None;
    }
    let (mut segments, rest): (Vec<&str>, &str) = match path.strip_prefix('/') {
        Some(rest) => (Vec::new(), rest),
        None => {
            let mut folder: Vec<&str> = from.split('/').collect();
            folder.pop();
            (folder, path)
        }
    };
    for segment in rest.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    (!segments.is_empty()).then(|| segments.join("/"))
}

fn exists(
    (workspace, unshown): (&Workspace, &[String]),
    target: &str,
    text: &str,
    stack: &Stack,
) -> bool {
    let served = stack.output_dir.trim_matches('/');
    let served = format!("{served}/");
    let roots: Vec<&str> = if text.starts_with('/') {
        ROOTS.iter().copied().chain([served.as_str()]).collect()
    } else {
        vec![""]
    };
    // A script may be imported under the name it gets once it is compiled.
    let stem = [".js", ".mjs", ".jsx"]
        .iter()
        .find_map(|end| target.strip_suffix(end));
    let names: Vec<String> = ENDINGS
        .iter()
        .map(|end| format!("{target}{end}"))
        .chain(
            stem.into_iter()
                .flat_map(|stem| [format!("{stem}.ts"), format!("{stem}.tsx")]),
        )
        .collect();
    let shown = workspace.files().map(|(path, _)| path.as_str());
    let mut files = shown.chain(unshown.iter().map(String::as_str));
    files.any(|path| {
        let of_root = |root: &&str| {
            let rest = path.strip_prefix(*root);
            rest.is_some_and(|rest| names.iter().any(|name| name == rest))
        };
        roots.iter().any(of_root)
    })
}

/// Imports of a script by relative path. Lines inside comments and templates are no imports.
fn script(content: &str) -> Vec<(usize, String)> {
    let (mut found, mut offset) = (Vec::new(), 0);
    let (mut in_comment, mut in_template) = (false, false);
    for line in content.split_inclusive('\n') {
        let code = line.trim_start();
        let starts_as_import = ["import ", "import\"", "import'", "import{", "export ", "}"]
            .iter()
            .any(|start| code.starts_with(start));
        if !in_comment && !in_template && starts_as_import {
            let after = ["from ", "from\"", "from'", "import ", "import\"", "import'"];
            let place = after.iter().find_map(|word| {
                let start = line.find(word)? + word.trim_end_matches(['"', '\'']).len();
                quoted(&line[start..]).map(|text| (start, text))
            });
            if let Some((start, text)) = place
                && ["./", "../", "/"].iter().any(|root| text.starts_with(root))
            {
                found.push((offset + start, text.to_owned()));
            }
        }
        if !code.starts_with("//") {
            in_template ^= line.matches('`').count() % 2 == 1;
            in_comment = match (line.rfind("/*"), line.rfind("*/")) {
                (Some(open), Some(close)) => open > close,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => in_comment,
            };
        }
        offset += line.len();
    }
    found
}

/// The text in quotes with which `rest` begins.
fn quoted(rest: &str) -> Option<&str> {
    let rest = rest.trim_start();
    let quote = rest.chars().next().filter(|first| "\"'".contains(*first))?;
    rest[1..].split_once(quote).map(|(text, _)| text)
}

/// Files that a page loads.
fn page(content: &str) -> Vec<(usize, String)> {
    let content = blanked(content, "<!--", "-->");
    let lower = content.to_ascii_lowercase();
    if lower.contains("<base ") {
        return Vec::new();
    }
    let (mut found, mut offset) = (Vec::new(), 0);
    while let Some(start) = lower[offset..].find('<').map(|start| offset + start) {
        let Some(end) = lower[start..].find('>').map(|end| start + end) else {
            break;
        };
        offset = end + 1;
        let inside = &lower[start + 1..end];
        let name = inside.split(|c: char| !c.is_ascii_alphanumeric()).next();
        let Some((tag, attribute)) = TAGS.iter().find(|(tag, _)| Some(*tag) == name) else {
            continue;
        };
        let value = |wanted: &str| value_of(&content[start + 1..end], wanted);
        let loads = *tag != "link"
            || value("rel").is_some_and(|(_, rel)| {
                let mut words = rel.split_whitespace();
                words.any(|word| LOADS.contains(&word.to_ascii_lowercase().as_str()))
            });
        if let Some((place, text)) = value(attribute).filter(|_| loads) {
            found.push((start + 1 + place, text.to_owned()));
        }
        // What stands in a script is no markup.
        if *tag == "script" {
            offset = lower[offset..]
                .find("</script")
                .map_or(lower.len(), |end| offset + end);
        }
    }
    found
}

/// The quoted value of an attribute, and where it stands.
fn value_of<'a>(tag: &'a str, attribute: &str) -> Option<(usize, &'a str)> {
    let lower = tag.to_ascii_lowercase();
    let mut offset = 0;
    while let Some(place) = lower[offset..].find(attribute).map(|place| offset + place) {
        offset = place + attribute.len();
        let is_whole = lower[..place].ends_with(|c: char| c.is_ascii_whitespace());
        let rest = tag[offset..].trim_start();
        if let Some(text) = rest.strip_prefix('=').and_then(quoted).filter(|_| is_whole) {
            return Some((place, text));
        }
    }
    None
}

/// Files that a style sheet loads.
fn style(content: &str) -> Vec<(usize, String)> {
    let content = blanked(content, "/*", "*/");
    let mut found = Vec::new();
    for (place, _) in content.match_indices("url(") {
        let rest = content[place + 4..].trim_start();
        let text = quoted(rest).or_else(|| rest.split_once(')').map(|(text, _)| text.trim_end()));
        found.extend(text.map(|text| (place, text.to_owned())));
    }
    for (place, word) in content.match_indices("@import") {
        let text = quoted(&content[place + word.len()..]);
        found.extend(text.map(|text| (place, text.to_owned())));
    }
    found
}

/// `content` with everything between `open` and `close` replaced, line by line and byte by
/// byte.
fn blanked(content: &str, open: &str, close: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(content.len()), content);
    while let Some((before, inside)) = rest.split_once(open) {
        let length = inside
            .find(close)
            .map_or(inside.len(), |end| end + close.len());
        out.push_str(before);
        let gone = &rest[before.len()..before.len() + open.len() + length];
        out.extend(
            gone.bytes()
                .map(|byte| if byte == b'\n' { '\n' } else { ' ' }),
        );
        rest = &inside[length..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::SafePath;
    use crate::workspace::FileVersion;

    fn stack(build_command: &str) -> Stack {
        Stack {
            language: String::new(),
            framework: String::new(),
            build_command: build_command.to_owned(),
            test_command: String::new(),
            output_dir: ".".to_owned(),
            appwrite_kind: "static-site".to_owned(),
        }
    }

    /// References of the file `path` that lead nowhere, with their lines.
    fn of(path: &str, content: &str, build: &str) -> Vec<(u32, String)> {
        let version = |path: &str, content: &str| FileVersion {
            path: SafePath::parse(path).unwrap(),
            content: Some(content.to_owned()),
            assignment: "a".to_owned(),
            round: 1,
        };
        let others = [
            "js/app.js",
            "js/lib/index.ts",
            "style.css",
            "public/icon.svg",
        ];
        let mut versions: Vec<_> = others.iter().map(|path| version(path, "")).collect();
        versions.push(version(path, content));
        let found = unresolved(&Workspace::of(&versions), &stack(build), &[]);
        found.into_iter().map(|one| (one.line, one.text)).collect()
    }

    #[test]
    fn what_exists_or_is_no_file_is_not_reported() {
        for (path, content) in [
            (
                "index.html",
                "<script src=\"js/app.js\"></script><link rel=stylesheet href='style.css'><img src=\"/icon.svg\">",
            ),
            (
                "index.html",
                "<!-- <script src=\"no.js\"> --><a href=\"no.html\">x</a><script>'<img src=\"no.png\">'</script>",
            ),
            (
                "index.html",
                "<link rel=\"canonical\" href=\"no\"><img src=\"data:image/svg+xml,x\" alt=\"no.png\"><img data-src=\"no.png\">",
            ),
            (
                "index.html",
                "<script src=\"https://x.example/no.js\"></script><img src=\"{{ picture }}\"><img src=\"//x/no.png\">",
            ),
            (
                "index.html",
                "<base href=\"/x/\"><script src=\"no.js\"></script>",
            ),
            (
                "js/main.js",
                "import { a } from './app.js?v=1';\nimport x from \"./lib\";\nexport * from \"../js/app\";\nimport y from 'react';",
            ),
            (
                "js/main.js",
                "// import a from './no.js'\n/*\nimport a from './no.js'\n*/\nconst t = `\nimport a from './no.js'\n`;",
            ),
            (
                "js/main.js",
                "import './lib/index.js';\nconst from = './no.js';",
            ),
            (
                "a.css",
                "/* url(no.png) */ a { background: url(public/icon.svg); fill: url(#no) } @import 'style.css';",
            ),
            (
                "a.css",
                "a { background: url(\"data:image/png;base64,AA==\") }",
            ),
            ("README.md", "<script src=\"no.js\"></script>"),
        ] {
            assert_eq!(of(path, content, ""), [], "{content}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_reported_with_its_line() {
        for (path, content, line, text) in [
            (
                "index.html",
                "<p>\n<script defer src=\"js/no.js\"></script>",
                2,
                "js/no.js",
            ),
            (
                "index.html",
                "<LINK REL=\"stylesheet\" HREF=\"no.css\">",
                1,
                "no.css",
            ),
            (
                "index.html",
                "<!--\n-->\n<img alt='' src='/no.png'>",
                3,
                "/no.png",
            ),
            (
                "js/main.js",
                "import {\n  a,\n} from \"./no.js\";",
                3,
                "./no.js",
            ),
            ("js/main.js", "import '../no.css';", 1, "../no.css"),
            ("js/main.js", "export { a } from './App.js';", 1, "./App.js"),
            (
                "css/a.css",
                "a {}\nb { background: url( 'icon.svg' ) }",
                2,
                "icon.svg",
            ),
            ("css/a.css", "@import \"b.css\";", 1, "b.css"),
        ] {
            assert_eq!(
                of(path, content, ""),
                [(line, text.to_owned())],
                "{content}"
            );
        }
    }

    #[test]
    fn what_a_build_may_make_is_not_reported() {
        assert_eq!(
            of("index.html", "<script src=\"bundle.js\"></script>", "build"),
            []
        );
        let import = of("js/main.ts", "import './no';", "build");
        assert_eq!(import, [(1, "./no".to_owned())]);
    }
}
