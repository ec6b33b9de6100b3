//! The functions of the project: their settings, kept in the store and in memory.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::FunctionConfig;
use crate::error::{APPWRITE_VERSION, ApiError};
use crate::kernel::Project;
use crate::{clock, ids};

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
}

impl Function {
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
        };
        function.set(config);
        function
    }

    /// Whether one of its patterns is among the names of an event (a pattern is compared whole,
    /// because an event carries every wildcard form of its name).
    pub(crate) fn is_subscribed(&self, names: &[String]) -> bool {
        self.events.iter().any(|pattern| names.contains(pattern))
    }

    /// The function as the API answers it (Appwrite 1.9.6, measured).
    pub(crate) fn json(&self) -> Value {
        let deployed = !self.deployment_id.is_empty();
        let created = clock::format_ms(self.created_ms);
        let since = if deployed {
            created.clone()
        } else {
            String::new()
        };
        json!({
            "$id": self.id,
            "$createdAt": created,
            "$updatedAt": clock::format_ms(self.updated_ms),
            "execute": self.execute,
            "name": self.name,
            "enabled": self.enabled,
            "live": true,
            "logging": self.logging,
            "runtime": self.runtime,
            "deploymentRetention": 0,
            "deploymentId": self.deployment_id,
            "deploymentCreatedAt": since,
            "latestDeploymentId": self.deployment_id,
            "latestDeploymentCreatedAt": since,
            "latestDeploymentStatus": if deployed { "ready" } else { "" },
            "scopes": self.scopes,
            "vars": [],
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
            "buildSpecification": SPECIFICATION,
            "runtimeSpecification": SPECIFICATION,
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
        let mut name = runtime.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let mut variables = own.cloned().unwrap_or_default();
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
pub(crate) fn apply(db: &mut Connection, configs: &[FunctionConfig]) -> Result<(), ApiError> {
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
        .map(|text| Ok(serde_json::from_str(text)?))
        .collect()
}

fn find(db: &Connection, id: &str) -> Result<Option<Function>, ApiError> {
    let text: Option<String> = db
        .prepare_cached("SELECT settings FROM functions WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(text.as_deref().map(serde_json::from_str).transpose()?)
}
