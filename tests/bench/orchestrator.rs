//! The orchestrator on the embedded platform, in a process of its own, and a person who uses it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use appwrite::{Client, Credential, Method, NewExecution, Settings};
use cli::args::PlatformArgs;
use cli::data::Data;
use cli::environment::Environment;
use cli::hosting::{Hosting, Plan};
use futures::{SinkExt as _, StreamExt as _};
use local::counts::Counts;
use local::faults::Faults;
use local::store::Durability;
use rusqlite::{Connection, OpenFlags};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::own::Own;
use crate::process;
use crate::services::{Arrived, pass_latency};

/// Events that the platform handles at the same time.
pub(crate) const SLOTS: u16 = 512;
/// Agents of a task at the same time, and assignments of its plan.
pub(crate) const PARALLELISM: usize = 8;
/// Nobody waits longer for a task.
const PATIENCE: Duration = Duration::from_secs(120);
/// No sweep makes up for anything: a task that needs one does not end, and is an error.
const SWEEP_SECONDS: u64 = 86_400;
const PROJECT: &str = "orchestrator";

/// A running orchestrator.
pub(crate) struct Orchestrator {
    own: Own,
    store: PathBuf,
}

/// What was done so far.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    /// Requests that functions made of the platform.
    requests: u64,
    /// Rows in all tables of the store.
    rows: u64,
    /// Bytes of the store.
    bytes: u64,
}

impl Work {
    /// What came since `before`.
    pub(crate) fn since(self, before: &Self) -> Self {
        Self {
            requests: self.requests - before.requests,
            rows: self.rows.saturating_sub(before.rows),
            bytes: self.bytes.saturating_sub(before.bytes),
        }
    }

    /// Requests, rows and bytes for each of `count`.
    pub(crate) fn per(self, count: usize) -> (f64, f64, f64) {
        let each = |all: u64| all as f64 / count as f64;
        (each(self.requests), each(self.rows), each(self.bytes))
    }
}

/// The outside services.
pub(crate) struct Services(Own);

impl Services {
    /// Starts them; plans have so many assignments.
    pub(crate) fn start(assignments: usize) -> anyhow::Result<Self> {
        Own::start(&["services", &assignments.to_string()]).map(Self)
    }

    /// Processor time so far.
    pub(crate) fn cpu(&self) -> Duration {
        process::cpu_of_tree(self.0.child.id())
    }
}

impl Orchestrator {
    /// Starts one over a folder of data and returns when it answers.
    pub(crate) fn start(
        data: &Path,
        sync: Durability,
        services: &Services,
    ) -> anyhow::Result<Self> {
        let (folder, port) = (data.display().to_string(), services.0.port.to_string());
        Ok(Self {
            own: Own::start(&["orchestrator", &folder, sync.as_str(), &port])?,
            store: data.join("platform/platform.db"),
        })
    }

    /// What was done so far.
    pub(crate) fn work(&mut self) -> anyhow::Result<Work> {
        let input = self.own.child.stdin.as_mut().context("it has no input")?;
        input.write_all(b"requests\n")?;
        let mut line = String::new();
        self.own.output.read_line(&mut line)?;
        let store = Connection::open_with_flags(&self.store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut names = store.prepare("SELECT name FROM sqlite_master WHERE type = 'table'")?;
        let names: Vec<String> = names
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let number =
            |query: &str| store.query_row(query, [], |row| row.get::<_, u32>(0).map(u64::from));
        let mut rows = 0;
        for name in names {
            rows += number(&format!("SELECT COUNT(*) FROM \"{name}\""))?;
        }
        Ok(Work {
            requests: line.trim().parse()?,
            rows,
            bytes: number("PRAGMA page_count")? * number("PRAGMA page_size")?,
        })
    }

    /// Processor time of the platform and of all functions so far.
    pub(crate) fn cpu(&self) -> Duration {
        process::cpu_of_tree(self.own.child.id())
    }

    /// Resident bytes of the platform, and of the functions.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let id = self.own.child.id();
        let (own, all) = (process::resident(id), process::resident_of_tree(id));
        (own, all - own)
    }

    /// A new anonymous user.
    pub(crate) fn user(&self) -> anyhow::Result<Person> {
        let endpoint = format!("http://127.0.0.1:{}/v1", self.own.port);
        let guest = Client::new(Settings {
            endpoint: endpoint.clone(),
            project: PROJECT.to_owned(),
            credential: Credential::Guest,
            timeout: Duration::from_secs(60),
            retries_max: 0,
        })?;
        let (_, token) = guest.account().create_anonymous_session()?;
        let client = guest.with_credential(Credential::Session(token.clone()));
        Ok(Person {
            client,
            token,
            endpoint,
            assignments: PARALLELISM,
        })
    }
}

/// Somebody with tasks.
#[derive(Clone)]
pub(crate) struct Person {
    client: Client,
    token: SecretString,
    endpoint: String,
    assignments: usize,
}

impl Person {
    /// The same, whose plans may have so many assignments.
    pub(crate) fn with_assignments(self, assignments: usize) -> Self {
        Self {
            assignments,
            ..self
        }
    }

    /// Hands in `count` tasks at once, and returns how long each took from then to `completed`,
    /// as the person hears of it, the quickest first.
    pub(crate) async fn run(&self, count: usize) -> anyhow::Result<Vec<Duration>> {
        let url = format!(
            "{}/realtime?project={PROJECT}&channels[]=databases.orchestrator.tables.tasks.rows",
            self.endpoint.replacen("http", "ws", 1)
        );
        let (mut socket, _) = connect_async(url).await?;
        let sign_in =
            json!({"type": "authentication", "data": {"session": self.token.expose_secret()}});
        socket.send(Message::text(sign_in.to_string())).await?;
        // The answer to the sign-in: from now on everything is heard.
        while let Some(message) = socket.next().await {
            if message?.to_text()?.contains("\"authentication\"") {
                break;
            }
        }
        let begun = Instant::now();
        let submitted: Vec<_> = (0..count)
            .map(|number| {
                let person = self.clone();
                tokio::task::spawn_blocking(move || person.submit(number))
            })
            .collect();
        let mut took = Vec::new();
        while took.len() < count {
            let message = tokio::time::timeout(PATIENCE, socket.next()).await;
            let message = message
                .context("a task does not end")?
                .context("the connection ended")??;
            let Ok(text) = message.to_text() else {
                continue;
            };
            let event: Value = serde_json::from_str(text).unwrap_or_default();
            let task = &event["data"]["payload"];
            match task["status"].as_str() {
                Some("completed") => took.push(begun.elapsed()),
                Some("failed") => anyhow::bail!("a task failed: {}", task["failure"]),
                _ => {}
            }
        }
        for submitted in submitted {
            submitted.await??;
        }
        Ok(took)
    }

    fn submit(&self, number: usize) -> anyhow::Result<()> {
        let brief = json!({
            "name": format!("measured {number}"), "description": "Files side by side.", "type": "web",
            "requirements": [], "options": {"parallelism": PARALLELISM, "assignmentsMax": self.assignments, "workflows": "none"},
        });
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        let execution = self.client.executions().create(
            "create-task",
            &NewExecution {
                body: brief.to_string(),
                path: "/".to_owned(),
                is_async: false,
                method: Method::Post,
                headers,
                ..NewExecution::default()
            },
        )?;
        anyhow::ensure!(
            execution.response_status_code == 201,
            "create-task answered {}: {}",
            execution.response_status_code,
            execution.response_body
        );
        Ok(())
    }
}

/// The other process: serves until its standard input ends.
pub(crate) fn serve(mut words: impl Iterator<Item = String>) -> anyhow::Result<ExitCode> {
    let mut word = || words.next().context("orchestrator DATA SYNC SERVICES");
    let folder = word()?;
    let sync: Durability = word()?.parse().map_err(anyhow::Error::msg)?;
    let services = format!("http://127.0.0.1:{}", word()?);
    // What goes wrong is told: a figure with an error in it is none.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = [
        ("GROK_API_KEY", "bench"),
        ("GROK_BASE_URL", &format!("{services}/v1")),
        ("ANTHROPIC_API_KEY", "bench"),
        ("ANTHROPIC_BASE_URL", &services),
        ("GITHUB_TOKEN", "bench"),
        ("GITHUB_BASE_URL", &services),
        ("OWNER_OPEN_TASKS_MAX", "0"),
        ("OWNER_TASKS_A_MINUTE_MAX", "0"),
        ("OWNER_TASKS_A_DAY_MAX", "0"),
        ("OWNER_USD_A_DAY_MAX", "0"),
        ("OWNER_USD_A_MONTH_MAX", "0"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut faults = Faults::default();
    // The call of the shape that a deployment makes.
    faults.on_request = Some(Arc::new(|asked| {
        let is_upload = asked.method == "POST" && asked.path.ends_with("/deployments");
        is_upload.then(|| {
            let wait: futures::future::BoxFuture<'static, ()> =
                Box::pin(pass_latency(Arrived::now()));
            wait
        })
    }));
    let args = PlatformArgs {
        data: folder.clone().into(),
        port: None,
        slots: SLOTS,
        sweep_every: SWEEP_SECONDS,
        faults: Vec::new(),
        fault_seed: None,
        sync,
    };
    tokio::runtime::Runtime::new()?.block_on(async {
        let data = Data::open(Path::new(&folder))?;
        let environment = Environment::of(settings.into_iter().collect());
        let faults = (faults, Default::default());
        let hosting =
            Hosting::start_with(&args, &data, environment, Plan::orchestrator()?, faults).await?;
        println!("{}", hosting.platform.port());
        let counts = hosting.platform.kernel().counts.clone();
        tokio::task::spawn_blocking(move || answer(&counts)).await??;
        hosting.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Answers each line of standard input with the number of requests so far.
fn answer(counts: &Counts) -> anyhow::Result<()> {
    for line in std::io::stdin().lines() {
        line?;
        let counts = counts.snapshot();
        let requests = counts.iter().filter(|(kind, _)| {
            !["executions:", "schedule:"]
                .iter()
                .any(|other| kind.starts_with(other))
        });
        println!("{}", requests.map(|(_, count)| count).sum::<u64>());
    }
    Ok(())
}
