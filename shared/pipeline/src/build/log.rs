//! The log of a build as text that people and models read: without what belongs to a
//! terminal, its first error, and its end. It was written by whatever the build ran, so
//! nothing in it is trusted.

use crate::limits::{
    BUILD_ERROR_LINES_MAX, BUILD_LOG_CHARS_MAX, BUILD_LOG_LINE_CHARS_MAX, BUILD_LOG_LINES_MAX,
    FINDING_CHARS_MAX,
};
use crate::path::is_hidden;

/// How a line begins that shows the command which is run.
const ECHOES: [&str; 3] = ["$ ", "> ", "+ "];
/// Lines before the one that names an error which belong to it: some tools name the file first.
const LINES_BEFORE: usize = 4;
/// Empty lines within an error: some tools name the file after one.
const GAPS_MAX: usize = 1;
/// What a line says that names an error, in lower case.
const SIGNS: [&str; 10] = [
    "error",
    "err!",
    "failed",
    "failure",
    "fatal",
    "cannot ",
    "can't ",
    "could not ",
    "exception",
    "not found",
];
/// What a line says that names none all the same, in lower case.
const NO_SIGNS: [&str; 4] = ["npm warn", "warning", "0 error", "no error"];

/// What is kept of the log of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildLog {
    /// The first error with what stands around it; the last lines where nothing names one.
    pub error: String,
    /// The last lines.
    pub tail: String,
}

impl BuildLog {
    /// Reads a whole log.
    pub fn of(log: &str) -> Self {
        let plain = plain(log);
        let lines: Vec<String> = plain.lines().map(shortened).collect();
        let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
        Self {
            error: cut(&first_error(&lines), FINDING_CHARS_MAX),
            tail: tail(&lines),
        }
    }
}

/// The one line of an error that says most: the first that names it, unless that only says
/// that there is one; where none names it, the last.
pub fn headline(error: &str) -> &str {
    let lines = || error.lines().map(str::trim);
    let telling = lines().find(|line| names_error(line) && !only_announces(line));
    telling
        .or_else(|| lines().find(|line| names_error(line)))
        .or_else(|| lines().rfind(|line| !line.is_empty()))
        .unwrap_or("its log is empty")
}

fn only_announces(line: &str) -> bool {
    line.ends_with(':') || line.to_lowercase().contains("build failed")
}

fn names_error(line: &str) -> bool {
    if ECHOES
        .iter()
        .any(|echo| line.trim_start().starts_with(echo))
    {
        return false;
    }
    let line = line.to_lowercase();
    SIGNS.iter().any(|sign| line.contains(sign)) && !NO_SIGNS.iter().any(|sign| line.contains(sign))
}

fn first_error(lines: &[&str]) -> String {
    let Some(at) = lines.iter().position(|line| names_error(line)) else {
        let filled: Vec<&str> = lines
            .iter()
            .copied()
            .filter(|line| !line.is_empty())
            .collect();
        return filled[filled.len().saturating_sub(BUILD_ERROR_LINES_MAX)..].join("\n");
    };
    let before = within_gaps(lines[..at].iter().rev()).min(LINES_BEFORE);
    let after = within_gaps(lines[at..].iter()).min(BUILD_ERROR_LINES_MAX - before);
    lines[at - before..at + after]
        .join("\n")
        .trim_matches('\n')
        .to_owned()
}

/// How many lines come before there are too many empty ones.
fn within_gaps<'a>(lines: impl Iterator<Item = &'a &'a str>) -> usize {
    let mut gaps = 0;
    lines
        .take_while(|line| {
            gaps += usize::from(line.is_empty());
            gaps <= GAPS_MAX
        })
        .count()
}

fn tail(lines: &[&str]) -> String {
    let (mut start, mut chars) = (lines.len(), 0);
    while start > 0 && lines.len() - start < BUILD_LOG_LINES_MAX {
        chars += lines[start - 1].chars().count() + 1;
        if chars > BUILD_LOG_CHARS_MAX {
            break;
        }
        start -= 1;
    }
    lines[start..].join("\n")
}

fn shortened(line: &str) -> String {
    cut(line, BUILD_LOG_LINE_CHARS_MAX)
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars_max - 1).chain(['…']).collect(),
    }
}

/// The log without the sequences that move and colour a terminal, and without characters
/// that nobody sees.
fn plain(log: &str) -> String {
    let mut plain = String::with_capacity(log.len());
    let mut characters = log.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => skip_sequence(&mut characters),
            '\u{9b}' => skip_control(&mut characters),
            // A progress bar writes the same line again and again.
            '\r' if characters.peek() != Some(&'\n') => plain.push('\n'),
            '\n' | '\t' => plain.push(character),
            _ if is_hidden(character) => {}
            _ => plain.push(character),
        }
    }
    plain
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Skips what follows an escape character.
fn skip_sequence(characters: &mut Characters<'_>) {
    match characters.next_if(|next| *next != '\n') {
        Some('[') => skip_control(characters),
        // A title or a link, up to the bell or another escape.
        Some(']') => {
            while let Some(next) = characters.next_if(|next| *next != '\n') {
                match next {
                    '\u{7}' => return,
                    '\u{1b}' => {
                        let _ = characters.next_if_eq(&'\\');
                        return;
                    }
                    _ => {}
                }
            }
        }
        Some(_) | None => {}
    }
}

/// Skips the rest of a control sequence: up to its final character.
fn skip_control(characters: &mut Characters<'_>) {
    while let Some(next) = characters.next_if(|next| *next != '\n') {
        if matches!(next, '@'..='~') {
            return;
        }
    }
}
