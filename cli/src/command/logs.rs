//! `orchestrator logs`: the feed of a task, as lines.

use std::process::ExitCode;

use crate::args::task::LogsArgs;
use crate::desk::{Desk, exit_of, stands_still};
use crate::feed::Line;
use crate::output::Output;
use crate::task::Change;
use crate::trouble::{Exit, Trouble};

/// The words of stages that lines have.
const STAGES: [&str; 6] = [
    "planning",
    "coding",
    "reviewing",
    "publishing",
    "deploying",
    "command",
];

/// Prints the lines so far, and those that come where that is asked for.
///
/// # Errors
/// The platform does not start or answer, the task is somebody else's, or there is no such
/// stage or agent.
pub(crate) async fn logs(args: LogsArgs, json: bool) -> anyhow::Result<ExitCode> {
    if let Some(stage) = &args.stage
        && !STAGES.contains(&stage.as_str())
    {
        let message = format!(
            "`{stage}` is no stage; --stage takes {}.",
            STAGES.join(", ")
        );
        return Err(Trouble::refused("unknown_stage", message).into());
    }
    let output = Output::new(json);
    Desk::with(&args.of.platform, async |desk| {
        let task = desk.find(&args.of.task).await?;
        desk.task(&task).await?;
        if let Some(agent) = &args.agent {
            known(
                &desk.rows("assignments", &task, Some(&["name"])).await?,
                agent,
            )?;
        }
        let mut on_change = |change: &Change| {
            if let Change::Line(line) = change
                && fits(line, &args)
            {
                output.change(change);
            }
        };
        let follow = desk.follower(&task, stands_still);
        if !args.follow {
            follow.so_far(&mut on_change).await?;
            return Ok(Exit::Done);
        }
        let row = follow.to_the_end(&mut on_change).await?;
        Ok(exit_of(row.status))
    })
    .await
}

fn fits(line: &Line, args: &LogsArgs) -> bool {
    let is_stage = args.stage.as_ref().is_none_or(|stage| *stage == line.stage);
    let is_agent = args.agent.is_none() || args.agent == line.agent;
    is_stage && is_agent
}

/// Refuses an agent that is not there, as it would print nothing.
fn known(assignments: &[appwrite::Row], agent: &str) -> Result<(), Trouble> {
    let mut names: Vec<&str> = assignments
        .iter()
        .filter_map(|row| row.text("name"))
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.contains(&agent) {
        return Ok(());
    }
    let there = match names.is_empty() {
        true => "the task has none yet".to_owned(),
        false => format!("the task has {}", names.join(", ")),
    };
    Err(Trouble::refused(
        "unknown_agent",
        format!("There is no agent `{agent}`; {there}."),
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    #[test]
    fn lines_are_of_a_stage_and_an_agent() {
        let line = |stage: &str, agent: Option<&str>| Line {
            stage: stage.to_owned(),
            agent: agent.map(str::to_owned),
            ..Line::default()
        };
        let lines = [
            line("planning", None),
            line("coding", None),
            line("coding", Some("ui")),
            line("coding", Some("docs")),
        ];
        let found = |flags: &[&str]| {
            let line = ["orchestrator", "logs", "last"].iter().chain(flags);
            let Command::Logs(args) = Args::try_parse_from(line).unwrap().command else {
                panic!("it is no `logs`");
            };
            lines.iter().filter(|line| fits(line, &args)).count()
        };
        assert_eq!(found(&[]), 4);
        assert_eq!(found(&["--stage", "coding"]), 3);
        assert_eq!(found(&["--stage", "coding", "--agent", "ui"]), 1);
        assert_eq!(found(&["--agent", "api"]), 0);
    }

    #[test]
    fn an_agent_that_is_not_there_is_refused() {
        let row = |name: &str| {
            let row = serde_json::json!({"$id": "a", "$sequence": "1", "$createdAt": "", "$updatedAt": "", "name": name});
            serde_json::from_value(row).unwrap()
        };
        let rows = [row("ui"), row("docs"), row("ui")];
        assert!(known(&rows, "ui").is_ok());
        let message = known(&rows, "api").unwrap_err().message;
        assert_eq!(message, "There is no agent `api`; the task has docs, ui.");
    }
}
