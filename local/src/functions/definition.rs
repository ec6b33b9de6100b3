//! The body of `POST /v1/functions` and `PUT /v1/functions/{id}`, checked.

use serde_json::Value;

use super::registry::SPECIFICATION;
use super::{catalog, patterns};
use crate::auth::ALL_SCOPES;
use crate::config::{EXECUTE_ROLES_MAX, FunctionConfig, TIMEOUT_MAX_S};
use crate::error::ApiError;
use crate::server::Params;
use crate::{ids, schedule};

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 128;
/// Longest entry file, in characters.
const ENTRYPOINT_CHARS_MAX: usize = 1_028;
/// Longest build commands, in characters.
const COMMANDS_CHARS_MAX: usize = 8_192;
/// Most scopes.
const SCOPES_MAX: usize = 100;
/// Seconds an execution may take when nothing is said.
const TIMEOUT_DEFAULT_S: i64 = 15;

/// What a request says of a function.
#[derive(Debug)]
pub(super) struct Definition {
    /// As `appwrite.json` would say it. The runtime is empty when an update leaves it as it is.
    pub(super) config: FunctionConfig,
    pub(super) build_specification: String,
    pub(super) runtime_specification: String,
    pub(super) deployment_retention: i64,
}

impl Definition {
    /// Reads the body of a creation.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`.
    pub(super) fn create(mut params: Params) -> Result<Self, ApiError> {
        let id = required(&mut params, "functionId")?;
        let id = ids::resolve("functionId", &id)?;
        Self::read(id, &mut params, true)
    }

    /// Reads the body of an update.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`.
    pub(super) fn update(id: &str, mut params: Params) -> Result<Self, ApiError> {
        Self::read(id.to_owned(), &mut params, false)
    }

    fn read(id: String, params: &mut Params, is_new: bool) -> Result<Self, ApiError> {
        let name = required(params, "name")?;
        bounded("name", &name, NAME_CHARS_MAX)?;
        let runtime = match params.take_str("runtime")? {
            Some(runtime) if is_new || !runtime.is_empty() => {
                catalog::known_runtime(&runtime)?;
                runtime
            }
            None if is_new => return Err(missing("runtime")),
            Some(_) | None => String::new(),
        };
        let execute = texts(params, "execute")?;
        check_roles(&execute)?;
        let events = texts(params, "events")?;
        patterns::check(&events)?;
        let schedule = params.take_str("schedule")?.unwrap_or_default();
        if !schedule.is_empty() && schedule::parse(&schedule).is_err() {
            let message = "Invalid `schedule` param: Value must be a valid cron expression";
            return Err(ApiError::argument(message));
        }
        let timeout = timeout(params)?;
        let enabled = params.take_bool("enabled")?.unwrap_or(true);
        let logging = params.take_bool("logging")?.unwrap_or(true);
        let entrypoint = params.take_str("entrypoint")?.unwrap_or_default();
        bounded("entrypoint", &entrypoint, ENTRYPOINT_CHARS_MAX)?;
        let commands = params.take_str("commands")?.unwrap_or_default();
        bounded("commands", &commands, COMMANDS_CHARS_MAX)?;
        let scopes = texts(params, "scopes")?;
        check_scopes(&scopes)?;
        // The older API has one size for building and running.
        let both = specification(params, "specification", SPECIFICATION)?;
        Ok(Self {
            build_specification: specification(params, "buildSpecification", &both)?,
            runtime_specification: specification(params, "runtimeSpecification", &both)?,
            deployment_retention: params.take_i64("deploymentRetention")?.unwrap_or(0),
            config: FunctionConfig {
                id,
                name,
                runtime,
                execute,
                enabled,
                logging,
                scopes,
                events,
                schedule,
                timeout,
                entrypoint,
                commands,
            },
        })
    }
}

/// Takes a text that must be there.
///
/// # Errors
/// 400 `general_argument_invalid`.
pub(super) fn required(params: &mut Params, name: &str) -> Result<String, ApiError> {
    params.take_str(name)?.ok_or_else(|| missing(name))
}

pub(super) fn missing(name: &str) -> ApiError {
    ApiError::argument(format!("Param \"{name}\" is not optional."))
}

/// Checks the length of a text.
///
/// # Errors
/// 400 `general_argument_invalid`.
pub(super) fn bounded(name: &str, text: &str, longest: usize) -> Result<(), ApiError> {
    if text.chars().count() <= longest {
        return Ok(());
    }
    Err(ApiError::argument(format!(
        "Invalid `{name}` param: Value must be a valid string and no longer than {longest} chars"
    )))
}

fn texts(params: &mut Params, name: &str) -> Result<Vec<String>, ApiError> {
    let list = params.take_list(name)?.unwrap_or_default();
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            let rule = "Value must a valid array and Value must be a valid string";
            Err(ApiError::argument(format!(
                "Invalid `{name}` param: {rule}"
            )))
        }
    };
    list.into_iter().map(text).collect()
}

fn timeout(params: &mut Params) -> Result<u32, ApiError> {
    let seconds = params.take_i64("timeout")?.unwrap_or(TIMEOUT_DEFAULT_S);
    u32::try_from(seconds)
        .ok()
        .filter(|seconds| (1..=TIMEOUT_MAX_S).contains(seconds))
        .ok_or_else(|| {
            ApiError::argument(format!(
                "Invalid `timeout` param: Value must be a valid range between 1 and {TIMEOUT_MAX_S}"
            ))
        })
}

fn specification(params: &mut Params, name: &str, default: &str) -> Result<String, ApiError> {
    let word = params.take_str(name)?.filter(|word| !word.is_empty());
    let word = word.unwrap_or_else(|| default.to_owned());
    catalog::known_specification(name, &word)?;
    Ok(word)
}

fn check_roles(roles: &[String]) -> Result<(), ApiError> {
    if roles.len() <= EXECUTE_ROLES_MAX && roles.iter().all(|role| is_role(role)) {
        return Ok(());
    }
    Err(ApiError::argument(
        "Invalid `execute` param: Role name must be one of: any, guests, users, user, team, \
         member, label",
    ))
}

fn is_role(role: &str) -> bool {
    let (name, id) = match role.split_once(':') {
        Some((name, id)) => (name, Some(id)),
        None => (role, None),
    };
    let plain = |id: &str| id.split('/').all(ids::is_custom);
    match id {
        None => matches!(
            name,
            "any" | "guests" | "users" | "users/verified" | "users/unverified"
        ),
        Some(id) => matches!(name, "user" | "team" | "member" | "label") && plain(id),
    }
}

fn check_scopes(scopes: &[String]) -> Result<(), ApiError> {
    let known = |scope: &String| ALL_SCOPES.contains(&scope.as_str());
    if scopes.len() <= SCOPES_MAX && scopes.iter().all(known) {
        return Ok(());
    }
    let list = ALL_SCOPES.join(", ");
    Err(ApiError::argument(format!(
        "Invalid `scopes` param: Value must a valid array no longer than {SCOPES_MAX} items and \
         Value must be one of ({list})"
    )))
}
