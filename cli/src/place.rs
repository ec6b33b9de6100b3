//! Where the functions are: a project of an Appwrite that was named, else the embedded
//! platform that another process serves from the data folder, else one that is started for
//! as long as the command runs.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::net::TcpStream;

use crate::args::PlatformArgs;
use crate::data::{Data, Running};
use crate::environment::Environment;
use crate::hosting::{Hosting, Plan};

/// Longest that another process may take to start its platform, or to end with it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two looks at it.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Where the functions are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The API's address with its `/v1`.
    pub(crate) endpoint: String,
    /// The project's id.
    pub(crate) project: String,
}

/// Who serves a place.
pub(crate) enum Server {
    /// An Appwrite that was named.
    Appwrite,
    /// Another process on this machine, by its number.
    Process(u32),
    /// This process, until it ends.
    Here(Box<Hosting>),
}

/// A place, who serves it, and the data folder for it.
pub(crate) struct Opened {
    pub(crate) place: Place,
    pub(crate) server: Server,
    /// Whether models are known to be scripted, so that what they cost is charged to nobody.
    pub(crate) is_scripted: bool,
    // Last, so that the folder is let go of when nothing is served any more.
    pub(crate) data: Data,
}

impl Opened {
    /// The project that `environment` names, the embedded platform that runs on the data
    /// folder, or one that is started here.
    ///
    /// # Errors
    /// An endpoint without a project, a platform that does not start, or options for it while
    /// another process serves it.
    pub(crate) async fn open(
        args: &PlatformArgs,
        environment: Environment,
    ) -> anyhow::Result<Self> {
        let mut data = Data::share(&args.data)?;
        if let Some(endpoint) = environment.get("APPWRITE_ENDPOINT") {
            let project = environment
                .get("APPWRITE_PROJECT_ID")
                .context("APPWRITE_ENDPOINT is set but APPWRITE_PROJECT_ID is not")?;
            let place = Place {
                endpoint: endpoint.to_owned(),
                project: project.to_owned(),
            };
            let server = Server::Appwrite;
            return Ok(Self {
                place,
                server,
                is_scripted: false,
                data,
            });
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            data = match data.serve()? {
                Ok(data) => return Self::start(args, data, environment).await,
                Err(data) => data,
            };
            // Whoever serves the folder may be about to tell so, or about to end.
            if let Some(running) = data.running()
                && answers(&running.endpoint).await
            {
                return Self::join(args, data, running);
            }
            ensure!(
                Instant::now() < deadline,
                "another orchestrator uses {} and serves nothing there; stop it or choose another folder with --data",
                args.data.display()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn start(
        args: &PlatformArgs,
        data: Data,
        environment: Environment,
    ) -> anyhow::Result<Self> {
        let plan = Plan::orchestrator()?;
        let project = plan.project_id.clone();
        let hosting = Hosting::start(args, &data, environment, plan).await?;
        let place = Place {
            endpoint: hosting.platform.endpoint().to_owned(),
            project,
        };
        let is_scripted = hosting.models().is_some();
        let server = Server::Here(Box::new(hosting));
        Ok(Self {
            place,
            server,
            is_scripted,
            data,
        })
    }

    fn join(args: &PlatformArgs, data: Data, running: Running) -> anyhow::Result<Self> {
        let pid = running.pid;
        ensure!(
            running.has_functions,
            "process {pid} serves {} without the functions; start it with --config appwrite.json, or choose another folder with --data",
            args.data.display()
        );
        if !args.faults.is_empty() || args.fault_seed.is_some() || args.port.is_some() {
            bail!(
                "--port, --faults and --fault-seed are for a platform that starts, and process {pid} serves {} already; stop it or choose another folder with --data",
                args.data.display()
            );
        }
        let place = Place {
            endpoint: running.endpoint,
            project: running.project,
        };
        Ok(Self {
            place,
            server: Server::Process(pid),
            is_scripted: running.is_scripted,
            data,
        })
    }

    /// The platform, where this process serves it.
    pub(crate) fn hosting(&self) -> Option<&Hosting> {
        match &self.server {
            Server::Here(hosting) => Some(hosting),
            Server::Appwrite | Server::Process(_) => None,
        }
    }

    /// Stops what was started here.
    pub(crate) async fn stop(self) {
        match self.server {
            Server::Here(hosting) => hosting.stop().await,
            Server::Appwrite | Server::Process(_) => {}
        }
    }
}

/// Whether somebody listens there.
async fn answers(endpoint: &str) -> bool {
    let address = endpoint.trim_start_matches("http://");
    let address = address.split('/').next().unwrap_or_default();
    let connected = tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address));
    matches!(connected.await, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Parser as _;
    use local::platform::{Platform, PlatformConfig};

    use super::*;

    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        platform: PlatformArgs,
    }

    fn args(data: &std::path::Path, more: &[&str]) -> PlatformArgs {
        let line = ["x", "--data", data.to_str().unwrap()];
        let line = line.into_iter().chain(more.iter().copied());
        Typed::try_parse_from(line).unwrap().platform
    }

    fn nothing_set() -> Environment {
        Environment::of(BTreeMap::new())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_platform_that_runs_is_joined() {
        let folder = tempfile::tempdir().unwrap();
        let platform = PlatformConfig::new("p", folder.path().join("p"), folder.path().join("f"));
        let platform = Platform::start(platform).await.unwrap();
        let data = Data::open(folder.path()).unwrap();
        let mut running = Running {
            pid: 12,
            endpoint: platform.endpoint().to_owned(),
            project: "p".to_owned(),
            has_functions: true,
            is_scripted: true,
        };
        data.tell_running(&running).unwrap();
        let open = async |more: &[&str]| {
            let opened = Opened::open(&args(folder.path(), more), nothing_set()).await;
            opened.map_err(|error| error.to_string())
        };
        let joined = open(&[]).await.unwrap();
        assert!(matches!(joined.server, Server::Process(12)));
        assert_eq!(joined.place.endpoint, platform.endpoint());
        assert!(joined.hosting().is_none() && joined.is_scripted);
        joined.stop().await;
        assert_eq!(data.running().as_ref(), Some(&running));

        let error = open(&["--faults", "drop-event"]).await.err().unwrap();
        assert!(error.contains("process 12 serves"), "{error}");
        running.has_functions = false;
        data.tell_running(&running).unwrap();
        let error = open(&[]).await.err().unwrap();
        assert!(error.contains("without the functions"), "{error}");
        platform.shutdown().await;
    }

    #[tokio::test]
    async fn a_named_appwrite_needs_no_folder_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let _served = Data::open(folder.path()).unwrap();
        let set = [
            ("APPWRITE_ENDPOINT", "https://example.org/v1"),
            ("APPWRITE_PROJECT_ID", "p"),
        ];
        let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment::of(BTreeMap::from(set));
        let opened = Opened::open(&args(folder.path(), &[]), environment).await;
        let opened = opened.unwrap();
        assert!(matches!(opened.server, Server::Appwrite));
        assert_eq!(opened.place.project, "p");
    }
}
