//! A run that was recorded, shown on terminals without a screen.

use appwrite::Row;
use jiff::Timestamp;
use serde::Deserialize;
use shell::clock;

use super::board::Board;
use super::frame::{Moment, Size, frame};
use super::screen::Screen;
use super::text::width;
use crate::output::line_text;
use crate::task::{Change, Seen, View};

/// The rows that a real run brought, in the order in which they came.
const RUN: &str = include_str!("fixtures/run.jsonl");
const ROWS: usize = 24;

#[derive(Deserialize)]
struct Came {
    table: String,
    row: Row,
}

fn came() -> Vec<Came> {
    RUN.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What a person sees of the run on a terminal.
struct Terminal {
    size: Size,
    view: View,
    board: Board,
    screen: Screen<vt100::Parser>,
    now: Timestamp,
    tick: usize,
}

impl Terminal {
    fn new(columns: usize, rows: usize) -> Self {
        let parser = vt100::Parser::new(rows as u16, columns as u16, 0);
        Self {
            size: Size { columns, rows },
            view: View::default(),
            board: Board::default(),
            screen: Screen::new(parser),
            now: Timestamp::UNIX_EPOCH,
            tick: 0,
        }
    }

    fn see(&mut self, Came { table, row }: &Came) {
        self.now = self.now.max(clock::parse(&row.updated_at).unwrap());
        for change in self.view.take(&Seen { table, row }) {
            self.board.take(&change);
            let lines = self.frame();
            match change {
                Change::Line(line) => {
                    if let Some(text) = line_text(&line) {
                        self.screen.print(&text, lines, self.size.columns);
                    }
                }
                Change::Task(_) | Change::Agent(_) | Change::Estimate(_) | Change::Budget(_) => {
                    self.screen.draw(lines, self.size.columns);
                }
            }
        }
        self.tick += 1;
        let lines = self.frame();
        self.screen.draw(lines, self.size.columns);
    }

    fn frame(&self) -> Vec<String> {
        let (tick, now) = (self.tick, self.now);
        frame(&self.board, self.size, Moment { tick, now })
    }

    fn shown(&self) -> String {
        self.screen.out().screen().contents()
    }
}

#[test]
fn a_recorded_run_is_seen_from_start_to_end() {
    let came = came();
    for columns in [80, 140] {
        let mut terminal = Terminal::new(columns, ROWS);
        let mut seen = 0;
        let moments = [
            ("planned", 12),
            ("coding", 34),
            ("reviewing", 56),
            ("end", came.len()),
        ];
        for (moment, until) in moments {
            came[seen..until].iter().for_each(|came| terminal.see(came));
            seen = until;
            insta::assert_snapshot!(format!("{columns}_{moment}"), terminal.shown());
        }
    }
}

#[test]
fn every_width_shows_the_whole_view_and_leaves_nothing() {
    let came = came();
    for columns in (20..=300).step_by(7) {
        let mut terminal = Terminal::new(columns, ROWS);
        for came in &came {
            terminal.see(came);
            let frame = terminal.frame();
            assert!(frame.iter().all(|line| width(line) < columns), "{frame:#?}");
            assert!(frame.len() < ROWS);
            let shown = terminal.shown();
            let below: Vec<&str> = shown.lines().rev().take(frame.len()).collect();
            let trimmed = frame.iter().rev().map(|line| line.trim_end());
            assert!(below.iter().copied().eq(trimmed), "{frame:#?}\n{shown}");
        }
        let shown = terminal.shown();
        assert!(!shown.contains(" › "), "{shown}");
    }
}

#[test]
fn a_terminal_that_is_resized_ends_clean() {
    for widths in [[140, 80], [80, 140], [60, 20], [20, 300]] {
        let came = came();
        let mut terminal = Terminal::new(widths[0], ROWS);
        for (index, came) in came.iter().enumerate() {
            if index == 30 {
                terminal.size.columns = widths[1];
                let screen = terminal.screen.out_mut().screen_mut();
                screen.set_size(ROWS as u16, widths[1] as u16);
            }
            terminal.see(came);
        }
        let shown = terminal.shown();
        assert!(!shown.contains(" › ") && !shown.contains("agents done"));
        assert!(shown.contains("Deployed to"), "{shown}");
    }
}
