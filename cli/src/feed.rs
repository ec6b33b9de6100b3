//! The lines of the feed: their order, and how those of agents at work are made short.

use serde_json::Value;

use crate::live::text::{fit, width};

/// A line of the feed: a stage that began, something written while a unit was at work, or
/// how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// When it came to be, as Appwrite writes it.
    pub(crate) time: String,
    /// What it belongs to among lines of the same time.
    pub(crate) place: Place,
    pub(crate) stage: String,
    pub(crate) level: String,
    pub(crate) text: String,
    /// The assignment whose agent it is about.
    pub(crate) agent: Option<String>,
    /// For an agent's turn, what it did in numbers.
    pub(crate) turn: Option<Turn>,
    /// For the owner's word on the budget, what the task may cost from then on.
    pub(crate) budget_micro_usd: Option<u64>,
}

/// Where a line stands among those of the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A stage has begun.
    #[default]
    Begin,
    /// Written meanwhile, under the row's running number.
    Row(u64),
    /// A unit has ended.
    End,
}

/// What a turn did, and what its agent has cost with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Id of the assignment's row.
    pub(crate) agent: String,
    pub(crate) number: u64,
    /// Paths that it changed.
    pub(crate) files: Vec<String>,
    pub(crate) tokens: u64,
    pub(crate) cost_micro_usd: u64,
}

impl Turn {
    /// Reads what the row of `progress` with this id says to programs; `None` for what is no
    /// turn.
    pub(crate) fn of(id: &str, data: &str) -> Option<Self> {
        let data: Value = serde_json::from_str(data).ok()?;
        let total = |name: &str| data["total"][name].as_u64().unwrap_or_default();
        let files = data["files"].as_array().into_iter().flatten();
        (data["kind"] == "turn").then(|| Self {
            // What follows is the place in the unit's journal.
            agent: id.rsplit_once('.').map_or(id, |(unit, _)| unit).to_owned(),
            number: data["turn"].as_u64().unwrap_or_default(),
            files: files.filter_map(Value::as_str).map(str::to_owned).collect(),
            tokens: total("inputTokens") + total("outputTokens"),
            cost_micro_usd: total("costMicroUsd"),
        })
    }
}

/// What the task may cost from this row of `progress` on, if it says so.
pub(crate) fn budget(data: &str) -> Option<u64> {
    let data: Value = serde_json::from_str(data).ok()?;
    data["budgetMicroUsd"].as_u64()
}

/// Lines in the order in which things happened: rows by their running number, the others
/// where their time puts them.
pub(crate) fn in_order(mut lines: Vec<Line>) -> Vec<Line> {
    let mut rows: Vec<&mut Line> = lines.iter_mut().collect();
    rows.sort_by_key(|line| line.place);
    // A row's time was taken before its number: of two at once, the later number may have
    // the earlier time.
    let mut latest = String::new();
    for line in rows {
        if let Place::Row(_) = line.place {
            if line.time < latest {
                line.time.clone_from(&latest);
            }
            latest.clone_from(&line.time);
        }
    }
    lines.sort_by(|one, other| (&one.time, one.place).cmp(&(&other.time, other.place)));
    lines
}

/// What a person is shown of a line. Nothing of a turn that changed no file: many only read,
/// and what counts is what is made. That an agent is at work is seen from its next turns.
pub(crate) fn shown(line: &Line) -> Option<String> {
    let Some(turn) = &line.turn else {
        return Some(line.text.clone());
    };
    if turn.files.is_empty() && line.level == "info" {
        return None;
    }
    let (tokens, cost) = (thousands(turn.tokens), dollars(turn.cost_micro_usd));
    let aside = format!("  (turn {}, {tokens} tokens, {cost})", turn.number);
    let room = TEXT_COLUMNS_MAX.saturating_sub(width(&aside));
    Some(fit(&line.text, room) + &aside)
}

/// Columns of a turn's text: with the stage before it, it fits a terminal of 80.
const TEXT_COLUMNS_MAX: usize = 66;

pub(crate) fn thousands(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        _ => format!("{}k", count / 1_000),
    }
}

/// Dollars and cents, and finer below a cent.
pub(crate) fn dollars(micro_usd: u64) -> String {
    let usd = crate::summary::usd(micro_usd);
    match micro_usd {
        1..10_000 => format!("${usd:.4}"),
        _ => format!("${usd:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(sequence: u64, time: &str, text: &str) -> Line {
        Line {
            time: time.to_owned(),
            place: Place::Row(sequence),
            level: "info".to_owned(),
            text: text.to_owned(),
            ..Line::default()
        }
    }

    fn turn(number: u64, files: &[&str], text: &str) -> Line {
        let total = json!({"inputTokens": 12_000, "outputTokens": 345, "costMicroUsd": 12_300});
        let data = json!({"kind": "turn", "turn": number, "files": files, "total": total});
        Line {
            turn: Turn::of("a.t1", &data.to_string()),
            ..row(number, "1", text)
        }
    }

    #[test]
    fn rows_are_in_the_order_of_their_numbers_and_ends_where_their_time_is() {
        let begin = Line {
            time: "2".to_owned(),
            text: "begin".to_owned(),
            ..Line::default()
        };
        let end = Line {
            place: Place::End,
            text: "end".to_owned(),
            time: "4".to_owned(),
            ..Line::default()
        };
        let lines = vec![
            end,
            row(9, "5", "nine"),
            row(11, "3", "eleven"),
            row(10, "4", "ten"),
            row(8, "2", "eight"),
            begin,
        ];
        let mut other_way = lines.clone();
        other_way.reverse();
        let texts =
            |lines| -> Vec<String> { in_order(lines).into_iter().map(|line| line.text).collect() };
        let expected = ["begin", "eight", "end", "nine", "ten", "eleven"];
        assert_eq!(texts(lines), expected);
        assert_eq!(texts(other_way), expected);
    }

    #[test]
    fn turns_that_only_read_are_not_printed() {
        assert_eq!(shown(&turn(1, &[], "ui: read 3 files")), None);
        assert_eq!(
            shown(&turn(2, &["x.js"], "ui: wrote x.js")),
            Some("ui: wrote x.js  (turn 2, 12k tokens, $0.01)".to_owned())
        );
        let mut cut_off = turn(3, &[], "ui: its answer was cut off");
        cut_off.level = "warning".to_owned();
        assert!(shown(&cut_off).is_some());
        assert_eq!(shown(&row(4, "1", "Planned")), Some("Planned".to_owned()));
    }

    #[test]
    fn a_turn_fits_a_terminal_of_eighty() {
        let text = format!("ui: wrote {}", "long/".repeat(40));
        let printed = shown(&turn(12, &["x"], &text)).unwrap();
        assert_eq!(printed.chars().count(), TEXT_COLUMNS_MAX);
        assert!(
            printed.ends_with("…  (turn 12, 12k tokens, $0.01)"),
            "{printed}"
        );
    }
}
