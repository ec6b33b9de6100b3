//! `orchestrator export`: tasks with everything that is recorded of them, in one file.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use appwrite::Client;
use serde_json::json;
use shell::clock;
use tokio::task::spawn_blocking;

use super::told::Told;
use crate::args::backup::ExportArgs;
use crate::backup::archive::{Head, Manifest, VERSION, Writer};
use crate::backup::operator;
use crate::backup::reader::Export;
use crate::environment::Environment;
use crate::interrupt::interrupted;
use crate::output::Output;
use crate::place::Opened;
use crate::trouble::Exit;

/// Writes an export.
///
/// # Errors
/// No key, a platform that does not start or answer, a row that can not be read, or the disk.
pub(crate) async fn export(args: ExportArgs, json: bool) -> anyhow::Result<ExitCode> {
    ensure!(
        args.file.is_some() || !std::io::stdout().is_terminal(),
        "an export is for no terminal: name a file, or lead it into one"
    );
    let environment = Environment::read()?;
    let opened = tokio::select! {
        opened = Opened::open(&args.platform, environment.clone()) => opened?,
        () = interrupted() => return Ok(Exit::Interrupted.into()),
    };
    let (file, tasks) = (args.file, args.task);
    let worked = match operator::client(&opened, &environment) {
        Ok(client) => tokio::select! {
            done = spawn_blocking(move || write(&client, file, &tasks, json)) =>
                done.map_err(anyhow::Error::from).flatten().map(|()| Exit::Done),
            () = interrupted() => Ok(Exit::Interrupted),
        },
        Err(error) => Err(error),
    };
    opened.stop().await;
    worked.map(ExitCode::from)
}

fn write(
    client: &Client,
    file: Option<PathBuf>,
    tasks: &[String],
    json: bool,
) -> anyhow::Result<()> {
    let Some(path) = file else {
        // What is exported takes standard output.
        let (_, manifest) = fill(client, std::io::stdout().lock(), tasks, json)?;
        if !json {
            let _ = writeln!(std::io::stderr().lock(), "{}", said(&manifest, None));
        }
        return Ok(());
    };
    let part = part_of(&path);
    let context = || format!("could not write {}", path.display());
    let out = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&part)
        .with_context(context)?;
    let whole = |out: File| -> anyhow::Result<Manifest> {
        let (out, manifest) = fill(client, out, tasks, json)?;
        out.sync_all().with_context(context)?;
        std::fs::rename(&part, &path).with_context(context)?;
        Ok(manifest)
    };
    let manifest = whole(out).inspect_err(|_| {
        // What was written of it is of no use.
        let _ = std::fs::remove_file(&part);
    })?;
    let value = json!({
        "type": "exported", "file": path.display().to_string(), "tasks": manifest.tasks,
        "rows": manifest.rows, "sha256": manifest.sha256,
    });
    Output::new(json).tell(&value, &[said(&manifest, Some(&path))]);
    Ok(())
}

fn fill<W: std::io::Write>(
    client: &Client,
    out: W,
    tasks: &[String],
    json: bool,
) -> anyhow::Result<(W, Manifest)> {
    let head = Head {
        orchestrator_export: VERSION,
        created_at: clock::appwrite_time(clock::now()),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        project: client.project().to_owned(),
    };
    let mut told = Told::new(json);
    let mut export = Export {
        client,
        archive: Writer::begin(out, &head)?,
        progress: &mut |tasks| told.count("exported", tasks),
    };
    match tasks {
        [] => export.all()?,
        some => export.some(some)?,
    }
    export.archive.end()
}

/// The file until it is whole.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn said(manifest: &Manifest, path: Option<&Path>) -> String {
    let rows: u64 = manifest.rows.values().sum();
    let place = path.map_or_else(String::new, |path| format!(" to {}", path.display()));
    format!(
        "Exported {} tasks with {rows} rows{place}; SHA-256 of its lines {}.",
        manifest.tasks, manifest.sha256
    )
}
