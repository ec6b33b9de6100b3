//! The owner's word on a plan, asked for while a task is followed.

use std::io::BufRead;

use anyhow::{Context, anyhow};
use appwrite::Client;
use pipeline::{Command, TaskId};
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::output::Output;
use crate::task_api;

const QUESTION: &str = "The plan waits for your word: `yes` starts the agents, `no` cancels the task, \
                        anything else asks for another plan with that in mind.";

/// Asks for every plan that waits, and hands on what is answered. Ends only if nobody can
/// be asked any more.
pub(crate) async fn ask(
    mut plans: UnboundedReceiver<()>,
    client: &Client,
    task: &TaskId,
    output: &Output,
) -> anyhow::Error {
    while plans.recv().await.is_some() {
        let command = loop {
            output.note(QUESTION);
            match read().await {
                Ok(Some(command)) => break command,
                Ok(None) => {}
                Err(error) => return error,
            }
        };
        let path = format!("/{task}/commands");
        match task_api::call(client, &path, json!(command)).await {
            Ok((200, _)) => {}
            Ok((_, answer)) => output.note(&task_api::message(&answer)),
            Err(error) => return error,
        }
    }
    // Whoever follows the task has ended, and so does this.
    std::future::pending().await
}

/// One line of standard input as a command; `None` for an empty one.
async fn read() -> anyhow::Result<Option<Command>> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = read.await?.context("could not read standard input")?;
    if line.is_empty() {
        return Err(anyhow!(
            "the plan waits for its owner and standard input is closed; run the same command at a terminal to go on"
        ));
    }
    Ok(match line.trim() {
        "" => None,
        "y" | "yes" => Some(Command::Approve {}),
        "n" | "no" => Some(Command::Cancel {}),
        comment => Some(Command::Revise {
            comment: comment.to_owned(),
        }),
    })
}
