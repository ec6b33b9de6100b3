//! What is printed of a replay.

use pipeline::money;
use pipeline::replay::{Replay, Replayed, Verdict, unit_label};
use serde_json::json;

use crate::output::printable;

/// Characters of a step's text that are shown.
const TEXT_CHARS_MAX: usize = 160;

/// The steps for a person, below the unit or the task that they belong to, and the sum.
pub(super) fn lines(replay: &Replay) -> Vec<String> {
    let (mut lines, mut of) = (Vec::new(), None);
    for step in &replay.steps {
        let whose = match &step.unit {
            Some(unit) => unit_label(unit),
            None => "Task".to_owned(),
        };
        if of.as_ref() != Some(&whose) {
            lines.push(printable(&whose));
            of = Some(whose);
        }
        lines.extend(step_lines(step));
    }
    lines.push(sum(replay));
    lines
}

fn step_lines(step: &Replayed) -> Vec<String> {
    let mark = match step.verdict {
        Verdict::Same => "·",
        Verdict::Open => "?",
        Verdict::Differs(_) => "✗",
    };
    let cost = match step.cost_micro_usd {
        None => String::new(),
        Some(cost) => format!(" ({})", money::usd(cost)),
    };
    let text = cut(&printable(&step.text));
    let key = printable(&step.key);
    let mut lines = vec![format!("  {mark} {key:<10} {text}{cost}")];
    match &step.verdict {
        Verdict::Same => {}
        Verdict::Open => lines.push(format!("{:15}not recorded yet", "")),
        Verdict::Differs(difference) => {
            for (side, text) in [
                ("decided ", &difference.expected),
                ("recorded", &difference.recorded),
            ] {
                lines.push(format!("{:15}{side} {}", "", printable(text)));
            }
        }
    }
    lines
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

fn sum(replay: &Replay) -> String {
    let (open, units) = (replay.open(), replay.units);
    let steps = replay.steps.len() - open;
    let verdict = match replay.differences().count() {
        0 => "all the same".to_owned(),
        1 => "1 differs".to_owned(),
        more => format!("{more} differ"),
    };
    let open = match open {
        0 => String::new(),
        open => format!("; {open} not recorded yet"),
    };
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    format!(
        "{steps} step{} of {units} unit{} re-decided: {verdict}{open}",
        plural(steps),
        plural(units)
    )
}

/// The steps for a program, and the sum.
pub(super) fn json_lines(replay: &Replay) -> Vec<String> {
    let step = |step: &Replayed| {
        let mut line = json!(step);
        line["type"] = "step".into();
        line["of"] = json!(step.unit.as_ref().map(unit_label));
        line.to_string()
    };
    let mut lines: Vec<String> = replay.steps.iter().map(step).collect();
    let (open, differ) = (replay.open(), replay.differences().count());
    let steps = replay.steps.len() - open;
    let sum = json!({"type": "sum", "steps": steps, "units": replay.units, "differences": differ, "open": open});
    lines.push(sum.to_string());
    lines
}

#[cfg(test)]
mod tests {
    use pipeline::replay::Difference;
    use pipeline::{TaskId, UnitKey, UnitKind};

    use super::*;

    fn replay(differs: bool) -> Replay {
        let task = TaskId::of_request("owner", "request");
        let unit = |kind, name: &str| UnitKey {
            task: task.clone(),
            kind,
            generation: 1,
            round: 1,
            name: name.to_owned(),
        };
        let step = |unit: Option<&UnitKey>, key: &str, text: &str, cost, verdict| Replayed {
            unit: unit.cloned(),
            key: key.to_owned(),
            text: text.to_owned(),
            cost_micro_usd: cost,
            verdict,
        };
        let (plan, agent) = (unit(UnitKind::Plan, ""), unit(UnitKind::Assignment, "ui"));
        let asked = "Asks the planner for a plan: 310 characters";
        let turn = "Takes a turn, after 1 message: ui: wrote index.html\u{1b}[2J";
        let results = match differs {
            false => Verdict::Same,
            true => Verdict::Differs(Difference {
                expected: "ok bytes=16".to_owned(),
                recorded: "ok bytes=17".to_owned(),
            }),
        };
        let follows = "Follows from what happened before";
        let mut steps = vec![
            step(Some(&plan), "unit", follows, None, Verdict::Same),
            step(Some(&plan), "p0", asked, Some(12_345), Verdict::Same),
            step(
                None,
                "command",
                "You approved the plan",
                None,
                Verdict::Same,
            ),
            step(Some(&agent), "t0", turn, Some(100), results),
        ];
        if differs {
            let turn = "Takes a turn, after 3 messages";
            steps.push(step(Some(&agent), "t1", turn, None, Verdict::Open));
        }
        Replay { steps, units: 2 }
    }

    #[test]
    fn a_person_reads_each_step_below_its_unit() {
        insta::assert_snapshot!(lines(&replay(false)).join("\n"), @r"
        Plan
          · unit       Follows from what happened before
          · p0         Asks the planner for a plan: 310 characters ($0.0124)
        Task
          · command    You approved the plan
        Agent of `ui`, round 1
          · t0         Takes a turn, after 1 message: ui: wrote index.html [2J ($0.0001)
        4 steps of 2 units re-decided: all the same
        ");
    }

    #[test]
    fn a_difference_shows_both_sides() {
        insta::assert_snapshot!(lines(&replay(true)).join("\n"), @r"
        Plan
          · unit       Follows from what happened before
          · p0         Asks the planner for a plan: 310 characters ($0.0124)
        Task
          · command    You approved the plan
        Agent of `ui`, round 1
          ✗ t0         Takes a turn, after 1 message: ui: wrote index.html [2J ($0.0001)
                       decided  ok bytes=16
                       recorded ok bytes=17
          ? t1         Takes a turn, after 3 messages
                       not recorded yet
        4 steps of 2 units re-decided: 1 differs; 1 not recorded yet
        ");
    }

    #[test]
    fn a_program_reads_the_same() {
        insta::assert_snapshot!(json_lines(&replay(true)).join("\n"), @r#"
        {"costMicroUsd":null,"key":"unit","of":"Plan","text":"Follows from what happened before","type":"step","unit":"tdz5yco5xn635xo5zphlxol73/1/1/plan/","verdict":"same"}
        {"costMicroUsd":12345,"key":"p0","of":"Plan","text":"Asks the planner for a plan: 310 characters","type":"step","unit":"tdz5yco5xn635xo5zphlxol73/1/1/plan/","verdict":"same"}
        {"costMicroUsd":null,"key":"command","of":null,"text":"You approved the plan","type":"step","unit":null,"verdict":"same"}
        {"costMicroUsd":100,"expected":"ok bytes=16","key":"t0","of":"Agent of `ui`, round 1","recorded":"ok bytes=17","text":"Takes a turn, after 1 message: ui: wrote index.html\u001b[2J","type":"step","unit":"tdz5yco5xn635xo5zphlxol73/1/1/assignment/ui","verdict":"differs"}
        {"costMicroUsd":null,"key":"t1","of":"Agent of `ui`, round 1","text":"Takes a turn, after 3 messages","type":"step","unit":"tdz5yco5xn635xo5zphlxol73/1/1/assignment/ui","verdict":"open"}
        {"differences":1,"open":1,"steps":4,"type":"sum","units":2}
        "#);
    }
}
