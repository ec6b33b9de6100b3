//! A platform in a process of its own.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use local::config::ProjectConfig;
use local::platform::{Platform, PlatformConfig};
use local::store::Durability;
use secrecy::SecretString;
use serde_json::json;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::function::{self, now_ns};
use crate::own::Own;
use crate::process;

pub(crate) const PROJECT: &str = "bench";
pub(crate) const KEY: &str = "standard_bench";
/// Rows that no function hears of.
pub(crate) const ROWS: &str = "/v1/tablesdb/main/tables/notes/rows";
/// Rows that the function hears of.
pub(crate) const HEARD: &str = "/v1/tablesdb/main/tables/heard/rows";
/// How the names of what happens to these begin, as Appwrite spells a creation's.
const HEARD_NAMES: &str = "databases.main.collections.heard.";
/// The function's executions; one of them is enough to be told how many there are.
pub(crate) const EXECUTIONS: &str = "/v1/functions/listener/executions\
    ?queries%5B0%5D=%7B%22method%22%3A%22limit%22%2C%22values%22%3A%5B1%5D%7D";
/// The function's id, and the name of its executable.
const FUNCTION: &str = "listener";

/// A running platform.
pub(crate) struct Process {
    own: Own,
    pub(crate) port: u16,
}

/// Takes the moment of every event that the function hears of, from the line that the bus writes
/// to the log for it. An execution has events of its own: they are nobody's.
#[derive(Clone, Default)]
struct Published(Arc<Mutex<Vec<u128>>>);

impl<S: Subscriber> Layer<S> for Published {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let now = now_ns();
        let mut heard = Heard(false);
        event.record(&mut heard);
        if heard.0 {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(now);
        }
    }
}

/// Whether an event's name is one of [`HEARD`]'s.
struct Heard(bool);

impl Visit for Heard {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0 |= field.name() == "name" && value.starts_with(HEARD_NAMES);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Process {
    /// Starts one over a folder of data and returns when it answers. `report` is the port where
    /// its function tells of its requests.
    pub(crate) fn start(data: &Path, sync: Durability, report: u16) -> anyhow::Result<Self> {
        let (folder, report) = (data.display().to_string(), report.to_string());
        let own = Own::start(&["serve", &folder, sync.as_str(), &report])?;
        Ok(Self {
            port: own.port,
            own,
        })
    }

    /// Stops it, and says when it published each event that its function hears of, in nanoseconds
    /// since 1970.
    pub(crate) fn published(mut self) -> anyhow::Result<Vec<u128>> {
        drop(self.own.child.stdin.take());
        let mut text = String::new();
        self.own.output.read_to_string(&mut text)?;
        let moments = text.lines().map(|line| Ok(line.parse()?));
        moments.collect()
    }

    /// Processor time it has used, in microseconds: what a machine that does other things too
    /// leaves comparable.
    pub(crate) fn cpu_us(&self) -> anyhow::Result<f64> {
        let time = process::cpu(self.own.child.id()).context("no process")?;
        Ok(time.as_secs_f64() * 1e6)
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.own.kill()
    }
}

/// The other process: serves until its standard input ends.
pub(crate) fn serve(mut words: impl Iterator<Item = String>) -> anyhow::Result<ExitCode> {
    let mut word = || words.next().context("serve DATA SYNC REPORT");
    let data = PathBuf::from(word()?);
    let sync = word()?.parse().map_err(anyhow::Error::msg)?;
    let variables = BTreeMap::from([(function::REPORT.to_owned(), word()?)]);
    let functions = data.join("executables");
    std::fs::create_dir_all(&functions)?;
    let executable = functions.join(FUNCTION);
    if !executable.exists() {
        std::os::unix::fs::symlink(std::env::current_exe()?, executable)?;
    }
    let config = PlatformConfig {
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        key: Some(SecretString::from(KEY)),
        config: Some(config()?),
        variables: BTreeMap::from([(FUNCTION.to_owned(), variables)]),
        sync,
        ..PlatformConfig::new(PROJECT, data.join("platform"), functions)
    };
    let published = Published::default();
    let of_the_bus = Targets::new().with_target("local::bus", LevelFilter::TRACE);
    let layer = published.clone().with_filter(of_the_bus);
    tracing_subscriber::registry().with(layer).init();
    tokio::runtime::Runtime::new()?.block_on(async {
        let platform = Platform::start(config).await?;
        println!("{}", platform.port());
        let ended = || std::io::stdin().read_to_end(&mut Vec::new());
        tokio::task::spawn_blocking(ended).await??;
        platform.shutdown().await;
        let moments = published.0.lock().unwrap_or_else(PoisonError::into_inner);
        for moment in moments.iter() {
            println!("{moment}");
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn config() -> anyhow::Result<ProjectConfig> {
    let table = |id: &str| {
        json!({
            "$id": id, "name": id, "databaseId": "main", "$permissions": ["read(\"any\")"],
            "columns": [
                {"key": "title", "type": "string", "size": 128, "required": true},
                {"key": "client", "type": "integer"},
                {"key": "done", "type": "boolean", "default": false},
            ],
        })
    };
    let config = json!({
        "projectId": PROJECT, "projectName": PROJECT,
        "tablesDB": [{"$id": "main", "name": "main"}],
        "tables": [table("notes"), table("heard")],
        "functions": [{
            "$id": FUNCTION, "name": FUNCTION, "runtime": "rust-1.83",
            "events": ["databases.main.tables.heard.rows.*.create"],
        }],
    });
    Ok(ProjectConfig::parse(&config.to_string())?)
}
