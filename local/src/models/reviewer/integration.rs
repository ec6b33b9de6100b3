//! Whether the parts of a project fit together: what one file imports another exports, what
//! a script looks up the page has, and each contract that the planner words is kept.

use serde_json::{Value, json};

use super::files::Files;
use super::{Problem, lint, script};

/// What a contract of the planner asks of a file: contract, file, texts.
const PROMISES: &[(&str, &str, &[&str])] = &[
    (
        "page-elements",
        "index.html",
        &[
            "id=\"new-item-form\"",
            "id=\"new-item\"",
            "id=\"extra-fields\"",
            "id=\"summary\"",
            "id=\"toolbar\"",
            "id=\"items\"",
            "id=\"empty\"",
            "id=\"status\"",
            "id=\"actions\"",
            "id=\"whose\"",
        ],
    ),
    (
        "store-and-view",
        "js/store.js",
        &[
            "export const GUEST",
            "export function clean(",
            "export function cleanAll(",
            "export function createStore(",
        ],
    ),
    (
        "store-and-view",
        "js/items.js",
        &[
            "export function element(",
            "export function field(",
            "export function createView(",
        ],
    ),
    (
        "sections",
        "index.html",
        &["id=\"actions\"", "class=\"hero", "class=\"closing"],
    ),
    ("look", "styles.css", &[".hero {", ".cards {", ".closing {"]),
    ("look", "js/theme.js", &["export function install("]),
    ("account", "js/account.js", &["export function install("]),
    (
        "account",
        "js/appwrite.js",
        &["export function createBackend(", "export function explain("],
    ),
    (
        "account",
        "js/rows.js",
        &["export async function openRows("],
    ),
    ("offline", "js/offline.js", &["export function install("]),
    ("offline", "sw.js", &["addEventListener(\"fetch\""]),
    ("service", "functions/items/main.js", &["export default"]),
    ("totals", "functions/stats/main.js", &["export default"]),
    ("totals", "js/totals.js", &["export function install("]),
];

/// The folder whose every script keeps the contract `features`.
const FEATURES: &str = "js/features/";

/// What is wrong between the parts, each at the place that has to change.
pub(super) fn problems(files: &Files) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, content) in files.iter().filter(|(path, _)| path.ends_with(".js")) {
        for (index, line) in content.lines().enumerate() {
            let Some((names, from)) = import(line) else {
                continue;
            };
            let Some(target) = resolved(path, from).and_then(|target| files.get(&target).ok())
            else {
                continue;
            };
            for name in names {
                if !exports(target, name) {
                    problems.push(Problem {
                        path: path.to_owned(),
                        line: index + 1,
                        problem: format!(
                            "`{name}` is imported from `{from}`, which does not export it"
                        ),
                        required_change: format!("import what `{from}` exports"),
                    });
                }
            }
        }
    }
    problems
}

/// The verdict on one contract, with its evidence.
pub(super) fn contract(files: &Files, contract: &Value) -> Value {
    let id = contract["id"].as_str().unwrap_or_default();
    let mut wanted: Vec<(String, &[&str])> = PROMISES
        .iter()
        .filter(|(of, _, _)| *of == id)
        .map(|(_, path, texts)| ((*path).to_owned(), *texts))
        .collect();
    if id == "features" {
        let features = files.iter().filter(|(path, _)| path.contains(FEATURES));
        wanted
            .extend(features.map(|(path, _)| (path.to_owned(), &["export function install("][..])));
    }
    if wanted.is_empty() {
        let evidence = "The scripted reviewer has no static check for this contract.";
        return json!({"id": id, "verdict": "cannot_tell", "evidence": evidence});
    }
    let mut places = Vec::new();
    for (path, texts) in wanted {
        let content = files.get(&path).unwrap_or_default();
        for text in texts {
            let Some(line) = lint::line_of(content, text) else {
                let evidence = format!("`{path}` has no `{text}`");
                return json!({"id": id, "verdict": "broken", "evidence": evidence});
            };
            places.push(format!("{}:{line}", files.place(&path)));
        }
    }
    json!({"id": id, "verdict": "kept", "evidence": places.join(", ")})
}

/// The names and the place of an import in braces on one line.
fn import(line: &str) -> Option<(Vec<&str>, &str)> {
    let (names, from) = line.strip_prefix("import {")?.split_once("} from \"")?;
    let from = from
        .split('"')
        .next()
        .filter(|from| from.starts_with('.'))?;
    let names = names
        .split(',')
        .filter_map(|name| name.split_whitespace().next());
    Some((names.collect(), from))
}

fn resolved(path: &str, from: &str) -> Option<String> {
    let mut segments: Vec<&str> = path.split('/').collect();
    segments.pop();
    for segment in from.split('/') {
        match segment {
            "." => {}
            ".." => {
                segments.pop()?;
            }
            other => segments.push(other),
        }
    }
    Some(segments.join("/"))
}

fn exports(module: &str, name: &str) -> bool {
    let code = script::code_only(module);
    let declared = ["function ", "async function ", "const ", "let ", "class "]
        .iter()
        .any(|kind| {
            let start = format!("export {kind}{name}");
            code.lines().any(|line| {
                let rest = line.strip_prefix(start.as_str());
                rest.is_some_and(|rest| {
                    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                })
            })
        });
    declared
        || code
            .lines()
            .filter(|line| line.starts_with("export {"))
            .any(|line| {
                line.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .any(|word| word == name)
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(main: &str, store: &str) -> Files {
        Files::parse(&format!(
            "<file_a path=\"js/main.js\">\n{main}\n</file_a>\n<file_a path=\"js/store.js\">\n{store}\n</file_a>\n"
        ))
    }

    #[test]
    fn an_import_of_what_is_not_exported_is_found() {
        let main = "import { add, GONE as g } from \"./store.js\";\nimport { x } from \"react\";";
        let found = problems(&files(
            main,
            "export function add(a) {}\nexport const GONE_TOO = 1;",
        ));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("js/main.js", 1));
        assert!(found[0].problem.contains("`GONE`"));
        assert!(
            problems(&files(
                main,
                "function add() {}\nconst GONE = 1;\nexport { add, GONE };"
            ))
            .is_empty()
        );
    }

    #[test]
    fn contracts_are_kept_broken_or_unknown() {
        let verdict = |id: &str, store: &str| {
            contract(&files("", store), &json!({"id": id}))["verdict"].clone()
        };
        assert_eq!(
            verdict("store-and-view", "export const GUEST = 1;"),
            "broken"
        );
        assert_eq!(verdict("features", ""), "cannot_tell");
        assert_eq!(verdict("something", ""), "cannot_tell");
    }
}
