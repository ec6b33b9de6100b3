//! Files that models wrote, looked at without running them.

use pipeline::SafePath;
use pipeline::agent::checks::{forbidden, new_problems, packages, problems, refusal};

const NAMES: [&str; 15] = [
    "a.js",
    "a.mjs",
    "a.cjs",
    "a.jsx",
    "a.ts",
    "a.tsx",
    "a.d.ts",
    "a.json",
    "package.json",
    "a.css",
    "a.html",
    "a.svg",
    "a.toml",
    "a.yaml",
    "Dockerfile",
];

/// The same file has the same problems, none of which is new; places are places of it.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let name = NAMES[usize::from(*choice) % NAMES.len()];
    let path = SafePath::parse(name).expect("a path");
    let content = crate::text(rest);
    let found = problems(&path, &content);
    assert!(found.iter().all(|problem| problem.contains(name)));
    assert_eq!(problems(&path, &content), found);
    if !content.is_empty() {
        assert!(new_problems(&path, &content, &content).is_empty());
    }
    let lines = content.split('\n').count();
    for (line, rule) in forbidden(&path, &content) {
        assert!((1..=lines).contains(&line) && !rule.is_empty());
    }
    let _ = (packages(&path, &content), refusal(&path, &content));
}
