//! `orchestrator run`: submit a brief, follow it, show the result.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use pipeline::TaskId;
use pipeline::ids::sha256_hex;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::approval::{self, Question};
use crate::args::RunArgs;
use crate::brief::{self, Fields};
use crate::browser;
use crate::data::{Begun, Data, Runs};
use crate::environment::Environment;
use crate::follow::Follow;
use crate::hosting::{Hosting, Services};
use crate::interrupt::interrupted;
use crate::output::Output;
use crate::place::{Opened, Server};
use crate::session::Session;
use crate::submit;
use crate::summary::Summary;
use crate::task::Change;
use crate::trouble::Exit;

const RUNS_FILE: &str = "runs.json";

/// Carries out a brief. Ends with success only if the task was completed.
///
/// # Errors
/// A brief that is not valid, a platform that does not start or answer.
pub(crate) async fn run(args: RunArgs, json: bool) -> anyhow::Result<ExitCode> {
    let output = Output::live(json);
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
            return Ok(Exit::Interrupted.into());
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
                if !json {
                    output.note(&format!(
                        "Console: {}",
                        hosting.platform.console_link().expose_secret()
                    ));
                }
                interrupted().await;
            }
            Ok(match summary.is_completed() {
                true => Exit::Done.into(),
                false => Exit::TaskFailed.into(),
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
fn read_brief(path: &Path) -> anyhow::Result<Fields> {
    let name = path.display().to_string();
    let fields = brief::parse(&brief::read_text(path)?, &name)?;
    brief::check(&fields, &name)?;
    Ok(fields)
}

async fn carry_out(
    opened: &Opened,
    brief: Fields,
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
    let task = submit::submit(&session.client, brief, &begun.request_id).await?;
    output.note(&format!("Task {task} is accepted."));
    show(opened, &session, &task, open, output).await?;
    let follow = Follow {
        endpoint: &place.endpoint,
        project: &place.project,
        client: &session.client,
        token: &session.token,
        task_id: task.as_str(),
        stops: |row| row.status.is_final(),
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
fn begin(data: &Data, digest: &str, brief: &Fields) -> anyhow::Result<(Begun, bool)> {
    let runs: Runs = data.read(RUNS_FILE)?;
    if let Some(begun) = runs.get(digest).filter(|begun| !begun.ended) {
        return Ok((begun.clone(), true));
    }
    let begun = Begun {
        request_id: submit::request_id(brief)?,
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
