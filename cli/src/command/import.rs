//! `orchestrator import`: puts tasks back from an export.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use appwrite::Client;
use serde_json::{Value, json};
use tokio::task::{block_in_place, spawn_blocking};

use super::told::Told;
use crate::args::backup::ImportArgs;
use crate::backup::archive::{Line, Reader};
use crate::backup::operator;
use crate::backup::writer::{Import, Imported};
use crate::environment::Environment;
use crate::hosting;
use crate::interrupt::interrupted;
use crate::output::Output;
use crate::place::Opened;
use crate::session::Session;
use crate::trouble::{Exit, Trouble};

/// What is to be imported, and how.
struct Wanted {
    file: File,
    tasks: Vec<String>,
    overwrite: bool,
    owner: Option<String>,
}

/// Checks an export, then writes what it holds.
///
/// # Errors
/// A file that is damaged or too new, no key, tables that are missing, rows that differ, or a
/// platform that does not start or answer.
pub(crate) async fn import(args: ImportArgs, json: bool) -> anyhow::Result<ExitCode> {
    let file = open(&args.file)?;
    let file = block_in_place(|| check(file, &args.task, &Told::new(json)))?;
    let environment = Environment::read()?;
    let opened = tokio::select! {
        opened = Opened::open(&args.platform, environment.clone()) => opened?,
        () = interrupted() => return Ok(Exit::Interrupted.into()),
    };
    let owner = match (args.owner, args.mine) {
        (Some(owner), _) => Ok(Some(owner)),
        (None, true) => block_in_place(|| own(&opened)).map(Some),
        (None, false) => Ok(None),
    };
    let prepared = owner.and_then(|owner| {
        let wanted = Wanted {
            file,
            tasks: args.task,
            overwrite: args.overwrite,
            owner,
        };
        Ok((wanted, operator::client(&opened, &environment)?))
    });
    let worked = match prepared {
        Ok((wanted, client)) => tokio::select! {
            done = spawn_blocking(move || write(&client, wanted, json)) =>
                done.map_err(anyhow::Error::from).flatten().map(|()| Exit::Done),
            () = interrupted() => Ok(Exit::Interrupted),
        },
        Err(error) => Err(error),
    };
    opened.stop().await;
    worked.map(ExitCode::from)
}

/// The file; standard input is kept in one without a name, as it is read twice.
fn open(path: &Path) -> anyhow::Result<File> {
    if path != Path::new("-") {
        return File::open(path).with_context(|| format!("could not open {}", path.display()));
    }
    let context = "could not keep standard input";
    let mut file = tempfile::tempfile().context(context)?;
    std::io::copy(&mut std::io::stdin().lock(), &mut file).context(context)?;
    file.seek(SeekFrom::Start(0)).context(context)?;
    Ok(file)
}

/// Reads the whole file, and gives it back at its beginning.
fn check(mut file: File, tasks: &[String], told: &Told) -> anyhow::Result<File> {
    let mut missing = tasks.to_vec();
    let mut reader = Reader::open(&file)?;
    while let Some(line) = reader.next()? {
        if let Line::Task(row) = line {
            missing.retain(|task| *task != row.id);
        }
    }
    if let Some(task) = missing.first() {
        let message = format!("The export has no task `{task}`.");
        return Err(Trouble::refused("task_not_found", message).into());
    }
    let (head, tasks) = (reader.head(), reader.manifest().tasks);
    told.begin(&format!(
        "The export is whole: {tasks} tasks of the project {}, from {}.",
        head.project, head.created_at
    ));
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Who is signed in here.
fn own(opened: &Opened) -> anyhow::Result<String> {
    let session = Session::open(&opened.data, &opened.place)?;
    Ok(session.client.account().get()?.id)
}

fn write(client: &Client, wanted: Wanted, json: bool) -> anyhow::Result<()> {
    let mut import = Import::new(client, wanted.overwrite, wanted.owner);
    let config: Value = serde_json::from_str(hosting::CONFIG)?;
    import.check_tables(&config)?;
    let mut reader = Reader::open(wanted.file)?;
    let (mut told, mut is_wanted) = (Told::new(json), true);
    while let Some(line) = reader.next()? {
        if let Line::Task(row) = &line {
            is_wanted = wanted.tasks.is_empty() || wanted.tasks.contains(&row.id);
        }
        if is_wanted {
            import.take(line)?;
            told.count("imported", import.so_far().tasks);
        }
    }
    let done = import.end()?;
    let Imported {
        tasks,
        created,
        same,
        replaced,
    } = done;
    let value = json!({"type": "imported", "tasks": tasks, "created": created, "same": same, "replaced": replaced});
    let text = format!(
        "Imported {tasks} tasks, {replaced} of them in place of what was there: {created} rows were created, {same} were there."
    );
    Output::new(json).tell(&value, &[text]);
    Ok(())
}
