//! `orchestrator run`: submit a brief, follow it, show the result.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use appwrite::Client;
use pipeline::TaskId;
use pipeline::brief::Brief;
use pipeline::ids::sha256_hex;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

use super::approval::{self, Question};
use crate::args::RunArgs;
use crate::browser;
use crate::data::{Begun, Data, Runs};
use crate::environment::Environment;
use crate::follow::Follow;
use crate::hosting::{Hosting, Services};
use crate::interrupt::interrupted;
use crate::output::Output;
use crate::place::{Opened, Server};
use crate::session::Session;
use crate::summary::Summary;
use crate::task::Change;
use crate::task_api;

/// Exit code of a program that was interrupted, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;
const RUNS_FILE: &str = "runs.json";

/// Carries out a brief. Ends with success only if the task was completed.
///
/// # Errors
/// A brief that is not valid, a platform that does not start or answer.
pub(crate) async fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let output = Output::live(args.json);
    let brief = read_brief(&args.brief)?;
    let environment = Environment::read()?;
    let services = Services::of(&environment);
    let opened = Opened::open(&args.platform, environment).await?;
    introduce(&output, &opened, services);
    if let Some(line) = opened.hosting().and_then(Hosting::faults_line) {
        output.note(&line);
    }
    let result = tokio::select! {
        result = carry_out(&opened, brief, args.open, &output) => result,
        () = interrupted() => {
            output.note("Interrupted. Run the same command again to go on.");
            opened.stop().await;
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    let result = match result {
        Ok(summary) => {
            output.summary(&summary, opened.is_scripted);
            if args.keep
                && let Some(hosting) = opened.hosting()
            {
                output.note(&format!(
                    "Serving on. The web page is at {}/. Press Ctrl-C to stop.",
                    opened.place.endpoint.trim_end_matches("/v1")
                ));
                // What programs read is often kept.
                if !args.json {
                    output.note(&format!(
                        "Console: {}",
                        hosting.platform.console_link().expose_secret()
                    ));
                }
                interrupted().await;
            }
            Ok(if summary.is_completed() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Err(error) => Err(error),
    };
    opened.stop().await;
    result
}

fn introduce(output: &Output, opened: &Opened, services: Services) {
    let what = match &opened.server {
        Server::Appwrite => "project".to_owned(),
        Server::Process(pid) => format!("embedded platform of process {pid}"),
        Server::Here(_) => "embedded platform".to_owned(),
    };
    output.note(&format!("Appwrite: {what} at {}", opened.place.endpoint));
    if opened.hosting().is_some() {
        services.lines().iter().for_each(|line| output.note(line));
    }
}

/// A brief as it stands in the file, checked, so that mistakes are named before anything
/// starts.
fn read_brief(path: &Path) -> anyhow::Result<Map<String, Value>> {
    let bytes = std::fs::read(path)
        .with_context(|| format!("could not read the brief {}", path.display()))?;
    if let Err(errors) = Brief::parse(&bytes) {
        let lines: Vec<String> = errors
            .iter()
            .map(|error| format!("  {} {}", error.field, error.rule))
            .collect();
        bail!(
            "{} is not a valid brief:\n{}",
            path.display(),
            lines.join("\n")
        );
    }
    Ok(serde_json::from_slice(&bytes)?)
}

async fn carry_out(
    opened: &Opened,
    brief: Map<String, Value>,
    open: bool,
    output: &Output,
) -> anyhow::Result<Summary> {
    let (started, data, place) = (Instant::now(), &opened.data, &opened.place);
    let digest = sha256_hex(Value::Object(brief.clone()).to_string().as_bytes());
    let (begun, goes_on) = begin(data, &digest, &brief)?;
    if goes_on {
        output.note("Going on with the unfinished run of this brief.");
    }
    // Signing in blocks, and the platform may run in this very process.
    let session = tokio::task::block_in_place(|| Session::open(data, place))?;
    let task = submit(session.client.clone(), brief, &begun.request_id).await?;
    output.note(&format!("Task {task} is accepted."));
    show(opened, &session, &task, open, output).await?;
    let follow = Follow {
        endpoint: &place.endpoint,
        project: &place.project,
        client: &session.client,
        token: &session.token,
        task_id: task.as_str(),
    };
    let (waiting, questions) = tokio::sync::mpsc::unbounded_channel();
    let mut on_change = |change: &Change| {
        output.change(change);
        if let Change::Task(row) = change
            && let Some(question) = Question::of(row)
        {
            // Nobody listens any more only once this has ended.
            let _ = waiting.send(question);
        }
    };
    let row = tokio::select! {
        row = follow.to_the_end(&mut on_change) => row?,
        error = approval::ask(questions, &session.client, &task, output) => return Err(error),
    };
    keep(
        data,
        digest,
        Begun {
            ended: true,
            ..begun
        },
    )?;
    let hosting = opened.hosting();
    let counted: Option<BTreeMap<String, u64>> = hosting.map(|hosting| hosting.platform.counts());
    Ok(Summary::of(
        &task,
        &row,
        counted.as_ref(),
        started.elapsed(),
    ))
}

/// Says where the page shows the task, and opens it there as who is signed in here.
async fn show(
    opened: &Opened,
    session: &Session,
    task: &TaskId,
    open: bool,
    output: &Output,
) -> anyhow::Result<()> {
    let Some(hosting) = opened.hosting() else {
        if open {
            output.note("The page opens only from the program that serves the platform.");
        }
        return Ok(());
    };
    if !open {
        return Ok(());
    }
    let origin = opened.place.endpoint.trim_end_matches("/v1");
    output.note(&format!("Page: {origin}/#/task/{task}"));
    let user = tokio::task::block_in_place(|| session.client.account().get())?;
    let link = hosting.platform.page_link(&user.id, task.as_str()).await?;
    // The run is worth more than its picture.
    if let Err(error) = browser::open(&link) {
        output.note(&format!("The page was not opened: {error:#}."));
    }
    Ok(())
}

/// The run of a brief that has not ended, or a new one; and whether it was begun before.
fn begin(data: &Data, digest: &str, brief: &Map<String, Value>) -> anyhow::Result<(Begun, bool)> {
    let runs: Runs = data.read(RUNS_FILE)?;
    if let Some(begun) = runs.get(digest).filter(|begun| !begun.ended) {
        return Ok((begun.clone(), true));
    }
    let begun = Begun {
        request_id: request_id(brief)?,
        ended: false,
    };
    // Kept before it is sent: a repeat of the command then finds the same task.
    keep(data, digest.to_owned(), begun.clone())?;
    Ok((begun, false))
}

fn keep(data: &Data, digest: String, begun: Begun) -> anyhow::Result<()> {
    let _held = data.hold(RUNS_FILE)?;
    let mut runs: Runs = data.read(RUNS_FILE)?;
    runs.insert(digest, begun);
    data.write(RUNS_FILE, &runs)
}

/// The brief's own `requestId`, or a new one.
fn request_id(brief: &Map<String, Value>) -> anyhow::Result<String> {
    let own = brief
        .get("options")
        .and_then(|options| options["requestId"].as_str());
    if let Some(own) = own {
        return Ok(own.to_owned());
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(sha256_hex(&bytes)[..32].to_owned())
}

/// Calls of create-task until one answers.
const SUBMIT_ATTEMPTS_MAX: u32 = 3;

async fn submit(
    client: Client,
    mut brief: Map<String, Value>,
    request_id: &str,
) -> anyhow::Result<TaskId> {
    let options = brief
        .entry("options")
        .or_insert_with(|| Value::Object(Map::new()));
    if options.is_null() {
        *options = Value::Object(Map::new());
    }
    options["requestId"] = request_id.into();
    for attempt in 1.. {
        let (status, answer) = task_api::call(&client, "/", Value::Object(brief.clone())).await?;
        if status == 201 {
            return answer["taskId"]
                .as_str()
                .and_then(TaskId::parse)
                .context("create-task gave no task id");
        }
        // The requestId makes a repeat safe: it goes on where the first one stopped.
        if status < 500 || attempt == SUBMIT_ATTEMPTS_MAX {
            let message = task_api::message(&answer);
            bail!("create-task refused the brief ({status}): {message}");
        }
    }
    bail!("create-task did not answer")
}
