//! A site: its settings and which of its deployments is served.

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::variable::Variable;
use crate::config::{SiteConfig, TIMEOUT_MAX_S};
use crate::error::ApiError;
use crate::functions::registry::SPECIFICATION;
use crate::store::Writer;
use crate::{clock, ids};

/// Frameworks a site may name (Appwrite 1.9.6, measured).
pub(super) const FRAMEWORKS: &[&str] = &[
    "analog",
    "angular",
    "nextjs",
    "react",
    "nuxt",
    "vue",
    "sveltekit",
    "astro",
    "tanstack-start",
    "remix",
    "lynx",
    "flutter",
    "react-native",
    "vite",
    "other",
];
/// What the names of build runtimes begin with.
const BUILD_RUNTIMES: &[&str] = &["node-", "static-", "flutter-"];
/// Words for how a site is rendered.
const ADAPTERS: &[&str] = &["static", "ssr"];
/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 128;
/// Longest command or folder, in characters.
const COMMAND_CHARS_MAX: usize = 8_192;
/// Seconds a request may take when nothing is said.
const TIMEOUT_DEFAULT_S: u32 = 30;

/// A site as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Site {
    pub(crate) id: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub(crate) updated_ms: i64,
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) logging: bool,
    pub(crate) timeout: u32,
    pub(crate) framework: String,
    pub(crate) build_runtime: String,
    /// `static`, `ssr`, or empty until the first build has found out.
    pub(crate) adapter: String,
    pub(crate) install_command: String,
    pub(crate) build_command: String,
    pub(crate) start_command: String,
    pub(crate) output_directory: String,
    pub(crate) fallback_file: String,
    /// The deployment that is served; none before the first activation.
    pub(crate) active: Option<Pointer>,
    /// The deployment made last.
    pub(crate) latest: Option<Pointer>,
    /// How far the latest deployment is; empty without one.
    pub(crate) latest_status: String,
    /// Whether what is served was built with the settings and variables as they are.
    #[serde(default = "yes")]
    pub(super) live: bool,
    /// Environment of builds.
    #[serde(default)]
    pub(super) variables: Vec<Variable>,
}

fn yes() -> bool {
    true
}

/// A deployment as its site remembers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pointer {
    pub(crate) id: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: i64,
}

impl Site {
    fn empty(id: String) -> Self {
        let now = clock::now().as_millisecond();
        Self {
            id,
            created_ms: now,
            updated_ms: now,
            name: String::new(),
            enabled: true,
            logging: true,
            timeout: TIMEOUT_DEFAULT_S,
            framework: String::new(),
            build_runtime: String::new(),
            adapter: String::new(),
            install_command: String::new(),
            build_command: String::new(),
            start_command: String::new(),
            output_directory: String::new(),
            fallback_file: String::new(),
            active: None,
            latest: None,
            latest_status: String::new(),
            live: true,
            variables: Vec::new(),
        }
    }

    fn set(&mut self, config: &SiteConfig) {
        let config = config.clone();
        self.name = config.name;
        self.enabled = config.enabled;
        self.logging = config.logging;
        self.timeout = config.timeout;
        self.framework = config.framework;
        self.build_runtime = config.build_runtime;
        self.adapter = config.adapter;
        self.install_command = config.install_command;
        self.build_command = config.build_command;
        self.output_directory = config.output_directory;
        self.fallback_file = config.fallback_file;
    }

    /// Checks the parameters of `POST /v1/sites`.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`.
    pub(super) fn parse(parameters: &Map<String, Value>) -> Result<Self, ApiError> {
        let required = |name: &str| {
            let message = format!("Param \"{name}\" is not optional.");
            optional(parameters, name)?.ok_or_else(|| ApiError::argument(message))
        };
        let id = ids::resolve("siteId", &required("siteId")?)?;
        let mut site = Self::empty(id);
        site.name = required("name")?;
        if site.name.chars().count() > NAME_CHARS_MAX {
            return Err(invalid(
                "name",
                "Value must be a valid string and no longer than 128 chars",
            ));
        }
        site.framework = required("framework")?;
        one_of("framework", &site.framework, FRAMEWORKS)?;
        site.build_runtime = required("buildRuntime")?;
        if !BUILD_RUNTIMES
            .iter()
            .any(|known| site.build_runtime.starts_with(known))
        {
            let message = format!("Runtime \"{}\" is not supported", site.build_runtime);
            return Err(ApiError::argument(message));
        }
        let text = |name: &str| Ok::<_, ApiError>(optional(parameters, name)?.unwrap_or_default());
        site.adapter = text("adapter")?;
        if !site.adapter.is_empty() {
            one_of("adapter", &site.adapter, ADAPTERS)?;
        }
        site.install_command = text("installCommand")?;
        site.build_command = text("buildCommand")?;
        site.start_command = text("startCommand")?;
        site.output_directory = text("outputDirectory")?;
        site.fallback_file = text("fallbackFile")?;
        site.enabled = flag(parameters, "enabled")?;
        site.logging = flag(parameters, "logging")?;
        site.timeout = timeout(parameters)?;
        Ok(site)
    }

    /// Takes over the parameters of `PUT /v1/sites/{site}`; those that are missing fall back to
    /// their defaults, the build runtime and the adapter to what they were.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`.
    pub(super) fn update(&mut self, mut parameters: Map<String, Value>) -> Result<(), ApiError> {
        parameters.insert("siteId".to_owned(), Value::String(self.id.clone()));
        for (name, kept) in [
            ("buildRuntime", &self.build_runtime),
            ("adapter", &self.adapter),
        ] {
            let empty = parameters
                .get(name)
                .is_none_or(|given| given.is_null() || given == "");
            if empty {
                parameters.insert(name.to_owned(), Value::String(kept.clone()));
            }
        }
        let given = Self::parse(&parameters)?;
        let live = self.live
            && given.build_runtime == self.build_runtime
            && given.adapter == self.adapter
            && given.install_command == self.install_command
            && given.build_command == self.build_command
            && given.start_command == self.start_command
            && given.output_directory == self.output_directory
            && given.fallback_file == self.fallback_file;
        *self = Self {
            created_ms: self.created_ms,
            active: self.active.take(),
            latest: self.latest.take(),
            latest_status: std::mem::take(&mut self.latest_status),
            variables: std::mem::take(&mut self.variables),
            live,
            ..given
        };
        Ok(())
    }

    /// The site as the API answers it (Appwrite 1.9.6, measured).
    pub(crate) fn json(&self) -> Value {
        let id = |pointer: &Option<Pointer>| {
            pointer
                .as_ref()
                .map_or(String::new(), |pointer| pointer.id.clone())
        };
        let since = |pointer: &Option<Pointer>| {
            pointer.as_ref().map_or(String::new(), |pointer| {
                clock::format_ms(pointer.created_ms)
            })
        };
        json!({
            "$id": self.id,
            "$createdAt": clock::format_ms(self.created_ms),
            "$updatedAt": clock::format_ms(self.updated_ms),
            "name": self.name,
            "enabled": self.enabled,
            "live": self.live,
            "logging": self.logging,
            "framework": self.framework,
            "deploymentRetention": 0,
            "deploymentId": id(&self.active),
            "deploymentCreatedAt": since(&self.active),
            "deploymentScreenshotLight": "",
            "deploymentScreenshotDark": "",
            "latestDeploymentId": id(&self.latest),
            "latestDeploymentCreatedAt": since(&self.latest),
            "latestDeploymentStatus": self.latest_status,
            "vars": self.variables.iter().map(|it| it.json(&self.id)).collect::<Vec<_>>(),
            "timeout": self.timeout,
            "installCommand": self.install_command,
            "buildCommand": self.build_command,
            "startCommand": self.start_command,
            "outputDirectory": self.output_directory,
            "installationId": "",
            "providerRepositoryId": "",
            "providerBranch": "",
            "providerRootDirectory": "",
            "providerSilentMode": false,
            "providerBranches": [],
            "providerPaths": [],
            "buildSpecification": SPECIFICATION,
            "runtimeSpecification": SPECIFICATION,
            "buildRuntime": self.build_runtime,
            "adapter": self.adapter,
            "fallbackFile": self.fallback_file,
        })
    }

    pub(super) fn touch(&mut self) {
        self.updated_ms = clock::now().as_millisecond();
    }

    pub(super) fn save(&self, db: &Connection) -> Result<(), ApiError> {
        db.prepare_cached("UPDATE sites SET settings = ?2 WHERE id = ?1")?
            .execute((&self.id, serde_json::to_string(self)?))?;
        Ok(())
    }
}

/// Adds a site.
///
/// # Errors
/// 409 `site_already_exists`.
pub(super) fn insert(db: &Connection, site: &Site) -> Result<(), ApiError> {
    let added = db.execute(
        "INSERT INTO sites (id, settings) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
        (&site.id, serde_json::to_string(site)?),
    )?;
    if added == 1 {
        return Ok(());
    }
    Err(ApiError::conflict(
        "site_already_exists",
        "Site with the requested ID already exists. Try again with a different ID or use \
         ID.unique() to generate a unique ID.",
    ))
}

/// Reads a site.
///
/// # Errors
/// 404 `site_not_found`.
pub(crate) fn get(db: &Connection, id: &str) -> Result<Site, ApiError> {
    let message = "Site with the requested ID could not be found.";
    find(db, id)?.ok_or_else(|| ApiError::not_found("site_not_found", message))
}

/// Reads a site that may be missing.
pub(crate) fn find(db: &Connection, id: &str) -> Result<Option<Site>, ApiError> {
    let text: Option<String> = db
        .prepare_cached("SELECT settings FROM sites WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(text.as_deref().map(serde_json::from_str).transpose()?)
}

/// All sites, oldest first.
pub(super) fn all(db: &Connection) -> Result<Vec<Site>, ApiError> {
    let mut statement = db.prepare_cached("SELECT settings FROM sites ORDER BY sequence")?;
    let texts = statement.query_map([], |row| row.get::<_, String>(0))?;
    texts
        .map(|text| Ok(serde_json::from_str(&text?)?))
        .collect()
}

/// What a list of sites may be filtered and ordered by (Appwrite 1.9.6).
pub(super) const ATTRIBUTES: &[&str] = &[
    "$id",
    "$sequence",
    "$createdAt",
    "$updatedAt",
    "name",
    "enabled",
    "framework",
    "deploymentId",
    "buildCommand",
    "installCommand",
    "outputDirectory",
];

/// Makes the settings of each configured site those of `appwrite.json`.
pub(super) fn apply(db: &mut Writer, configs: &[SiteConfig]) -> Result<(), ApiError> {
    let transaction = db.transaction()?;
    for config in configs {
        if let Some(mut site) = find(&transaction, &config.id)? {
            let before = site.clone();
            site.set(config);
            if site != before {
                site.touch();
                site.save(&transaction)?;
            }
        } else {
            let mut site = Site::empty(config.id.clone());
            site.set(config);
            insert(&transaction, &site)?;
        }
    }
    Ok(transaction.commit()?)
}

fn optional(parameters: &Map<String, Value>, name: &str) -> Result<Option<String>, ApiError> {
    match parameters.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= COMMAND_CHARS_MAX => {
            Ok(Some(text.clone()))
        }
        Some(_) => {
            let rule = "Value must be a valid string and no longer than 8192 chars";
            Err(invalid(name, rule))
        }
    }
}

fn flag(parameters: &Map<String, Value>, name: &str) -> Result<bool, ApiError> {
    match parameters.get(name) {
        None | Some(Value::Null) => Ok(true),
        Some(value) => value
            .as_bool()
            .ok_or_else(|| invalid(name, "Value must be a valid boolean")),
    }
}

fn timeout(parameters: &Map<String, Value>) -> Result<u32, ApiError> {
    let given = match parameters.get("timeout") {
        None | Some(Value::Null) => return Ok(TIMEOUT_DEFAULT_S),
        Some(value) => value
            .as_u64()
            .and_then(|seconds| u32::try_from(seconds).ok()),
    };
    given
        .filter(|seconds| (1..=TIMEOUT_MAX_S).contains(seconds))
        .ok_or_else(|| invalid("timeout", "Value must be a valid range between 1 and 900"))
}

fn one_of(name: &str, value: &str, known: &[&str]) -> Result<(), ApiError> {
    if known.contains(&value) {
        return Ok(());
    }
    Err(invalid(
        name,
        &format!("Value must be one of ({})", known.join(", ")),
    ))
}

fn invalid(name: &str, rule: &str) -> ApiError {
    ApiError::argument(format!("Invalid `{name}` param: {rule}"))
}
