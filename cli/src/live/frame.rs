//! The live view as lines: what is known, the terminal's size and the moment make it.
//! Pure, so that any terminal can be tried.

use jiff::Timestamp;
use pipeline::Status;

use super::board::{Board, Lane};
use super::text::{fit, left, right, width};
use crate::feed::{dollars, thousands};
use crate::output::printable;

/// Stages of the bar, from the brief to the result.
const STAGES: [Status; 5] = [
    Status::Planning,
    Status::Coding,
    Status::Reviewing,
    Status::Publishing,
    Status::Deploying,
];
/// What a spinner looks like, one after the other.
pub(super) const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// Columns of the budget's meter.
const METER_COLUMNS: usize = 10;
/// Narrowest that a title or a path is worth showing.
const WORTH_COLUMNS: usize = 8;
/// Widest title: what is right of it shall be near.
const TITLE_COLUMNS_MAX: usize = 40;
/// Lines of the view beside its lanes.
const LINES_BESIDE: usize = 3;

/// The terminal's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// When the view is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Drawings before: turns the spinner.
    pub(crate) tick: usize,
    pub(crate) now: Timestamp,
}

/// The lines of the live view, each narrower than the terminal. None where there is nothing
/// to wait for.
pub(crate) fn frame(board: &Board, size: Size, moment: Moment) -> Vec<String> {
    // The last column stays empty: some terminals wrap when it is filled.
    let columns = size.columns.saturating_sub(1);
    let spinner = SPINNER[moment.tick % SPINNER.len()];
    let Some(task) = &board.task else {
        let busy = board.busy.iter();
        return busy
            .map(|text| fit(&format!("{spinner} {}", printable(text)), columns))
            .collect();
    };
    if task.status.is_final() {
        return Vec::new();
    }
    let mut lines = vec![stage_bar(task.status, task.round, spinner, columns)];
    let lanes = board.lanes();
    let room = size.rows.saturating_sub(LINES_BESIDE);
    let shown = match lanes.len() {
        all if all <= room => all,
        _ => room.saturating_sub(1),
    };
    let widest = lanes.iter().map(|lane| width(&printable(lane.title))).max();
    let titles = widest.unwrap_or_default().min(TITLE_COLUMNS_MAX);
    let shown_lanes = lanes.iter().take(shown);
    lines.extend(shown_lanes.map(|lane| lane_line(lane, spinner, titles, columns)));
    if shown < lanes.len() && room > 0 {
        lines.push(fit(&format!("  and {} more", lanes.len() - shown), columns));
    }
    if size.rows > lines.len() + 1 {
        lines.push(totals_line(board, moment.now, columns));
    }
    lines
}

/// The stages with what is done and what is at work; of a narrow terminal only the latter.
fn stage_bar(status: Status, round: i64, spinner: char, columns: usize) -> String {
    let aside = match (status, round) {
        (Status::AwaitingApproval, _) => " (waits for your word)".to_owned(),
        (Status::Paused, _) => " (paused)".to_owned(),
        (_, 0 | 1) => String::new(),
        (_, round) => format!(" (round {round})"),
    };
    let word = |stage: &Status| match stage.ordinal().cmp(&status.ordinal()) {
        _ if status == Status::Paused => format!("  {}", stage.as_str()),
        std::cmp::Ordering::Less => format!("✓ {}", stage.as_str()),
        std::cmp::Ordering::Equal => format!("{spinner} {}", stage.as_str()),
        std::cmp::Ordering::Greater => format!("  {}", stage.as_str()),
    };
    let words: Vec<String> = STAGES.iter().map(word).collect();
    let whole = format!("{}{aside}", words.join(" › "));
    if width(&whole) <= columns {
        return whole;
    }
    let place = STAGES.iter().position(|stage| *stage == status);
    let short = match (place, status) {
        (Some(index), _) => {
            let of = format!("({} of {})", index + 1, STAGES.len());
            format!("{spinner} {} {of}{aside}", status.as_str())
        }
        (None, Status::AwaitingApproval | Status::Paused) => {
            let aside = aside.trim_matches([' ', '(', ')']);
            format!("  {aside}")
        }
        (None, _) => format!("{spinner} {}", status.as_str()),
    };
    fit(&short, columns)
}

/// One agent: what does not fit is left out, the least telling first.
fn lane_line(lane: &Lane<'_>, spinner: char, titles: usize, columns: usize) -> String {
    let title = printable(lane.title);
    let start = format!("  {spinner} ");
    let Some(turn) = lane.turn else {
        return fit(&format!("{start}{title}"), columns);
    };
    let mut left_over = columns.saturating_sub(width(&start));
    let title_least = titles.min(WORTH_COLUMNS * 2);
    let mut take = |wanted: usize| {
        let is_room = left_over >= title_least + wanted;
        if is_room {
            left_over -= wanted;
        }
        is_room
    };
    let number = take(9).then(|| left(&format!("  turn {}", turn.number), 9));
    let cost = take(9).then(|| right(&dollars(turn.cost_micro_usd), 9));
    let tokens = take(7).then(|| right(&thousands(turn.tokens), 7));
    let spare = left_over.saturating_sub(titles);
    let file = printable(&turn.files.join(", "));
    let file = (!file.is_empty() && spare >= WORTH_COLUMNS + 2)
        .then(|| format!("  {}", fit(&file, spare - 2)));
    let title = left(&title, titles.min(left_over));
    let after = [number, tokens, cost, file].into_iter().flatten();
    let line = after.fold(start + &title, |line, part| line + &part);
    fit(line.trim_end(), columns)
}

/// Cost, time, agents and tokens, as far as they fit.
fn totals_line(board: &Board, now: Timestamp, columns: usize) -> String {
    let cost = dollars(board.cost_shown());
    let cost = match board.budget_micro_usd {
        Some(budget) => {
            let meter = match columns >= 60 {
                true => format!(" {}", meter(board.cost_shown(), budget)),
                false => String::new(),
            };
            format!("{cost} of {}{meter}", dollars(budget))
        }
        None => cost,
    };
    let time = clock(board.seconds(now));
    let time = match &board.estimate {
        Some(estimate) if estimate.minutes > 0 => {
            format!("{time} of about {} min", estimate.minutes)
        }
        Some(_) | None => time,
    };
    let mut parts = vec![cost, time];
    let (done, all) = board.agents_done();
    if all > 0 {
        parts.push(format!("{done} of {all} agents done"));
    }
    parts.push(format!("{} tokens", thousands(board.tokens())));
    let join = |parts: &[String]| format!("  {}", parts.join(" · "));
    while parts.len() > 1 && width(&join(&parts)) > columns {
        parts.pop();
    }
    fit(&join(&parts), columns)
}

fn meter(spent: u64, budget: u64) -> String {
    let columns = u128::from(spent) * METER_COLUMNS as u128;
    let filled = columns.div_ceil(u128::from(budget.max(1)));
    let filled = usize::try_from(filled)
        .unwrap_or(METER_COLUMNS)
        .min(METER_COLUMNS);
    "█".repeat(filled) + &"░".repeat(METER_COLUMNS - filled)
}

fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests;
