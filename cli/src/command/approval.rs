//! The owner's word on a plan or a budget, asked for while a task is followed.

use std::io::BufRead;

use anyhow::Context;
use appwrite::{Client, Query};
use pipeline::estimate::Estimate;
use pipeline::rows::DATABASE;
use pipeline::tables::Replaced;
use pipeline::{Command, Status, TaskId, messages, money};
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::output::Output;
use crate::task::TaskRow;
use crate::task_api;
use crate::trouble::{Exit, Trouble};

const QUESTION: &str = "The plan waits for your word: `yes` starts the agents, `no` cancels the task, \
                        anything else asks for another plan with that in mind. \
                        The web page lets you change its assignments.";

const PREVIEW_QUESTION: &str =
    "`yes` publishes it, `no` cancels the task, anything else is built on top of it first.";

const BUDGET_QUESTION: &str =
    "A number raises the budget to that many US dollars, `no` cancels the task.";

/// What a task waits for its owner with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// A plan, and columns that would lose what they hold.
    Plan(Vec<Replaced>),
    /// What was built, at this address.
    Preview(String),
    /// More money. Why is told in the feed.
    Budget,
}

impl Question {
    /// What `row` waits with, if it waits for its owner.
    pub(crate) fn of(row: &TaskRow) -> Option<Self> {
        match (row.status, &row.totals.exhausted) {
            (Status::AwaitingApproval, _) => Some(match &row.totals.preview_url {
                Some(url) => Self::Preview(url.clone()),
                None => Self::Plan(row.totals.replaces.clone()),
            }),
            (Status::Paused, Some(_)) => Some(Self::Budget),
            (_, _) => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Plan(replaces) if replaces.is_empty() => QUESTION.to_owned(),
            Self::Plan(replaces) => {
                format!("{} {QUESTION}", messages::replaces(replaces))
            }
            Self::Preview(url) => {
                format!("What was built waits for your word: {url} {PREVIEW_QUESTION}")
            }
            Self::Budget => BUDGET_QUESTION.to_owned(),
        }
    }

    /// What an answer means; `None` if it means nothing here.
    fn command(&self, answer: &str) -> Option<Command> {
        match (self, answer) {
            (_, "") => None,
            (_, "n" | "no") => Some(Command::Cancel {}),
            (Self::Plan(_) | Self::Preview(_), "y" | "yes") => Some(Command::Approve {}),
            (Self::Preview(_), wish) => Some(Command::FollowUp {
                description: wish.to_owned(),
                requirements: Vec::new(),
            }),
            (Self::Plan(_), comment) => Some(Command::Revise {
                comment: comment.to_owned(),
            }),
            (Self::Budget, amount) => {
                let dollars = amount.trim_start_matches('$').parse().ok()?;
                let micro_usd = money::micro(dollars);
                (micro_usd > 0).then_some(Command::Budget { micro_usd })
            }
        }
    }
}

/// Asks every question that comes up, and hands on what is answered. Ends only if nobody can
/// be asked any more.
pub(crate) async fn ask(
    mut questions: UnboundedReceiver<Question>,
    client: &Client,
    task: &TaskId,
    output: &Output,
) -> anyhow::Error {
    while let Some(question) = questions.recv().await {
        output.hold(true);
        let command = loop {
            if let Question::Plan(_) = question
                && let Some(estimate) = estimate(client, task)
            {
                output.note(&estimate);
            }
            output.note(&question.text());
            match read().await {
                Ok(answer) => match question.command(answer.trim()) {
                    Some(command) => break command,
                    None => continue,
                },
                Err(error) => return error,
            }
        };
        output.hold(false);
        let path = format!("/{task}/commands");
        match task_api::call(client, &path, json!(command)).await {
            Ok((200, _)) => {}
            Ok((_, answer)) => output.note(&Trouble::of_answer(&answer).to_string()),
            Err(error) => return error,
        }
    }
    // Whoever follows the task has ended, and so does this.
    std::future::pending().await
}

/// What carrying out the plan that waits will probably take, if that can be read.
fn estimate(client: &Client, task: &TaskId) -> Option<String> {
    let queries = [
        Query::equal("taskId", task.as_str()),
        Query::select(&["estimate"]),
        Query::order_desc("generation"),
        Query::limit(1),
    ];
    let table = client.table(DATABASE, "plans");
    let found = tokio::task::block_in_place(|| table.list(&queries)).ok()?;
    let estimate: Estimate = serde_json::from_str(found.rows.first()?.text("estimate")?).ok()?;
    Some(format!(
        "{}, with {} agents that read about {}k tokens and write {}k.",
        messages::estimate(&estimate),
        estimate.agents,
        estimate.input_tokens.div_ceil(1_000),
        estimate.output_tokens.div_ceil(1_000)
    ))
}

/// One line of standard input.
async fn read() -> anyhow::Result<String> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = read.await?.context("could not read standard input")?;
    if line.is_empty() {
        let trouble = Trouble::refused(
            "waits_for_owner",
            "the task waits for its owner and standard input is closed; run the same command at a terminal to go on",
        );
        let exit = Exit::Waits;
        return Err(Trouble { exit, ..trouble }.into());
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_command_where_it_fits() {
        let plan = |answer| Question::Plan(Vec::new()).command(answer);
        assert_eq!(plan("yes"), Some(Command::Approve {}));
        assert_eq!(plan("no"), Some(Command::Cancel {}));
        let comment = "Fewer parts".to_owned();
        assert_eq!(plan("Fewer parts"), Some(Command::Revise { comment }));
        let preview = |answer| Question::Preview("http://p".to_owned()).command(answer);
        assert_eq!(preview("y"), Some(Command::Approve {}));
        assert_eq!(preview("no"), Some(Command::Cancel {}));
        let wish = preview("Bigger letters").and_then(|it| it.follow_up());
        assert_eq!(wish.unwrap().description, "Bigger letters");
        let budget = |answer| Question::Budget.command(answer);
        let micro_usd = 2_500_000;
        assert_eq!(budget("$2.5"), Some(Command::Budget { micro_usd }));
        assert_eq!(budget("no"), Some(Command::Cancel {}));
        for nothing in ["", "yes", "0", "-1", "a lot"] {
            assert_eq!(budget(nothing), None, "{nothing}");
        }
    }
}
