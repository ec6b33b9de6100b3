//! What is wrong in any file, whatever its assignment says.

use super::files::Files;
use super::{Problem, script};

/// Marks of unfinished work in scripts and style sheets.
const ELISIONS: &[&str] = &[
    "TODO",
    "FIXME",
    "rest unchanged",
    "rest of the code",
    "lorem ipsum",
    "not implemented yet",
];

/// Ways to turn text into markup or code.
const DANGERS: &[&str] = &[
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
    "new Function(",
];

/// Returns every problem, at most one of a kind for each file.
pub(super) fn problems(files: &Files) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, content) in files.iter() {
        if path.ends_with(".js") {
            if let Some((line, reason)) = script::unbalanced(content) {
                problems.push(problem(
                    path,
                    line,
                    format!("the script cannot run: {reason}"),
                    "balance the brackets",
                ));
            }
            let code = script::code_only(content);
            for danger in DANGERS {
                if let Some(line) = line_of(&code, danger) {
                    problems.push(problem(
                        path,
                        line,
                        format!("`{danger}` can turn text into code"),
                        "use textContent and elements",
                    ));
                }
            }
        }
        if path.ends_with(".js") || path.ends_with(".css") {
            for elision in ELISIONS {
                if let Some(line) = line_of(content, elision) {
                    problems.push(problem(
                        path,
                        line,
                        format!("unfinished work is left: `{elision}`"),
                        "finish it",
                    ));
                }
            }
        }
        if (path.ends_with(".json") || path.ends_with(".webmanifest"))
            && let Err(error) = serde_json::from_str::<serde_json::Value>(content)
        {
            problems.push(problem(
                path,
                error.line().max(1),
                format!("not JSON: {error}"),
                "write valid JSON",
            ));
        }
    }
    problems
}

/// The first line (from 1) that holds a text.
pub(super) fn line_of(text: &str, needle: &str) -> Option<usize> {
    text.lines()
        .position(|line| line.contains(needle))
        .map(|index| index + 1)
}

fn problem(path: &str, line: usize, problem: String, required_change: &str) -> Problem {
    Problem {
        path: path.to_owned(),
        line,
        problem,
        required_change: required_change.to_owned(),
    }
}
