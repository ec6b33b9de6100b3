//! What whoever merges a pull request reads: what was done and why, who judged it, what it
//! cost, and how to undo it.
//!
//! Words of models and of the customer are quoted so that the code host acts on none of them.

use crate::brief::Brief;
use crate::effect::Change;
use crate::facts::{Outcome, Rework, Score};
use crate::ids::TaskId;
use crate::limits::PUBLISHED_TEXT_CHARS_MAX;
use crate::messages::{counted, inert, one_line};
use crate::model::Spent;
use crate::money;
use crate::plan::Assignment;

use super::Told;

/// Characters of a title.
const TITLE_CHARS_MAX: usize = 120;
/// Characters of a quoted summary.
const SUMMARY_CHARS_MAX: usize = 4_000;
/// Characters of one quoted cell or line.
const CELL_CHARS_MAX: usize = 200;
/// Changed files that are listed.
const FILES_TOLD_MAX: usize = 100;
/// Owned paths that are listed of an assignment.
const OWNS_TOLD_MAX: usize = 10;

/// The title: what the task is called.
pub fn title(brief: &Brief) -> String {
    inert(&one_line(&brief.name, TITLE_CHARS_MAX))
}

/// The text.
pub fn body(task: &TaskId, told: &Told, changes: &[Change]) -> String {
    let mut text = format!(
        "Made by the orchestrator for the task `{task}`. Read it as you would read anybody's work before you merge it.\n\n{}\n",
        quoted(&told.plan.summary, SUMMARY_CHARS_MAX)
    );
    text.push_str("\n## Parts\n\n| part | what | files it may change |\n| --- | --- | --- |\n");
    for assignment in &told.plan.assignments {
        text.push_str(&part(assignment));
    }
    text.push_str(&files(changes));
    text.push_str(&reviews(told));
    text.push_str(&cost(told));
    text.push_str(
        "\n## Undoing it\n\nBefore it is merged, close it and delete its branch. After that, use **Revert** below, \
         or `git revert` with the merge commit (`-m 1`), or with the one commit where it was squashed or rebased.\n",
    );
    if let Some((end, _)) = text.char_indices().nth(PUBLISHED_TEXT_CHARS_MAX - 1) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Somebody's words, in one line, as text and nothing else.
fn quoted(words: &str, chars_max: usize) -> String {
    let mut text = String::new();
    for letter in inert(&one_line(words, chars_max)).chars() {
        match letter {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            '`' => text.push('\''),
            '\\' | '|' | '*' | '_' | '~' => text.extend(['\\', letter]),
            other => text.push(other),
        }
    }
    text
}

/// A path or a name, as code: it holds no line break.
fn code(name: &str) -> String {
    format!("`{}`", name.replace('`', "'").replace('|', "\\|"))
}

fn part(assignment: &Assignment) -> String {
    let owns = &assignment.owns;
    let mut paths: Vec<String> = owns
        .iter()
        .take(OWNS_TOLD_MAX)
        .map(|path| code(path))
        .collect();
    if owns.len() > paths.len() {
        paths.push(format!("{} more", owns.len() - paths.len()));
    }
    format!(
        "| {} | {} | {} |\n",
        code(&assignment.id),
        quoted(&assignment.title, CELL_CHARS_MAX),
        paths.join(", ")
    )
}

fn files(changes: &[Change]) -> String {
    let count = counted(changes.len(), "file");
    let mut text = format!("\n## Changes\n\n{count}:\n\n");
    for change in changes.iter().take(FILES_TOLD_MAX) {
        let verb = match change.content {
            Some(_) => "writes",
            None => "deletes",
        };
        text.push_str(&format!("- {verb} {}\n", code(&change.path)));
    }
    if changes.len() > FILES_TOLD_MAX {
        text.push_str(&format!("- and {} more\n", changes.len() - FILES_TOLD_MAX));
    }
    text
}

fn reviews(told: &Told) -> String {
    let mut text = "\n## Reviews\n\n".to_owned();
    for done in told.facts.done() {
        if let Outcome::Reviewed {
            rework,
            remarks,
            resolved,
            scores,
            ..
        } = &done.outcome
        {
            text.push_str(&review(
                done.unit.round,
                rework,
                remarks.len(),
                resolved,
                scores,
            ));
        }
    }
    text
}

fn review(
    round: u32,
    rework: &[Rework],
    remarks: usize,
    resolved: &[Rework],
    scores: &[Score],
) -> String {
    let findings = |items: &[Rework]| items.iter().map(|item| item.findings.len()).sum::<usize>();
    let mut said = vec![match rework {
        [] => "approved".to_owned(),
        _ => {
            let names: Vec<String> = rework.iter().map(|item| code(&item.assignment)).collect();
            let count = counted(findings(rework), "finding");
            format!("asked for changes to {} ({count})", names.join(", "))
        }
    }];
    if findings(resolved) > 0 {
        said.push(format!(
            "{} resolved",
            counted(findings(resolved), "finding")
        ));
    }
    if remarks > 0 {
        said.push(counted(remarks, "remark"));
    }
    if !scores.is_empty() {
        let points = |score: &Score| format!("{} {}", code(&score.assignment), score.points);
        let scores: Vec<String> = scores.iter().map(points).collect();
        said.push(format!("points of 100: {}", scores.join(", ")));
    }
    format!("- Round {round}: {}\n", said.join("; "))
}

fn cost(told: &Told) -> String {
    let mut spent = Spent::default();
    for done in told.facts.done() {
        spent += &done.spent;
    }
    let calls = counted(
        usize::try_from(spent.model_calls).unwrap_or(usize::MAX),
        "call",
    );
    let mut text = format!(
        "\n## Cost\n\n{} for {calls} of models",
        money::usd(spent.cost_micro_usd)
    );
    let models: Vec<String> = spent
        .models
        .iter()
        .map(|(model, spent)| format!("{} {}", code(model), money::usd(spent.cost_micro_usd)))
        .collect();
    match models.is_empty() {
        true => text.push_str(".\n"),
        false => text.push_str(&format!(": {}.\n", models.join(", "))),
    }
    text
}
