//! What is deployed: `appwrite.json`, the file the official CLI pushes, read into types.
//!
//! Keys that the embedded platform has no use for are tolerated, because the CLI owns the format
//! and adds to it. Everything the platform does use is checked here, and an error names its place
//! (`functions[2].timeout`), so that nothing behind this module sees raw JSON.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::functions::Functions;
use crate::kernel::Kernel;
use crate::schema;
use crate::sites::Sites;
use crate::storage::Storage;

pub use crate::schema::{ColumnConfig, IndexConfig, TableConfig};

/// Longest time-out of a function or of a site, in seconds.
pub const TIMEOUT_MAX_S: u32 = 900;
/// Most events one function may subscribe to.
pub const EVENTS_MAX: usize = 100;
/// Most execute roles one function may name.
pub const EXECUTE_ROLES_MAX: usize = 100;
/// Longest resource id, in characters.
pub const ID_CHARS_MAX: usize = 36;

/// Why an `appwrite.json` was refused; none of these can be cured by trying again.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text is not a JSON object.
    #[error("appwrite.json is not a JSON object")]
    Syntax(#[source] serde_json::Error),
    /// An entry lacks a key or holds a value of another kind.
    #[error("{place} in appwrite.json cannot be read")]
    Entry {
        /// Where: the list, the position in it and the `$id` if there is one.
        place: String,
        /// What serde found there.
        #[source]
        source: serde_json::Error,
    },
    /// An entry could be read, but says something the platform refuses.
    #[error("{place} in appwrite.json: {problem}")]
    Value {
        /// Where, as in `functions[2].timeout`.
        place: String,
        /// What is wrong there and what is expected.
        problem: String,
    },
}

/// A project as `appwrite.json` describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectConfig {
    /// Project id.
    pub project_id: String,
    /// Name a person reads; the id where the file has none.
    pub project_name: String,
    /// Functions in file order, which is the order subscribers of one event are called in.
    pub functions: Vec<FunctionConfig>,
    /// Sites in file order.
    pub sites: Vec<SiteConfig>,
    /// Databases of the tables API.
    pub databases: Vec<DatabaseConfig>,
    /// Tables with their columns and indexes.
    pub tables: Vec<TableConfig>,
    /// Storage buckets.
    pub buckets: Vec<BucketConfig>,
}

/// One function (keys as the CLI of Appwrite 1.9 writes them).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionConfig {
    /// Function id; also the name of its executable in the functions folder.
    #[serde(rename = "$id")]
    pub id: String,
    /// Name a person reads.
    pub name: String,
    /// Runtime word, for example `rust-1.83`.
    #[serde(default)]
    pub runtime: String,
    /// Roles that may execute it besides keys, for example `users`.
    #[serde(default)]
    pub execute: Vec<String>,
    /// Whether HTTP and scheduled executions are allowed. Events reach a disabled function too.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether logs of executions are kept.
    #[serde(default = "yes")]
    pub logging: bool,
    /// Scopes of the key each execution carries.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Event patterns it is subscribed to.
    #[serde(default)]
    pub events: Vec<String>,
    /// Five-field cron expression in UTC, or empty.
    #[serde(default)]
    pub schedule: String,
    /// Seconds an execution may take, 1 to [`TIMEOUT_MAX_S`].
    #[serde(default = "function_timeout_s")]
    pub timeout: u32,
    /// Entry file of the source.
    #[serde(default)]
    pub entrypoint: String,
    /// Build commands.
    #[serde(default)]
    pub commands: String,
}

/// One site (keys as the CLI of Appwrite 1.9 writes them).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteConfig {
    /// Site id.
    #[serde(rename = "$id")]
    pub id: String,
    /// Name a person reads.
    pub name: String,
    /// Folder of the source, relative to `appwrite.json`.
    #[serde(default)]
    pub path: String,
    /// Whether it is served.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether requests are logged.
    #[serde(default = "yes")]
    pub logging: bool,
    /// Seconds a request may take, 1 to [`TIMEOUT_MAX_S`].
    #[serde(default = "site_timeout_s")]
    pub timeout: u32,
    /// Framework word, for example `vite` or `other`.
    #[serde(default = "other_framework")]
    pub framework: String,
    /// Runtime word of the build.
    #[serde(default)]
    pub build_runtime: String,
    /// `static`, `ssr` or empty.
    #[serde(default)]
    pub adapter: String,
    /// Command that installs dependencies.
    #[serde(default)]
    pub install_command: String,
    /// Command that builds.
    #[serde(default)]
    pub build_command: String,
    /// Folder of the built files, relative to the source.
    #[serde(default)]
    pub output_directory: String,
    /// File served where a path names none, for example `index.html`.
    #[serde(default)]
    pub fallback_file: String,
}

/// One database.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseConfig {
    /// Database id.
    #[serde(rename = "$id")]
    pub id: String,
    /// Name a person reads.
    pub name: String,
    /// Whether users may reach it; keys may always.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// One storage bucket.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketConfig {
    /// Bucket id.
    #[serde(rename = "$id")]
    pub id: String,
    /// Name a person reads.
    pub name: String,
    /// Permissions such as `read("users")`.
    #[serde(rename = "$permissions", default)]
    pub permissions: Vec<String>,
    /// Whether permissions of single files count.
    #[serde(default)]
    pub file_security: bool,
    /// Whether users may reach it; keys may always.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Largest file in bytes.
    #[serde(default)]
    pub maximum_file_size: Option<u64>,
    /// Allowed extensions; empty allows all.
    #[serde(default)]
    pub allowed_file_extensions: Vec<String>,
}

impl ProjectConfig {
    /// Reads the text of an `appwrite.json`.
    ///
    /// # Errors
    /// [`ConfigError`] with the place of the first entry that is missing, of another kind, or out
    /// of its limits.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut root: Map<String, Value> =
            serde_json::from_str(text).map_err(ConfigError::Syntax)?;
        let project_id: String = single(&mut root, "projectId")?;
        let project_name = match root.contains_key("projectName") {
            true => single(&mut root, "projectName")?,
            false => project_id.clone(),
        };
        let config = Self {
            project_id,
            project_name,
            functions: list(&mut root, "functions")?,
            sites: list(&mut root, "sites")?,
            databases: list(&mut root, "tablesDB")?,
            tables: list(&mut root, "tables")?,
            buckets: list(&mut root, "buckets")?,
        };
        config.check()?;
        Ok(config)
    }

    /// Brings a platform to what the file says: databases, tables with their columns and indexes,
    /// functions, buckets and sites. Safe to repeat at every start.
    ///
    /// # Errors
    /// 400 `general_argument_invalid` for a table that cannot be made; 500 when the store fails or
    /// [`Functions`], [`Storage`] or [`Sites`] were not started. Not worth a retry without a change.
    pub async fn apply(self, kernel: &Kernel) -> Result<(), ApiError> {
        for database in &self.databases {
            schema::ensure_database(kernel, &database.id, &database.name).await?;
        }
        for table in &self.tables {
            schema::ensure_table(kernel, table).await?;
        }
        Functions::of(kernel)?.apply(kernel, self.functions).await?;
        if !self.buckets.is_empty() {
            Storage::of(kernel)?.apply(kernel, self.buckets).await?;
        }
        Sites::of(kernel)?.apply(kernel, self.sites).await
    }

    fn check(&self) -> Result<(), ConfigError> {
        check_ids(
            "functions",
            self.functions.iter().map(|entry| entry.id.as_str()),
        )?;
        check_ids("sites", self.sites.iter().map(|entry| entry.id.as_str()))?;
        check_ids(
            "tablesDB",
            self.databases.iter().map(|entry| entry.id.as_str()),
        )?;
        check_ids(
            "buckets",
            self.buckets.iter().map(|entry| entry.id.as_str()),
        )?;
        for (position, function) in self.functions.iter().enumerate() {
            check_function(position, function)?;
        }
        for (position, site) in self.sites.iter().enumerate() {
            check_timeout(&format!("sites[{position}].timeout"), site.timeout)?;
        }
        for (position, table) in self.tables.iter().enumerate() {
            self.check_table(position, table)?;
        }
        Ok(())
    }

    fn check_table(&self, position: usize, table: &TableConfig) -> Result<(), ConfigError> {
        check_id(&format!("tables[{position}].$id"), &table.id)?;
        if !self
            .databases
            .iter()
            .any(|database| database.id == table.database_id)
        {
            return Err(refused(
                format!("tables[{position}].databaseId"),
                format!("there is no database `{}` in `tablesDB`", table.database_id),
            ));
        }
        for (index, entry) in table.indexes.iter().enumerate() {
            for column in &entry.columns {
                let known = table.columns.iter().any(|it| it.key == *column);
                if !known && !column.starts_with('$') {
                    return Err(refused(
                        format!("tables[{position}].indexes[{index}].columns"),
                        format!("there is no column `{column}` in table `{}`", table.id),
                    ));
                }
            }
        }
        Ok(())
    }
}

fn check_function(position: usize, function: &FunctionConfig) -> Result<(), ConfigError> {
    let place = |key: &str| format!("functions[{position}].{key}");
    check_timeout(&place("timeout"), function.timeout)?;
    if function.events.len() > EVENTS_MAX {
        return Err(refused(
            place("events"),
            format!("at most {EVENTS_MAX} events are allowed"),
        ));
    }
    if function.execute.len() > EXECUTE_ROLES_MAX {
        let problem = format!("at most {EXECUTE_ROLES_MAX} roles are allowed");
        return Err(refused(place("execute"), problem));
    }
    if let Some(event) = function
        .events
        .iter()
        .find(|event| event.starts_with("functions."))
    {
        let problem = format!("`{event}`: a function cannot be started by a function's event");
        return Err(refused(place("events"), problem));
    }
    if !function.schedule.is_empty() && function.schedule.split_whitespace().count() != 5 {
        let problem = "a cron expression has five fields".to_owned();
        return Err(refused(place("schedule"), problem));
    }
    Ok(())
}

fn check_timeout(place: &str, seconds: u32) -> Result<(), ConfigError> {
    if (1..=TIMEOUT_MAX_S).contains(&seconds) {
        return Ok(());
    }
    let problem = format!("{seconds} is not between 1 and {TIMEOUT_MAX_S} seconds");
    Err(refused(place.to_owned(), problem))
}

fn check_ids<'a>(list: &str, ids: impl Iterator<Item = &'a str>) -> Result<(), ConfigError> {
    let mut seen = std::collections::BTreeSet::new();
    for (position, id) in ids.enumerate() {
        let place = format!("{list}[{position}].$id");
        check_id(&place, id)?;
        if !seen.insert(id) {
            return Err(refused(place, format!("`{id}` stands here twice")));
        }
    }
    Ok(())
}

/// Ids become names of files and of hosts, so the rule of the API is applied to them here too.
fn check_id(place: &str, id: &str) -> Result<(), ConfigError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let first_is_plain = id.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if first_is_plain && id.len() <= ID_CHARS_MAX && id.chars().all(allowed) {
        return Ok(());
    }
    let problem = format!(
        "`{id}` is not an id: at most {ID_CHARS_MAX} letters, digits, `.`, `-` and `_`, \
         beginning with a letter or digit"
    );
    Err(refused(place.to_owned(), problem))
}

fn refused(place: String, problem: String) -> ConfigError {
    ConfigError::Value { place, problem }
}

fn single<T: DeserializeOwned>(root: &mut Map<String, Value>, key: &str) -> Result<T, ConfigError> {
    let value = root.remove(key).unwrap_or(Value::Null);
    serde_json::from_value(value).map_err(|source| ConfigError::Entry {
        place: format!("`{key}`"),
        source,
    })
}

fn list<T: DeserializeOwned>(
    root: &mut Map<String, Value>,
    key: &str,
) -> Result<Vec<T>, ConfigError> {
    let entries: Vec<Value> = match root.contains_key(key) {
        true => single(root, key)?,
        false => Vec::new(),
    };
    let mut parsed = Vec::with_capacity(entries.len());
    for (position, entry) in entries.into_iter().enumerate() {
        let place = match entry.get("$id").and_then(Value::as_str) {
            Some(id) => format!("`{key}[{position}]` (`{id}`)"),
            None => format!("`{key}[{position}]`"),
        };
        let entry =
            serde_json::from_value(entry).map_err(|source| ConfigError::Entry { place, source })?;
        parsed.push(entry);
    }
    Ok(parsed)
}

fn yes() -> bool {
    true
}

fn function_timeout_s() -> u32 {
    15
}

fn site_timeout_s() -> u32 {
    30
}

fn other_framework() -> String {
    "other".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    const OURS: &str = include_str!("../../appwrite.json");

    fn message(text: &str) -> String {
        let error = ProjectConfig::parse(text).expect_err("this file is refused");
        match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    }

    #[test]
    fn our_own_file_is_read() {
        let config = ProjectConfig::parse(OURS).expect("appwrite.json of this repository");
        let plan = config
            .functions
            .iter()
            .find(|it| it.id == "plan")
            .expect("plan");
        assert_eq!(
            plan.events,
            ["databases.orchestrator.tables.plans.rows.*.create"]
        );
        assert_eq!((plan.timeout, plan.enabled), (600, true));
        assert!(config.tables.iter().all(|table| !table.columns.is_empty()));
        assert_eq!(config.sites[0].fallback_file, "index.html");
    }

    #[test]
    fn defaults_are_those_of_the_platform() {
        let text = r#"{"projectId":"p","functions":[{"$id":"f","name":"F","novel":1}]}"#;
        let config = ProjectConfig::parse(text).expect("a short file");
        assert_eq!(config.project_name, "p");
        assert_eq!(config.functions[0].timeout, 15);
        assert!(config.functions[0].logging);
    }

    #[test]
    fn a_missing_key_is_named_with_its_place() {
        let text = r#"{"projectId":"p","functions":[{"$id":"a","name":"A"},{"$id":"b"}]}"#;
        let message = message(text);
        assert!(message.contains("`functions[1]` (`b`)"), "{message}");
        assert!(message.contains("missing field `name`"), "{message}");
    }

    #[test]
    fn values_out_of_limits_are_refused() {
        let with = |entry: &str| {
            message(&format!(
                r#"{{"projectId":"p","functions":[{{"$id":"a","name":"A",{entry}}}]}}"#
            ))
        };
        assert!(with(r#""timeout":901"#).contains("functions[0].timeout"));
        assert!(with(r#""timeout":0"#).contains("between 1 and 900"));
        assert!(with(r#""schedule":"* * * *""#).contains("five fields"));
        assert!(with(r#""events":["functions.x.update"]"#).contains("functions[0].events"));
    }

    #[test]
    fn ids_that_could_leave_a_folder_are_refused() {
        for id in ["../up", "", ".hidden", "a/b", &"x".repeat(37)] {
            let text = format!(r#"{{"projectId":"p","functions":[{{"$id":"{id}","name":"A"}}]}}"#);
            assert!(message(&text).contains("is not an id"), "{id}");
        }
    }

    #[test]
    fn a_table_needs_its_database_and_its_columns() {
        let table = |database: &str, column: &str| {
            message(&format!(
                r#"{{"projectId":"p","tablesDB":[{{"$id":"d","name":"D"}}],"tables":[{{
                "$id":"t","name":"T","databaseId":"{database}","columns":[],
                "indexes":[{{"key":"i","type":"key","columns":["{column}"]}}]}}]}}"#
            ))
        };
        assert!(table("other", "$id").contains("tables[0].databaseId"));
        assert!(table("d", "gone").contains("no column `gone`"));
    }
}
