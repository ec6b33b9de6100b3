//! Every text a person reads that is not a failure: lines of progress, the commit, the
//! repository's description.

use serde_json::Value;

use crate::brief::Brief;
use crate::build;
use crate::command::Command;
use crate::estimate::Estimate;
use crate::facts::{Existing, Outcome, Rework};
use crate::failure::Code;
use crate::hidden;
use crate::ids::{TaskId, UnitKind};
use crate::ledger::Exhausted;
use crate::money;
use crate::plan::{Assignment, Plan};
use crate::review::Finding;
use crate::tables::Replaced;

/// Characters of a repository's description.
const DESCRIPTION_CHARS_MAX: usize = 200;
/// Characters of a build's error in a line or a failure.
const BUILD_ERROR_CHARS_MAX: usize = 300;

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename_all = "lowercase"))]
pub enum Level {
    /// Something went on as it should.
    Info,
    /// Something was not as it should be, and is dealt with.
    Warning,
    /// Something ended the work.
    Error,
}

impl Level {
    /// The word in the row.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A line of the feed.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The effect it tells of, or `done`.
    pub key: String,
    /// The stage's word.
    pub stage: &'static str,
    /// How loud it is.
    pub level: Level,
    /// What a person reads.
    pub text: String,
    /// The same for programs, small.
    pub data: Value,
}

/// The word of the stage a kind of unit belongs to.
pub const fn stage_word(kind: UnitKind) -> &'static str {
    match kind {
        UnitKind::Import | UnitKind::Plan => "planning",
        UnitKind::Assignment => "coding",
        UnitKind::Review => "reviewing",
        UnitKind::Release => "publishing",
        UnitKind::Deployment | UnitKind::Preview => "deploying",
    }
}

/// How a unit ended, in a sentence that its row keeps.
pub fn end_line(name: &str, round: u32, outcome: &Outcome) -> (Level, String) {
    match outcome {
        Outcome::Imported {
            repository,
            files,
            unshown,
        } => (Level::Info, imported(repository, *files, unshown.len())),
        Outcome::Planned {
            assignments,
            mended,
            estimate,
            ..
        } => planned(assignments, mended, estimate.as_ref()),
        Outcome::Coded {
            files,
            turns,
            contract_change_request,
            ..
        } => {
            let again = if round > 1 { " again" } else { "" };
            let files = counted(usize::try_from(*files).unwrap_or(0), "file");
            let turns = counted(*turns as usize, "turn");
            let text = format!("{name}: done{again}, {files} in {turns}");
            match contract_change_request.as_str() {
                "" => (Level::Info, text),
                wish => (
                    Level::Warning,
                    format!("{text}. It asks for a change of a contract: {wish}"),
                ),
            }
        }
        Outcome::Reviewed {
            rework, resolved, ..
        } if rework.is_empty() => (
            Level::Info,
            format!(
                "Review {round}: approved{}",
                progress(rework, resolved, round)
            ),
        ),
        Outcome::Reviewed {
            rework, resolved, ..
        } => {
            let problem = |item: &Rework| {
                item.findings
                    .iter()
                    .map(|finding| format!("{}: {}", item.assignment, finding.problem))
                    .collect::<Vec<_>>()
            };
            let problems: Vec<String> = rework.iter().flat_map(problem).collect();
            (
                Level::Warning,
                format!(
                    "Review {round}: changes requested{}. {}",
                    progress(rework, resolved, round),
                    problems.join("; ")
                ),
            )
        }
        Outcome::Released {
            repository,
            commit_sha,
            pull_request_url,
            ..
        } => {
            let short = commit_sha.get(..7).unwrap_or(commit_sha);
            let committed = format!("Committed {short} to {repository}");
            let text = match pull_request_url {
                Some(url) => format!("{committed}, for you to merge: {url}"),
                None => committed,
            };
            (Level::Info, text)
        }
        Outcome::Deployed { url, .. } => (Level::Info, format!("Deployed to {url}")),
        Outcome::Previewed { url, .. } => (
            Level::Info,
            format!("Built. Look at it at {url}, then approve it to have it published"),
        ),
        Outcome::BuildFailed { error, rework, .. } => (Level::Warning, build_failed(error, rework)),
        Outcome::Failed(failure) if failure.code == Code::Cancelled => {
            (Level::Warning, named(name, &failure.message))
        }
        Outcome::Failed(failure) => (Level::Error, failure.message.clone()),
    }
}

fn imported(repository: &Existing, files: u64, others: usize) -> String {
    let files = counted(usize::try_from(files).unwrap_or(usize::MAX), "file");
    let mut text = format!(
        "Read {files} of {}, branch {}",
        repository.full_name, repository.branch
    );
    if others > 0 {
        let files = counted(others, "other file");
        text.push_str(&format!("; {files} can not be changed"));
    }
    text
}

/// What is told of a build that is repaired.
fn build_failed(error: &str, rework: &[Rework]) -> String {
    let names: Vec<&str> = rework.iter().map(|item| item.assignment.as_str()).collect();
    let verb = if names.len() == 1 {
        "repairs"
    } else {
        "repair"
    };
    format!(
        "The build failed: {}. Now {} {verb} it",
        build_error(error),
        names.join(", ")
    )
}

/// The first error of a build, in one line without a full stop.
pub(crate) fn build_error(error: &str) -> String {
    let line = one_line(build::headline(error), BUILD_ERROR_CHARS_MAX);
    line.trim_end_matches('.').to_owned()
}

fn named(name: &str, text: &str) -> String {
    match name {
        "" => text.to_owned(),
        name => format!("{name}: {text}"),
    }
}

/// What the reviewer is shown of an agent's own words.
pub fn claims(summary: &str, contract_change_request: &str) -> String {
    match contract_change_request {
        "" => summary.to_owned(),
        wish => format!("{summary}\nThe agent asks for a change of a contract: {wish}"),
    }
}

fn planned(
    assignments: &[Assignment],
    mended: &[String],
    estimate: Option<&Estimate>,
) -> (Level, String) {
    let names: Vec<&str> = assignments.iter().map(|item| item.id.as_str()).collect();
    let count = counted(names.len(), "assignment");
    let mut text = format!("Planned {count}: {}", names.join(", "));
    if let Some(estimate) = estimate {
        text.push_str(&format!(". {}", self::estimate(estimate)));
    }
    if mended.is_empty() {
        return (Level::Info, text);
    }
    let changes = mended.join("; ");
    (
        Level::Warning,
        format!("{text}. The plan was mended: {changes}"),
    )
}

/// What a plan will probably take.
pub fn estimate(estimate: &Estimate) -> String {
    let minutes = usize::try_from(estimate.minutes).unwrap_or(usize::MAX);
    // Whole cents: it is no more exact than that.
    let cents = estimate.cost_micro_usd.div_ceil(10_000);
    format!(
        "It will take about {} and {}",
        counted(minutes, "minute"),
        money::usd(cents.saturating_mul(10_000))
    )
}

/// What is told of a command.
pub fn command(command: &Command) -> String {
    match command {
        Command::Approve {} => "You approved it".to_owned(),
        Command::Revise { comment } => {
            format!("You asked for another plan: {}", one_line(comment, 300))
        }
        Command::Edit { assignments } => format!(
            "You changed the plan: {}",
            counted(assignments.len(), "assignment")
        ),
        Command::FollowUp { description, .. } => {
            format!("You asked for more: {}", one_line(description, 300))
        }
        Command::Pause {} => "You paused the task".to_owned(),
        Command::Resume {} => "You let the task go on".to_owned(),
        Command::Cancel {} => "You cancelled the task".to_owned(),
        Command::Retry {} => "You had what failed tried again".to_owned(),
        Command::Rollback { release: None } => "You had the release before served again".to_owned(),
        Command::Rollback {
            release: Some(number),
        } => format!("You had release {number} served again"),
        Command::Budget { micro_usd } => {
            format!("You raised the budget to {}", money::usd(*micro_usd))
        }
    }
}

/// Which columns would lose what they hold.
pub fn replaces(columns: &[Replaced]) -> String {
    let names: Vec<String> = columns
        .iter()
        .map(|it| format!("`{}` of `{}`", it.column, it.table))
        .collect();
    format!(
        "The plan makes these columns of the database anew, and what they hold is lost: {}.",
        names.join(", ")
    )
}

/// Why a task waits for more money.
pub fn exhausted(call: &Exhausted) -> String {
    format!(
        "The budget of {} is reached: {} is spent, and the next call can cost up to {}.",
        money::usd(call.limit_micro_usd),
        money::usd(call.spent_micro_usd),
        money::usd(call.needed_micro_usd)
    )
}

/// What became of the findings of the rounds before.
fn progress(rework: &[Rework], resolved: &[Rework], round: u32) -> String {
    let resolved: usize = resolved.iter().map(|item| item.findings.len()).sum();
    let is_open = |finding: &&Finding| finding.since < round;
    let findings = rework.iter().flat_map(|item| &item.findings);
    let open = findings.filter(is_open).count();
    match (resolved, open) {
        _ if round == 1 => String::new(),
        (0, 0) => String::new(),
        _ => format!(" ({resolved} resolved, {open} open)"),
    }
}

/// `count` and the noun in its number.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The commit's message, but for the last line that names the task.
pub fn commit(brief: &Brief, plan: &Plan) -> String {
    let (verb, requirements) = match brief.follow_ups.last() {
        None => ("Add", &brief.requirements),
        Some(follow_up) => ("Extend", &follow_up.requirements),
    };
    let mut text = format!(
        "{verb} {}\n\n{}\n",
        inert(&one_line(&brief.name, 60)),
        inert(plan.summary.trim())
    );
    for requirement in requirements {
        text.push_str(&format!("\n- {}", inert(&one_line(requirement, 200))));
    }
    if !requirements.is_empty() {
        text.push('\n');
    }
    text
}

/// The message of a commit that repairs a build, but for the last line that names the task.
pub fn repair_commit(name: &str) -> String {
    format!("Repair the build of {}\n", inert(&one_line(name, 60)))
}

/// The line of a commit's message that names the task it belongs to.
pub fn commit_trailer(task: &TaskId) -> String {
    format!("\nTask-Id: {task}")
}

/// The repository's description: the brief's, in one line.
pub fn repository_description(brief: &Brief) -> String {
    one_line(&hidden::without(&brief.description), DESCRIPTION_CHARS_MAX)
}

/// `text` without what a code host acts on: it names nobody, refers to no issue, skips no check,
/// and hides nothing.
pub(crate) fn inert(text: &str) -> String {
    let text = hidden::without(text);
    let mut inert = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let is_word = next.is_some_and(char::is_alphanumeric);
        let was_word = inert.ends_with(|other: char| other.is_alphanumeric());
        match letter {
            '[' => inert.push('('),
            ']' => inert.push(')'),
            '@' if is_word && !was_word => inert.push_str("@ "),
            '#' if is_word => inert.push_str("# "),
            _ => inert.push(letter),
        }
    }
    for link in ["/issues/", "/pull/", "/pulls/", "/discussions/"] {
        inert = inert.replace(link, &link.replacen('/', "/ ", 1));
    }
    for word in ["GH-", "gh-"] {
        inert = inert.replace(word, &word.replace('-', " "));
    }
    inert
}

/// `text` without line breaks and control characters, at most `chars_max` characters.
pub(crate) fn one_line(text: &str, chars_max: usize) -> String {
    let words: Vec<&str> = text
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(chars_max) {
        None => line,
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
    }
}
