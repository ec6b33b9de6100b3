//! The functions of the project: their settings, kept in the store and in memory.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::catalog::display_name;
use super::definition::Definition;
use super::variables::{self, Variable};
use crate::config::FunctionConfig;
use crate::error::{APPWRITE_VERSION, ApiError};
use crate::events::Names;
use crate::kernel::Project;
use crate::store::Writer;
use crate::{clock, ids, proxy, stand_in};

/// What the platform says about the machine behind a function; nothing is limited by it.
pub(crate) const SPECIFICATION: &str = "s-8vcpu-8gb";
const CPUS: &str = "8";
const MEMORY_MB: &str = "8192";

/// Variables about a repository, which no deployment here comes from.
const VCS_VARIABLES: &[&str] = &[
    "APPWRITE_VCS_REPOSITORY_ID",
    "APPWRITE_VCS_REPOSITORY_NAME",
    "APPWRITE_VCS_REPOSITORY_OWNER",
    "APPWRITE_VCS_REPOSITORY_URL",
    "APPWRITE_VCS_REPOSITORY_BRANCH",
    "APPWRITE_VCS_REPOSITORY_BRANCH_URL",
    "APPWRITE_VCS_COMMIT_HASH",
    "APPWRITE_VCS_COMMIT_MESSAGE",
    "APPWRITE_VCS_COMMIT_URL",
    "APPWRITE_VCS_COMMIT_AUTHOR_NAME",
    "APPWRITE_VCS_COMMIT_AUTHOR_URL",
    "APPWRITE_VCS_ROOT_DIRECTORY",
];

/// The newest deployment of a function, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Latest {
    pub(crate) id: String,
    pub(crate) created_ms: i64,
    pub(crate) status: String,
}

/// A function as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Function {
    /// Function id.
    pub(crate) id: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub(crate) updated_ms: i64,
    /// The active deployment; empty when there is none.
    pub(crate) deployment_id: String,
    /// Name a person reads.
    pub(crate) name: String,
    /// Runtime word.
    pub(crate) runtime: String,
    /// Roles that may execute it.
    pub(crate) execute: Vec<String>,
    /// Whether users may execute it and its schedule runs.
    pub(crate) enabled: bool,
    /// Whether executions write logs.
    pub(crate) logging: bool,
    /// Scopes of an execution's key.
    pub(crate) scopes: Vec<String>,
    /// Event patterns.
    pub(crate) events: Vec<String>,
    /// Five-field cron expression in UTC, or empty.
    pub(crate) schedule: String,
    /// Seconds an execution may take.
    pub(crate) timeout: u32,
    /// Entry file of the source.
    pub(crate) entrypoint: String,
    /// Build commands.
    pub(crate) commands: String,
    /// Whether the active deployment was uploaded, so that its own executable runs; otherwise it
    /// is the one in the functions folder.
    #[serde(default)]
    pub(crate) uploaded: bool,
    /// The entry file of the active deployment, if it was uploaded.
    #[serde(default)]
    pub(crate) deployed_entrypoint: String,
    /// When the active deployment was made; 0 for one that came with the function.
    #[serde(default)]
    pub(crate) deployment_created_ms: i64,
    /// The newest uploaded deployment.
    #[serde(default)]
    pub(crate) latest: Option<Latest>,
    /// Whether what is deployed was built with the present settings.
    #[serde(default = "yes")]
    pub(crate) live: bool,
    /// Size of the machine that builds, in words.
    #[serde(default = "specification")]
    pub(crate) build_specification: String,
    /// Size of the machine that runs, in words.
    #[serde(default = "specification")]
    pub(crate) runtime_specification: String,
    /// Days old deployments are said to be kept.
    #[serde(default)]
    pub(crate) deployment_retention: i64,
    /// Its variables made through the API; kept in a table of their own.
    #[serde(skip)]
    pub(crate) own: Vec<Variable>,
}

fn yes() -> bool {
    true
}

fn specification() -> String {
    SPECIFICATION.to_owned()
}

impl Function {
    /// A function made through the API: nothing is deployed yet.
    pub(super) fn defined(definition: Definition) -> Self {
        let mut function = Self::new(&definition.config);
        function.deployment_id = String::new();
        function.redefine(definition);
        function.live = true;
        function
    }

    /// Takes over what an update says. An empty runtime leaves it as it is.
    pub(super) fn redefine(&mut self, definition: Definition) {
        let mut config = definition.config;
        if config.runtime.is_empty() {
            config.runtime.clone_from(&self.runtime);
        }
        // These reach what is deployed only by the next build.
        self.live = self.name == config.name
            && self.runtime == config.runtime
            && self.entrypoint == config.entrypoint
            && self.commands == config.commands;
        self.set(&config);
        self.build_specification = definition.build_specification;
        self.runtime_specification = definition.runtime_specification;
        self.deployment_retention = definition.deployment_retention;
    }

    /// Takes over what `appwrite.json` says.
    fn set(&mut self, config: &FunctionConfig) {
        let config = config.clone();
        self.name = config.name;
        self.runtime = config.runtime;
        self.execute = config.execute;
        self.enabled = config.enabled;
        self.logging = config.logging;
        self.scopes = config.scopes;
        self.events = config.events;
        self.schedule = config.schedule;
        self.timeout = config.timeout;
        self.entrypoint = config.entrypoint;
        self.commands = config.commands;
    }

    pub(crate) fn new(config: &FunctionConfig) -> Self {
        let now = clock::now().as_millisecond();
        let mut function = Self {
            id: config.id.clone(),
            created_ms: now,
            updated_ms: now,
            deployment_id: ids::unique(),
            name: String::new(),
            runtime: String::new(),
            execute: Vec::new(),
            enabled: true,
            logging: true,
            scopes: Vec::new(),
            events: Vec::new(),
            schedule: String::new(),
            timeout: 0,
            entrypoint: String::new(),
            commands: String::new(),
            uploaded: false,
            deployed_entrypoint: String::new(),
            deployment_created_ms: 0,
            latest: None,
            live: true,
            build_specification: specification(),
            runtime_specification: specification(),
            deployment_retention: 0,
            own: Vec::new(),
        };
        function.set(config);
        function
    }

    /// What its variables ask of the stand-in.
    pub(crate) fn stand_in(&self) -> stand_in::Part {
        let own = self.own.iter();
        stand_in::Part::of(own.map(|it| (it.key.as_str(), it.value.as_str())))
    }

    /// Whether one of its patterns is among the names of an event (a pattern is compared whole,
    /// because an event carries every wildcard form of its name).
    pub(crate) fn is_subscribed(&self, names: &Names) -> bool {
        self.events.iter().any(|pattern| names.contains(pattern))
    }

    /// The function as the API answers it (Appwrite 1.9.6, measured).
    pub(crate) fn json(&self) -> Value {
        let deployed = !self.deployment_id.is_empty();
        let created = clock::format_ms(self.created_ms);
        let since = match self.deployment_created_ms {
            _ if !deployed => String::new(),
            0 => created.clone(),
            ms => clock::format_ms(ms),
        };
        let (latest_id, latest_since, latest_status) = match &self.latest {
            Some(it) => (
                it.id.clone(),
                clock::format_ms(it.created_ms),
                it.status.as_str(),
            ),
            None if deployed => (self.deployment_id.clone(), since.clone(), "ready"),
            None => (String::new(), String::new(), ""),
        };
        let variables: Vec<Value> = self.own.iter().map(Variable::json).collect();
        json!({
            "$id": self.id,
            "$createdAt": created,
            "$updatedAt": clock::format_ms(self.updated_ms),
            "execute": self.execute,
            "name": self.name,
            "enabled": self.enabled,
            "live": self.live,
            "logging": self.logging,
            "runtime": self.runtime,
            "deploymentRetention": self.deployment_retention,
            "deploymentId": self.deployment_id,
            "deploymentCreatedAt": since,
            "latestDeploymentId": latest_id,
            "latestDeploymentCreatedAt": latest_since,
            "latestDeploymentStatus": latest_status,
            "scopes": self.scopes,
            "vars": variables,
            "events": self.events,
            "schedule": self.schedule,
            "timeout": self.timeout,
            "entrypoint": self.entrypoint,
            "commands": self.commands,
            "version": "v5",
            "installationId": "",
            "providerRepositoryId": "",
            "providerBranch": "",
            "providerRootDirectory": "",
            "providerSilentMode": false,
            "providerBranches": [],
            "providerPaths": [],
            "buildSpecification": self.build_specification,
            "runtimeSpecification": self.runtime_specification,
        })
    }

    /// The variables of its process: its own, then Appwrite's, which win (Appwrite 1.9.6,
    /// measured). Its key is not among them: each execution brings one.
    pub(crate) fn variables(
        &self,
        project: &Project,
        own: Option<&BTreeMap<String, String>>,
    ) -> BTreeMap<String, String> {
        let (runtime, version) = self.runtime.split_once('-').unwrap_or((&self.runtime, ""));
        let name = display_name(runtime);
        let mut variables = own.cloned().unwrap_or_default();
        for variable in &self.own {
            variables.insert(variable.key.clone(), variable.value.clone());
        }
        let mut set = |key: &str, value: &str| variables.insert(key.to_owned(), value.to_owned());
        set("APPWRITE_FUNCTION_API_ENDPOINT", &project.endpoint);
        set("APPWRITE_FUNCTION_ID", &self.id);
        set("APPWRITE_FUNCTION_NAME", &self.name);
        set("APPWRITE_FUNCTION_DEPLOYMENT", &self.deployment_id);
        set("APPWRITE_FUNCTION_PROJECT_ID", &project.id);
        set("APPWRITE_FUNCTION_RUNTIME_NAME", &name);
        set("APPWRITE_FUNCTION_RUNTIME_VERSION", version);
        set("APPWRITE_FUNCTION_CPUS", CPUS);
        set("APPWRITE_FUNCTION_MEMORY", MEMORY_MB);
        set("APPWRITE_VERSION", APPWRITE_VERSION);
        set("APPWRITE_REGION", "default");
        set("APPWRITE_DEPLOYMENT_TYPE", "manual");
        for key in VCS_VARIABLES {
            set(key, "");
        }
        variables
    }
}

/// Makes the stored functions those of `appwrite.json`: new ones are added, known ones updated,
/// and those it no longer has are removed. Functions made through the API are left alone.
pub(crate) fn apply(db: &mut Writer, configs: &[FunctionConfig]) -> Result<(), ApiError> {
    let transaction = db.transaction()?;
    for config in configs {
        let known = find(&transaction, &config.id)?;
        let function = match known {
            None => Function::new(config),
            Some(mut function) => {
                let before = function.clone();
                function.set(config);
                if function != before {
                    function.updated_ms = clock::now().as_millisecond();
                }
                function
            }
        };
        transaction.execute(
            "INSERT INTO functions (id, configured, settings) VALUES (?1, 1, ?2)
             ON CONFLICT (id) DO UPDATE SET configured = 1, settings = excluded.settings",
            (&function.id, serde_json::to_string(&function)?),
        )?;
    }
    let kept: Vec<&str> = configs.iter().map(|config| config.id.as_str()).collect();
    transaction.execute(
        "DELETE FROM functions WHERE configured = 1
         AND id NOT IN (SELECT value FROM json_each(?1))",
        [serde_json::to_string(&kept)?],
    )?;
    Ok(transaction.commit()?)
}

/// All functions in order of creation, which is the order an event calls them in.
pub(crate) fn all(db: &Connection) -> Result<Vec<Function>, ApiError> {
    let mut statement = db.prepare_cached("SELECT settings FROM functions ORDER BY sequence")?;
    let texts = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    texts
        .iter()
        .map(|text| {
            let mut function: Function = serde_json::from_str(text)?;
            function.own = variables::of_function(db, &function.id)?;
            Ok(function)
        })
        .collect()
}

/// Adds a function made through the API.
///
/// # Errors
/// 409 `function_already_exists`.
pub(super) fn insert(db: &Connection, function: &Function) -> Result<(), ApiError> {
    if find(db, &function.id)?.is_some() {
        let message = "Function with the requested ID already exists. Try again with a different \
                       ID or use ID.unique() to generate a unique ID.";
        return Err(ApiError::conflict("function_already_exists", message));
    }
    db.execute(
        "INSERT INTO functions (id, configured, settings) VALUES (?1, 0, ?2)",
        (&function.id, serde_json::to_string(function)?),
    )?;
    Ok(())
}

/// Changes a function and returns it.
///
/// # Errors
/// 404 `function_not_found`.
pub(super) fn change(
    db: &Connection,
    id: &str,
    edit: impl FnOnce(&mut Function),
) -> Result<Function, ApiError> {
    let mut function = find(db, id)?.ok_or_else(super::not_found)?;
    edit(&mut function);
    function.updated_ms = clock::now().as_millisecond();
    db.execute(
        "UPDATE functions SET settings = ?2 WHERE id = ?1",
        (&function.id, serde_json::to_string(&function)?),
    )?;
    Ok(function)
}

/// Removes a function with all that belongs to it.
///
/// # Errors
/// 404 `function_not_found`.
pub(super) fn delete(db: &mut Writer, id: &str) -> Result<(), ApiError> {
    let transaction = db.transaction()?;
    for table in ["executions", "function_deployments", "function_variables"] {
        let sql = format!("DELETE FROM {table} WHERE function_id = ?1");
        transaction.execute(&sql, [id])?;
    }
    if transaction.execute("DELETE FROM functions WHERE id = ?1", [id])? == 0 {
        return Err(super::not_found());
    }
    proxy::forget(&transaction, proxy::Kind::Function, id)?;
    Ok(transaction.commit()?)
}

fn find(db: &Connection, id: &str) -> Result<Option<Function>, ApiError> {
    let text: Option<String> = db
        .prepare_cached("SELECT settings FROM functions WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(text.as_deref().map(serde_json::from_str).transpose()?)
}
