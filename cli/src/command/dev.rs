//! `orchestrator dev`: the embedded platform, its functions built again and reloaded when
//! their sources change, the web page with hot reload, and one log of all of it.

mod child;
mod log;
mod sources;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use local::bus::Event;
use pipeline::Stage;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;

use crate::args::DevArgs;
use crate::data::Data;
use crate::environment::Environment;
use crate::hosting::{Hosting, Plan, Services};
use crate::interrupt::interrupted;

use child::Child;
use log::{Log, Part};
use sources::Sources;

/// How often the sources are looked at. What changes is built once it has been still as long.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// The page's server, in the folder `web`.
const VITE: &str = "node_modules/vite/bin/vite.js";

/// Serves until interrupted.
///
/// # Errors
/// No workspace here, or a platform that does not start.
pub(crate) async fn dev(args: DevArgs, json: bool) -> anyhow::Result<ExitCode> {
    let root = root(args.root.as_deref())?;
    let log = Log::new(json);
    let environment = Environment::read()?;
    let data = Data::open(&args.platform.data)?;
    let services = Services::of(&environment);
    let build = args.build.map_or_else(build_command, Ok)?;
    let hosting = Hosting::start(&args.platform, &data, environment, Plan::orchestrator()?).await?;
    let origin = hosting
        .platform
        .endpoint()
        .trim_end_matches("/v1")
        .to_owned();
    log.line(Part::Platform, &format!("Endpoint  {origin}/v1"));
    log.line(
        Part::Platform,
        &format!("Page      {origin}/ as it was built last"),
    );
    let console = hosting.platform.console_link();
    log.line(
        Part::Platform,
        &format!("Console   {}", console.expose_secret()),
    );
    for line in services.lines() {
        log.line(Part::Platform, &line);
    }
    log.line(Part::Platform, "Press Ctrl-C to stop.");
    let web = web_command(&root, args.web, args.no_web, &log);
    tokio::select! {
        () = interrupted() => {}
        ((), (), ()) = async {
            tokio::join!(
                rebuild(&log, &root, &build, &hosting),
                page(&log, &root, web.as_deref(), &origin),
                executions(&log, &hosting),
            )
        } => {}
    }
    log.line(Part::Platform, "Stopping.");
    hosting.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The folder with the sources: the one that was named, else the nearest above this one.
fn root(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir().context("could not find the working folder")?;
    let from = named.map_or(here.clone(), |named| here.join(named));
    let is_root =
        |folder: &&Path| folder.join("functions").is_dir() && folder.join("shared").is_dir();
    match from.ancestors().find(is_root) {
        Some(root) => Ok(root.to_owned()),
        None => bail!(
            "there are no sources at {}; run it in the repository",
            from.display()
        ),
    }
}

/// Builds the functions with the profile that this program was built with, beside which they lie.
/// The whole workspace: parts of it would have other features of the dependencies, and these
/// would be built anew.
fn build_command() -> anyhow::Result<String> {
    let own = std::env::current_exe().context("could not find the own executable")?;
    let folder = own.parent().and_then(Path::file_name).unwrap_or_default();
    let profile = match folder.to_string_lossy() {
        name if name == "debug" => "dev".to_owned(),
        name => name.into_owned(),
    };
    Ok(format!(
        "cargo build --quiet --workspace --bins --profile {profile}"
    ))
}

/// Builds at once and whenever the sources have changed, and has the functions started anew.
async fn rebuild(log: &Log, root: &Path, build: &str, hosting: &Hosting) {
    let sources = Sources::new(root);
    let mut built = sources.look();
    loop {
        log.line(Part::Build, "Building the functions.");
        let ended = Child::shell(build, root, &[]).run(log, Part::Build).await;
        match ended {
            Ok(status) if status.success() => {
                hosting.platform.renew_functions();
                log.line(
                    Part::Build,
                    "Built. Functions start anew with their next execution.",
                );
            }
            Ok(_) => log.line(
                Part::Build,
                "The build failed. The functions go on as they were; save a correction.",
            ),
            Err(error) => log.line(
                Part::Build,
                &format!("The build could not be started: {error}"),
            ),
        }
        built = changed(&sources, built).await;
    }
}

/// Waits until the sources differ from `built` and are still. Returns what they are then.
async fn changed(sources: &Sources, built: u64) -> u64 {
    let mut last = built;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = sources.look();
        if now != built && now == last {
            return now;
        }
        last = now;
    }
}

fn web_command(root: &Path, named: Option<String>, is_off: bool, log: &Log) -> Option<String> {
    if is_off {
        return None;
    }
    if named.is_some() {
        return named;
    }
    let is_there = root.join("web").join(VITE).is_file();
    if !is_there {
        log.line(
            Part::Web,
            "No hot reload: run `npm ci` in web/, then start this again.",
        );
    }
    is_there.then(|| format!("node {VITE} --host 127.0.0.1 --clearScreen false"))
}

/// Serves the page with hot reload, from its sources.
async fn page(log: &Log, root: &Path, command: Option<&str>, origin: &str) {
    if let Some(command) = command {
        let variables = [("ORCHESTRATOR_PLATFORM", origin)];
        let folder = root.join("web");
        let ended = Child::shell(command, &folder, &variables)
            .run(log, Part::Web)
            .await;
        let why = match ended {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        log.line(Part::Web, &format!("The page's server has ended ({why})."));
    }
    std::future::pending().await
}

/// Tells what functions log.
async fn executions(log: &Log, hosting: &Hosting) {
    let mut events = hosting.platform.kernel().bus.subscribe();
    loop {
        match events.recv().await {
            Ok(event) => tell(log, &event),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

fn tell(log: &Log, event: &Event) {
    let text = |name: &str| event.payload[name].as_str().unwrap_or_default();
    let name = text("functionId");
    let Some(index) = Stage::ALL
        .iter()
        .position(|stage| stage.function_id() == name)
    else {
        return;
    };
    for line in text("logs").lines().chain(text("errors").lines()) {
        log.line(Part::Function(index), line_of_log(line).as_str());
    }
    if text("status") == "failed" {
        log.line(Part::Function(index), "The execution failed.");
    }
}

/// What a person reads of a line of a log, which may be JSON.
fn line_of_log(line: &str) -> String {
    let parsed: Value = serde_json::from_str(line).unwrap_or_default();
    match parsed["message"].as_str() {
        Some(message) => message.to_owned(),
        None => line.to_owned(),
    }
}
