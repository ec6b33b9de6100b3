//! Colours of what is printed: on a terminal, unless `NO_COLOR` is set, and elsewhere where
//! `CLICOLOR_FORCE` asks for them.

use console::Style;
use pipeline::Status;

/// A text in the colour of a status.
pub(crate) fn status(word: &str, text: &str) -> String {
    let style = Style::new();
    let style = match Status::parse(word) {
        Some(Status::Completed) => style.green(),
        Some(Status::Failed) => style.red(),
        Some(Status::AwaitingApproval | Status::Paused) => style.yellow(),
        Some(Status::Cancelled) | None => style.dim(),
        Some(
            Status::Pending
            | Status::Planning
            | Status::Coding
            | Status::Reviewing
            | Status::Publishing
            | Status::Deploying,
        ) => style.cyan(),
    };
    style.apply_to(text).to_string()
}

/// A heading.
pub(crate) fn heading(text: &str) -> String {
    Style::new().bold().apply_to(text).to_string()
}
