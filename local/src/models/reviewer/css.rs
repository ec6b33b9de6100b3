//! Checks of the style sheet.

use super::Problem;

/// A part of a style sheet that has to be there, what it is for, and what its absence means.
pub(super) fn requires(
    path: &str,
    css: &str,
    needle: &str,
    meaning: &str,
) -> Result<String, Problem> {
    match css.lines().position(|line| line.contains(needle)) {
        Some(index) => Ok(format!("`{needle}` at line {}", index + 1)),
        None => Err(Problem {
            path: path.to_owned(),
            line: 1,
            problem: format!("`{needle}` is missing: {meaning}"),
            required_change: format!("add a rule with `{needle}`"),
        }),
    }
}
