use pipeline::advance::Totals;
use pipeline::estimate::Estimate;

use super::*;
use crate::feed::{Line, Turn};
use crate::task::{Agent, Change, TaskRow};

const WIDE: &str = "日本語の一覧 👩\u{200d}🚀❤\u{fe0f}\u{1b}[31m and more of it";

fn task(status: Status, round: i64) -> Change {
    Change::Task(Box::new(TaskRow {
        rev: 1,
        status,
        round,
        totals: Totals {
            assignments: 3,
            ..Totals::default()
        },
        repository_url: None,
        site_url: None,
        commit_sha: None,
        failure: None,
        created: Some(Timestamp::UNIX_EPOCH),
    }))
}

fn agent(id: &str, title: &str, is_done: bool) -> Change {
    Change::Agent(Box::new(Agent {
        id: id.to_owned(),
        title: title.to_owned(),
        generation: 1,
        round: 1,
        is_done,
        begun: id.to_owned(),
    }))
}

fn turn(agent: &str, number: u64, files: &[&str]) -> Change {
    Change::Line(Box::new(Line {
        turn: Some(Turn {
            agent: agent.to_owned(),
            number,
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            tokens: 12_000 * number,
            cost_micro_usd: 10_000 * number,
        }),
        ..Line::default()
    }))
}

fn board(changes: &[Change]) -> Board {
    let mut board = Board::default();
    changes.iter().for_each(|change| board.take(change));
    board
}

fn at_work() -> Board {
    let estimate = Estimate {
        minutes: 6,
        ..Estimate::default()
    };
    board(&[
        task(Status::Coding, 1),
        Change::Estimate(Box::new(estimate)),
        Change::Budget(1_000_000),
        agent("a1", "Page", true),
        agent("a2", WIDE, false),
        agent("a3", "Search", false),
        turn("a2", 12, &["src/list.js", WIDE]),
        turn("a3", 2, &["src/search.js"]),
        turn("a3", 3, &[]),
    ])
}

fn drawn(board: &Board, columns: usize, rows: usize) -> Vec<String> {
    let now = Timestamp::from_second(83).unwrap();
    frame(board, Size { columns, rows }, Moment { tick: 2, now })
}

#[test]
fn stages_agents_and_totals_are_shown() {
    insta::assert_snapshot!(drawn(&at_work(), 110, 24).join("\n"), @r"
    ✓ planning › ⠹ coding ›   reviewing ›   publishing ›   deploying
      ⠹ 日本語の一覧 👩‍🚀❤️ [31m and more of it  turn 12   144k    $0.12  src/list.js, 日本語の一覧 👩‍🚀❤️ [31m…
      ⠹ Search                                   turn 3     36k    $0.03  src/search.js
      $0.15 of $1.00 ██░░░░░░░░ · 1:23 of about 6 min · 1 of 3 agents done · 180k tokens
    ");
}

#[test]
fn a_narrow_terminal_shows_what_tells_most() {
    insta::assert_snapshot!(drawn(&at_work(), 44, 24).join("\n"), @r"
    ⠹ coding (2 of 5)
      ⠹ 日本語の一覧 👩‍🚀❤️…   turn 12    $0.12
      ⠹ Search                 turn 3     $0.03
      $0.15 of $1.00 · 1:23 of about 6 min
    ");
    insta::assert_snapshot!(drawn(&at_work(), 20, 24).join("\n"), @r"
    ⠹ coding (2 of 5)
      ⠹ 日本語の一覧…
      ⠹ Search
      $0.15 of $1.00
    ");
}

#[test]
fn every_line_fits_every_terminal() {
    for columns in 0..=300 {
        for rows in [1, 2, 3, 4, 24] {
            let lines = drawn(&at_work(), columns, rows);
            assert!(lines.len() <= rows, "{rows}: {lines:#?}");
            for line in lines {
                assert!(
                    width(&line) <= columns.saturating_sub(1),
                    "{columns}: {line}"
                );
                assert!(!line.contains(char::is_control), "{line:?}");
            }
        }
    }
}

#[test]
fn agents_that_do_not_fit_are_counted() {
    let mut board = at_work();
    for index in 4..20 {
        board.take(&agent(&format!("b{index}"), "More", false));
    }
    let lines = drawn(&board, 80, 8);
    assert_eq!(lines.len(), 7, "{lines:#?}");
    assert_eq!(lines[5], "  and 14 more");
}

#[test]
fn what_waits_says_so_and_what_has_ended_is_gone() {
    let first =
        |status, round, columns| drawn(&board(&[task(status, round)]), columns, 24).remove(0);
    let waits = first(Status::AwaitingApproval, 1, 100);
    assert!(waits.ends_with(" (waits for your word)"), "{waits}");
    assert!(first(Status::Paused, 1, 100).ends_with(" (paused)"));
    assert_eq!(first(Status::Paused, 1, 20), "  paused");
    assert!(first(Status::Coding, 2, 100).ends_with(" (round 2)"));
    for status in [Status::Completed, Status::Failed, Status::Cancelled] {
        assert_eq!(drawn(&board(&[task(status, 1)]), 80, 24), [""; 0]);
    }
}

#[test]
fn what_takes_a_while_before_there_is_a_task_is_named() {
    let mut board = Board::default();
    assert_eq!(drawn(&board, 80, 24), [""; 0]);
    board.busy("Waiting for\na deployment");
    assert_eq!(drawn(&board, 80, 24), ["⠹ Waiting for a deployment"]);
}

#[test]
fn the_cost_never_falls() {
    let mut board = at_work();
    assert_eq!(board.cost_shown(), 150_000);
    // The agent has ended, and the task's row does not have its cost yet.
    board.take(&agent("a2", WIDE, true));
    assert_eq!(board.cost_shown(), 150_000);
}
