//! The embedded platform with everything around it: stand-ins for the services that have
//! no key, and the functions' settings.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use local::admin::EMAIL_DEFAULT;
use local::auth::ScopedKey;
use local::config::ProjectConfig;
use local::faults::Faults;
use local::github::{Account, GitHub, GitHubConfig};
use local::models::{Models, ModelsConfig};
use local::platform::{Platform, PlatformConfig};
use local::sandbox::BuildSettings;
use pipeline::Stage;
use secrecy::{ExposeSecret, SecretString};
use shell::config::is_replaced;

use crate::args::PlatformArgs;
use crate::data::{Data, Ports, Running, SEAL_KEYS_FILE, SealKeys};
use crate::environment::Environment;
use crate::web_page;

/// Key of the scripted models. They are on loopback and cost nothing: it keeps nobody out.
const SCRIPTED_KEY: &str = "scripted-models-take-this-key";
/// Token of the stand-in GitHub, likewise.
pub const STAND_IN_TOKEN: &str = "stand-in-github-takes-this-token";
/// Login of the stand-in GitHub's only account.
const STAND_IN_LOGIN: &str = "demo";
/// An organization of that account.
const STAND_IN_ORGANIZATION: &str = "demo-org";
/// Model name of the scripted models.
const SCRIPTED_MODEL: &str = "scripted";
/// Whoever has this label may execute create-task.
pub const OWNER_LABEL: &str = "orchestrator";
/// This program, which is also the relay of builds, beside the functions: the own executable may
/// be that of a test.
const PROGRAM: &str = "orchestrator";
/// The deployed shape, unless another is given.
pub(crate) const CONFIG: &str = include_str!("../../appwrite.json");

/// A platform with everything around it.
pub struct Hosting {
    pub platform: Platform,
    models: Option<Models>,
    github: Option<GitHub>,
}

/// What is served.
pub struct Plan {
    pub project_id: String,
    pub key: Option<SecretString>,
    /// Who signs in to the console; see [`PlatformConfig`].
    pub admin_email: String,
    pub admin_password: Option<SecretString>,
    /// Keys that may do less.
    pub extra_keys: Vec<ScopedKey>,
    /// Whether functions with a variable `SHIM_MODE` are played instead of run.
    pub stand_in_functions: bool,
    /// Labels of users who sign up: none on Appwrite, where the project's owner gives them.
    pub new_user_labels: Vec<String>,
    pub config: Option<ProjectConfig>,
}

impl Plan {
    /// The orchestrator itself.
    ///
    /// # Errors
    /// Only if the configuration that this program carries is damaged.
    pub fn orchestrator() -> anyhow::Result<Self> {
        let config = ProjectConfig::parse(CONFIG)?;
        Ok(Self {
            project_id: config.project_id.clone(),
            key: None,
            admin_email: EMAIL_DEFAULT.to_owned(),
            admin_password: None,
            extra_keys: Vec::new(),
            stand_in_functions: false,
            // Who reaches this platform is its owner.
            new_user_labels: vec![OWNER_LABEL.to_owned()],
            config: Some(config),
        })
    }
}

/// Which services are real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Services {
    pub grok: bool,
    pub claude: bool,
    pub github: bool,
}

impl Services {
    /// A service is real where its key is set, or where another model has taken its roles.
    pub fn of(environment: &Environment) -> Self {
        let set = |name| environment.get(name).is_some();
        let replaced = |name, functions: &[&str]| {
            functions
                .iter()
                .all(|function| is_replaced(name, function, |name| environment.get(name)))
        };
        Self {
            grok: set("GROK_API_KEY") || replaced("GROK_API_KEY", &["plan", "review"]),
            claude: set("ANTHROPIC_API_KEY") || replaced("ANTHROPIC_API_KEY", &["run-agent"]),
            github: set("GITHUB_TOKEN") || set("GITHUB_APP_ID"),
        }
    }

    /// Lines that say of every service what serves it.
    pub fn lines(self) -> [String; 3] {
        let line = |name: &str, real: bool, stand_in: &str, key: &str| {
            if real {
                format!("{name}: the real service")
            } else {
                format!("{name}: {stand_in} (no {key})")
            }
        };
        [
            line("Grok", self.grok, "scripted model", "GROK_API_KEY"),
            line("Claude", self.claude, "scripted model", "ANTHROPIC_API_KEY"),
            line(
                "GitHub",
                self.github,
                "stand-in on this machine",
                "GITHUB_TOKEN",
            ),
        ]
    }
}

impl Hosting {
    /// Starts everything and returns when it answers.
    ///
    /// # Errors
    /// A port that was asked for is taken, a folder can not be used, or the configuration
    /// is refused.
    pub async fn start(
        args: &PlatformArgs,
        data: &Data,
        environment: Environment,
        plan: Plan,
    ) -> anyhow::Result<Self> {
        let seed = args.fault_seed.unwrap_or_else(local::faults::random_seed);
        let faults = Faults::parse(&args.faults, seed).context("--faults can not be read")?;
        let models = local::models::Faults::default();
        Self::start_with(args, data, environment, plan, (faults, models)).await
    }

    /// The same, with faults of the platform and of the scripted models that only tests can give.
    ///
    /// # Errors
    /// As [`Hosting::start`].
    pub async fn start_with(
        args: &PlatformArgs,
        data: &Data,
        mut environment: Environment,
        plan: Plan,
        (faults, model_faults): (Faults, local::models::Faults),
    ) -> anyhow::Result<Self> {
        let mut ports: Ports = data.read("ports.json")?;
        let services = Services::of(&environment);
        let (models, github) = if plan.config.is_some() {
            stand_ins(data, &mut environment, &mut ports, model_faults).await?
        } else {
            (None, None)
        };
        if plan.config.is_some() {
            own_credentials(data, &mut environment)?;
        }
        let listener = listen(args.port, ports.platform)?;
        let port = listener.local_addr()?.port();
        // Nothing that ran before this start still runs, so silence is told from death sooner.
        environment.default("SITE_DOMAIN", format!("localhost:{port}"));
        environment.default("NOTICE_PAGE_URL", format!("http://localhost:{port}"));
        environment.default("CLAIM_HEARTBEAT_SECONDS", "1");
        environment.default("CLAIM_LAPSE_SECONDS", "3");
        environment.default("CHECK_AFTER_SECONDS", "2");
        // Whoever makes functions on an empty platform is not handed this person's secrets.
        let variables = match plan.config {
            Some(_) => variables(&environment),
            None => BTreeMap::new(),
        };
        let functions_dir = functions_dir()?;
        let has_functions = plan.config.is_some();
        let config = PlatformConfig {
            listener: Some(listener),
            key: plan.key,
            admin_email: plan.admin_email,
            admin_password: plan.admin_password,
            extra_keys: plan.extra_keys,
            stand_in_functions: plan.stand_in_functions,
            web_root: has_functions.then(|| web_page::root(services)),
            config: plan.config,
            variables,
            slots: usize::from(args.slots),
            new_user_labels: plan.new_user_labels,
            sweep_every: Some(Duration::from_secs(args.sweep_every)),
            faults,
            sync: args.sync,
            builds: BuildSettings {
                relay: Some(functions_dir.join(PROGRAM)).filter(|path| path.is_file()),
                registry: None,
            },
            ..PlatformConfig::new(&plan.project_id, data.path("platform"), functions_dir)
        };
        let platform = Platform::start(config)
            .await
            .context("could not start the embedded platform")?;
        ports.platform = platform.port();
        data.write("ports.json", &ports)?;
        data.tell_running(&Running {
            pid: std::process::id(),
            endpoint: platform.endpoint().to_owned(),
            project: plan.project_id,
            has_functions,
            is_scripted: models.is_some(),
        })?;
        Ok(Self {
            platform,
            models,
            github,
        })
    }

    /// A line about the faults, where there are any.
    pub fn faults_line(&self) -> Option<String> {
        let faults = &self.platform.kernel().faults;
        (!faults.is_empty()).then(|| format!("Faults    on, with --fault-seed {}", faults.seed()))
    }

    /// The scripted models, where one of the model services is not real.
    pub fn models(&self) -> Option<&Models> {
        self.models.as_ref()
    }

    /// The stand-in GitHub, where GitHub is not real.
    pub fn github(&self) -> Option<&GitHub> {
        self.github.as_ref()
    }

    /// Stops everything; running functions get a moment to end.
    pub async fn stop(self) {
        self.platform.shutdown().await;
        if let Some(models) = self.models {
            models.shutdown().await;
        }
        if let Some(github) = self.github {
            github.shutdown().await;
        }
    }
}

/// Lets owners set credentials of their own: the keys that these are sealed with are made once
/// and kept in the data folder.
fn own_credentials(data: &Data, environment: &mut Environment) -> anyhow::Result<()> {
    let names = ["CREDENTIALS_PUBLIC_KEY", "CREDENTIALS_SECRET_KEY"];
    if names.iter().all(|name| environment.get(name).is_none()) {
        let mut keys: SealKeys = data.read(SEAL_KEYS_FILE)?;
        if keys.public_key.is_empty() {
            let (public_key, secret_key) = shell::credentials::new_key_pair();
            keys = SealKeys {
                public_key,
                secret_key: secret_key.expose_secret().to_owned(),
            };
            data.write(SEAL_KEYS_FILE, &keys)?;
        }
        environment.set(names[0], keys.public_key);
        environment.set(names[1], keys.secret_key);
    }
    environment.default("CREDENTIALS_HTTP", "loopback");
    Ok(())
}

async fn stand_ins(
    data: &Data,
    environment: &mut Environment,
    ports: &mut Ports,
    model_faults: local::models::Faults,
) -> anyhow::Result<(Option<Models>, Option<GitHub>)> {
    let services = Services::of(environment);
    let models = if services.grok && services.claude {
        None
    } else {
        Some(scripted_models(model_faults).await?)
    };
    if let Some(models) = &models {
        point_at(environment, models, services);
    }
    let github = if services.github {
        None
    } else {
        Some(stand_in_github(data, ports.github).await?)
    };
    if let Some(github) = &github {
        environment.set("GITHUB_TOKEN", STAND_IN_TOKEN);
        environment.set("GITHUB_BASE_URL", github.base_url());
        ports.github = github
            .base_url()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .unwrap_or(0);
    }
    Ok((models, github))
}

/// Points the services that have no key at the scripted models.
pub fn point_at(environment: &mut Environment, models: &Models, services: Services) {
    if !services.grok {
        environment.set("GROK_API_KEY", SCRIPTED_KEY);
        environment.set("GROK_BASE_URL", models.xai_base_url());
        environment.default("GROK_MODEL", SCRIPTED_MODEL);
    }
    if !services.claude {
        environment.set("ANTHROPIC_API_KEY", SCRIPTED_KEY);
        environment.set("ANTHROPIC_BASE_URL", models.anthropic_base_url());
        environment.default("ANTHROPIC_MODEL", SCRIPTED_MODEL);
    }
}

/// Starts the scripted models, with these faults.
///
/// # Errors
/// No port is free.
pub async fn scripted_models(faults: local::models::Faults) -> anyhow::Result<Models> {
    let config = ModelsConfig {
        bind: loopback(0),
        key: SecretString::from(SCRIPTED_KEY),
        faults,
    };
    Models::start(config)
        .await
        .context("could not start the scripted models")
}

async fn stand_in_github(data: &Data, port: u16) -> anyhow::Result<GitHub> {
    let account = Account {
        login: STAND_IN_LOGIN.to_owned(),
        token: SecretString::from(STAND_IN_TOKEN),
        scopes: ["repo", "workflow"].map(str::to_owned).to_vec(),
        organizations: vec![STAND_IN_ORGANIZATION.to_owned()],
    };
    let config = GitHubConfig {
        data_dir: data.path("github"),
        bind: loopback(free_or_any(port)),
        accounts: vec![account],
        access: Default::default(),
        open_clone: true,
        faults: Default::default(),
    };
    GitHub::start(config)
        .await
        .context("could not start the stand-in GitHub")
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Listens on the port that was asked for, else on the one of the last time, else on any.
fn listen(asked: Option<u16>, last: u16) -> anyhow::Result<TcpListener> {
    if let Some(port) = asked {
        return TcpListener::bind(loopback(port))
            .with_context(|| format!("port {port} is taken; choose another with --port"));
    }
    TcpListener::bind(loopback(last))
        .or_else(|_| TcpListener::bind(loopback(0)))
        .context("no port is free")
}

/// `port` if nobody has it, else any.
fn free_or_any(port: u16) -> u16 {
    if TcpListener::bind(loopback(port)).is_ok() {
        port
    } else {
        0
    }
}

fn variables(environment: &Environment) -> BTreeMap<String, BTreeMap<String, String>> {
    Stage::ALL
        .into_iter()
        .map(|stage| {
            (
                stage.function_id().to_owned(),
                environment.of_function(stage.function_id()),
            )
        })
        .collect()
}

/// The functions' executables lie beside this program's; those of tests lie one folder
/// deeper.
fn functions_dir() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("could not find the own executable")?;
    let first = Stage::CreateTask.function_id();
    let folder = own
        .ancestors()
        .skip(1)
        .take(2)
        .find(|folder| folder.join(first).is_file());
    folder.map(PathBuf::from).with_context(|| {
        format!(
            "the functions are not beside {}; build the whole workspace",
            own.display()
        )
    })
}
