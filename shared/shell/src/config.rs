//! The settings of a function: the only place of the crate that reads the environment.
//!
//! [`SETTINGS`] says what exists; [`Settings`] is what was given. A value that cannot be understood
//! stops the process at start-up. A value that is missing does not: the function starts, and says
//! what it lacks when it is asked (`GET`) or needs it ([`Settings::require`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pipeline::quota::Quota;
use pipeline::retention::Retention;
use secrecy::SecretString;
use serde::Serialize;

use crate::aws::Invoker;
use crate::credentials::{GitHubCredential, PlainHttp, joined_lines};
use crate::redaction::Redactor;
use role::Roles;

mod export;
mod host;
mod role;
mod setting;
mod table;

pub use export::ExportSettings;
pub(crate) use host::HostSettings;
pub use role::{Dialect, RoleSettings, is_replaced};
pub use setting::{Kind, Setting};
pub(crate) use setting::{is_base_url, is_loopback, is_private_key};
pub use table::{FUNCTIONS, SETTINGS, secrets_of, settings_of};

/// Everything that can be set, parsed. Lengths of time are in seconds.
///
/// Built by [`Settings::from_env`]; tests use [`Settings::from_map`]. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Base of the Appwrite API, such as `https://cloud.appwrite.io/v1`, without a final slash.
    pub appwrite_endpoint: Option<String>,
    /// Id of the Appwrite project.
    pub project_id: Option<String>,
    /// Used only where an execution brings no key of its own, as on Lambda.
    pub appwrite_key: Option<SecretString>,
    /// Signature key of the webhook that calls this function, on Lambda.
    pub webhook_signature_key: Option<SecretString>,
    /// URL of that webhook, as it is configured in Appwrite, where it is not the one by which
    /// Lambda is called.
    pub webhook_url: Option<String>,
    /// The model that plans.
    pub planner: RoleSettings,
    /// The model that reviews.
    pub reviewer: RoleSettings,
    /// The model that writes code.
    pub agent: RoleSettings,
    /// The model of the same service that takes over when that one declines; the same where
    /// no other is known.
    pub agent_fallback_model: String,
    /// As whom it is published, unless a task's owner has set something else.
    pub github: Option<GitHubCredential>,
    /// Key with which workflows of published repositories deploy; `None` where nobody wants
    /// any.
    pub workflow_key: Option<SecretString>,
    /// Base of the GitHub API, without a final slash.
    pub github_base_url: String,
    /// Organisation that owns new repositories; `None` is the token's own account.
    pub github_owner: Option<String>,
    /// Domain below which sites get their names, with the port where there is one.
    pub site_domain: Option<String>,
    /// Whether what was deployed is looked at from outside before a task counts as completed.
    pub site_check: bool,
    /// Endpoint of the project that apps are deployed to, if it is another one.
    pub deploy_endpoint: Option<String>,
    /// That project.
    pub deploy_project_id: Option<String>,
    /// Its key.
    pub deploy_api_key: Option<SecretString>,
    /// What owners' credentials are sealed with; `None` where they can have none.
    pub credentials_public_key: Option<String>,
    /// What opens them.
    pub credentials_secret_key: Option<SecretString>,
    /// Where owners' endpoints may be without https.
    pub credentials_http: PlainHttp,
    /// How often the holder of a claim says that it lives.
    pub claim_heartbeat_seconds: u64,
    /// After how long a silent claim may be taken over; at least twice the heartbeat.
    pub claim_lapse_seconds: u64,
    /// How soon the sweep looks at an open task again.
    pub check_after_seconds: u64,
    /// Seconds after which a build that is not done is called off.
    pub build_timeout_seconds: u64,
    /// After how long a build that was not done is looked at again.
    pub build_check_seconds: u64,
    /// After how long an answer that was not there yet is looked for again.
    pub collect_after_seconds: u64,
    /// After how long an execution lets another one go on with its unit.
    pub time_slice_seconds: u64,
    /// What one user may start.
    pub quota: Quota,
    /// What is removed of ended tasks.
    pub retention: Retention,
    /// Whether owners are told by e-mail what they must know.
    pub notice_email: bool,
    /// Address of the web client, without a final slash, for the link in an e-mail.
    pub notice_page_url: Option<String>,
    /// Where traces are sent; `None` is nowhere.
    pub export: Option<ExportSettings>,
    given: BTreeSet<&'static str>,
    redactor: Redactor,
    host: HostSettings,
}

/// Values that cannot be understood, all of them. Fatal at start-up; repeating does not help.
///
/// The values themselves are not shown: one of them may be a secret in the wrong place.
#[derive(Debug, thiserror::Error)]
#[error("invalid settings: {}", .problems.join("; "))]
pub struct InvalidSettings {
    problems: Vec<String>,
}

/// Settings that are needed and not set, all of them. Terminal until a person sets them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct MissingSettings {
    names: Vec<&'static str>,
}

/// One line of the health report. Source: this project's `GET` of every function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingReport {
    /// Name of the variable.
    pub name: &'static str,
    /// Whether it, or its alias, has a value. A default does not count.
    pub set: bool,
    /// Whether the function cannot work without it.
    pub required: bool,
}

impl Settings {
    /// Reads the environment of the process.
    ///
    /// # Errors
    /// [`InvalidSettings`] names every value that breaks its rule. Missing values are no error.
    pub fn from_env() -> Result<Self, InvalidSettings> {
        // A variable that is not UTF-8 is none of ours.
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::from_map(&variables)
    }

    /// Reads variables from a map. Blank values count as not set.
    ///
    /// # Errors
    /// As [`Settings::from_env`].
    pub fn from_map(variables: &BTreeMap<String, String>) -> Result<Self, InvalidSettings> {
        let mut problems = Vec::new();
        let values = Values::read(variables, &mut problems);
        let exposed = exposed(|name| values.of_person(name, variables));
        problems.extend(
            exposed
                .iter()
                .map(|name| format!("`{name}` must be {HTTPS}")),
        );
        let host = HostSettings::read(variables, &mut problems);
        let settings = values.into_settings(host);
        if settings.claim_lapse_seconds < 2 * settings.claim_heartbeat_seconds {
            problems.push(
                "`CLAIM_LAPSE_SECONDS` must be at least twice `CLAIM_HEARTBEAT_SECONDS`".to_owned(),
            );
        }
        if ["GITHUB_TOKEN", "GITHUB_APP_ID"]
            .iter()
            .all(|name| settings.given.contains(name))
        {
            problems.push(
                "`GITHUB_TOKEN` must not be set beside `GITHUB_APP_ID`: choose one of them"
                    .to_owned(),
            );
        }
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(InvalidSettings { problems })
        }
    }

    /// Checks that each of these settings has a value.
    ///
    /// # Errors
    /// [`MissingSettings`] lists every one that has none. Terminal.
    pub fn require(&self, names: &[&'static str]) -> Result<(), MissingSettings> {
        let names: Vec<_> = names
            .iter()
            .copied()
            .filter(|name| !self.is_set(name))
            .collect();
        if names.is_empty() {
            Ok(())
        } else {
            Err(MissingSettings { names })
        }
    }

    /// Returns the settings without which this function cannot work and which are not set.
    pub fn missing(&self, function: &str) -> Vec<&'static str> {
        let role = self.role(function);
        let lacks = |setting: &&Setting| match role {
            Some(role) if setting.name.ends_with("_API_KEY") => {
                setting.name == role.key_name && !role.has_key()
            }
            Some(_) | None => self.is_needed(setting) && !self.is_set(setting.name),
        };
        // On Lambda executions bring no key.
        let on_lambda = self.host.lambda.as_ref().map(|_| "APPWRITE_API_KEY");
        let names = settings_of(function)
            .filter(lacks)
            .map(|setting| setting.name);
        on_lambda
            .filter(|name| !self.is_set(name))
            .into_iter()
            .chain(names)
            .collect()
    }

    /// Whether a function that uses this setting cannot work without it: of GitHub's token and
    /// App one is needed, the App with its key.
    fn is_needed(&self, setting: &Setting) -> bool {
        let has = |name: &str| self.given.contains(name);
        match setting.name {
            "GITHUB_TOKEN" => !has("GITHUB_APP_ID") && !has("GITHUB_APP_PRIVATE_KEY"),
            "GITHUB_APP_ID" => has("GITHUB_APP_PRIVATE_KEY"),
            "GITHUB_APP_PRIVATE_KEY" => has("GITHUB_APP_ID"),
            _ => setting.required,
        }
    }

    /// The role whose model a function asks.
    fn role(&self, function: &str) -> Option<&RoleSettings> {
        match function {
            "plan" => Some(&self.planner),
            "review" => Some(&self.reviewer),
            "run-agent" => Some(&self.agent),
            _ => None,
        }
    }

    /// Checks that this function has all that it cannot work without.
    ///
    /// # Errors
    /// [`MissingSettings`] lists everything it lacks. Terminal.
    pub fn require_for(&self, function: &str) -> Result<(), MissingSettings> {
        self.require(&self.missing(function))
    }

    /// Returns which settings of this function are set; never a value.
    pub fn report(&self, function: &str) -> Vec<SettingReport> {
        settings_of(function)
            .map(|setting| SettingReport {
                name: setting.name,
                set: self.given.contains(setting.name),
                required: setting.required,
            })
            .collect()
    }

    /// Returns the redactor that knows every secret value of these settings.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// What starts functions, where this is one of Lambda.
    pub(crate) fn invoker(&self) -> Option<Invoker> {
        self.host.lambda.clone().map(Invoker::new)
    }

    pub(crate) fn host(&self) -> &HostSettings {
        &self.host
    }

    fn is_set(&self, name: &str) -> bool {
        self.given.contains(name)
            || SETTINGS
                .iter()
                .any(|setting| setting.name == name && setting.default.is_some())
    }
}

/// What an address that would show secrets on the way must be instead.
pub const HTTPS: &str = "an `https://` URL, because secrets are sent there; `ENDPOINTS_HTTP=any` allows http all the same";

/// Settings whose secrets could be read on the way: `http`, not on this machine, and not allowed
/// by `ENDPOINTS_HTTP`. `get` returns values by the names of [`SETTINGS`].
pub fn exposed<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Vec<&'static str> {
    if get("ENDPOINTS_HTTP") == Some("any") {
        return Vec::new();
    }
    SETTINGS
        .iter()
        .filter(|setting| setting.kind == Kind::Endpoint)
        .map(|setting| setting.name)
        .filter(|name| get(name).is_some_and(setting::is_plain_beyond_loopback))
        .collect()
}

/// The model that takes over from another one of the same service.
fn fallback_of(model: &str) -> String {
    match model {
        "claude-sonnet-5-5" => "claude-opus-5-5",
        "claude-opus-5-5" => "claude-sonnet-5-5",
        other => other,
    }
    .to_owned()
}

impl MissingSettings {
    /// Names of the variables.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }
}

impl fmt::Display for MissingSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("missing settings: ")?;
        for (index, name) in self.names.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(formatter, "{comma}`{name}`")?;
            if let Some(setting) = SETTINGS.iter().find(|setting| setting.name == *name) {
                write!(formatter, " ({})", setting.meaning)?;
            }
        }
        formatter.write_str(
            "; set them as variables of the function, or in `.env.local` for the embedded platform",
        )
    }
}

/// Valid raw values by the names of [`SETTINGS`].
struct Values<'map> {
    given: BTreeMap<&'static str, &'map str>,
}

impl<'map> Values<'map> {
    fn read(variables: &'map BTreeMap<String, String>, problems: &mut Vec<String>) -> Self {
        let mut given = BTreeMap::new();
        for setting in SETTINGS {
            let names = [Some(setting.name), setting.alias];
            let found = names
                .into_iter()
                .flatten()
                .find_map(|name| Some((name, value(variables, name)?)));
            let Some((name, raw)) = found else { continue };
            match setting.kind.check(raw) {
                Ok(()) => {
                    given.insert(setting.name, raw);
                }
                Err(rule) => problems.push(format!("`{name}` must be {rule}")),
            }
        }
        Self { given }
    }

    /// A value that a person has set: under its other name Appwrite itself tells a function where
    /// to find it, which may be within a network of its own.
    fn of_person<'a>(
        &self,
        name: &str,
        variables: &'a BTreeMap<String, String>,
    ) -> Option<&'a str> {
        value(variables, name).filter(|_| self.given.contains_key(name))
    }

    fn into_settings(self, host: HostSettings) -> Settings {
        let Roles {
            planner,
            reviewer,
            agent,
        } = Roles::read(&self);
        Settings {
            appwrite_endpoint: self.url("APPWRITE_ENDPOINT"),
            project_id: self.text("APPWRITE_PROJECT_ID"),
            appwrite_key: self.secret("APPWRITE_API_KEY"),
            webhook_signature_key: self.secret("APPWRITE_WEBHOOK_SIGNATURE_KEY"),
            webhook_url: self.text("APPWRITE_WEBHOOK_URL"),
            agent_fallback_model: self
                .text("ANTHROPIC_FALLBACK_MODEL")
                .unwrap_or_else(|| fallback_of(&agent.model)),
            planner,
            reviewer,
            agent,
            github: self.github(),
            workflow_key: self.secret("DEPLOY_WORKFLOW_API_KEY"),
            github_base_url: self.url("GITHUB_BASE_URL").unwrap_or_default(),
            github_owner: self.text("GITHUB_OWNER"),
            site_domain: self
                .text("DEPLOY_SITE_DOMAIN")
                .or_else(|| self.text("SITE_DOMAIN")),
            site_check: self.text("SITE_CHECK").as_deref() != Some("off"),
            deploy_endpoint: self.url("DEPLOY_ENDPOINT"),
            deploy_project_id: self.text("DEPLOY_PROJECT_ID"),
            deploy_api_key: self.secret("DEPLOY_API_KEY"),
            credentials_public_key: self.text("CREDENTIALS_PUBLIC_KEY"),
            credentials_secret_key: self.secret("CREDENTIALS_SECRET_KEY"),
            credentials_http: PlainHttp::of(self.raw("CREDENTIALS_HTTP")),
            claim_heartbeat_seconds: self.whole("CLAIM_HEARTBEAT_SECONDS"),
            claim_lapse_seconds: self.whole("CLAIM_LAPSE_SECONDS"),
            check_after_seconds: self.whole("CHECK_AFTER_SECONDS"),
            build_timeout_seconds: self.whole("BUILD_TIMEOUT_SECONDS"),
            build_check_seconds: self.whole("BUILD_CHECK_SECONDS"),
            collect_after_seconds: self.whole("COLLECT_AFTER_SECONDS"),
            time_slice_seconds: self.whole("TIME_SLICE_SECONDS"),
            quota: Quota {
                open_tasks: self.whole("OWNER_OPEN_TASKS_MAX"),
                tasks_a_minute: self.whole("OWNER_TASKS_A_MINUTE_MAX"),
                tasks_a_day: self.whole("OWNER_TASKS_A_DAY_MAX"),
                usd_a_day: self.whole("OWNER_USD_A_DAY_MAX"),
                usd_a_month: self.whole("OWNER_USD_A_MONTH_MAX"),
            },
            retention: Retention {
                progress_days: self.whole("RETENTION_DAYS_PROGRESS"),
                journal_days: self.whole("RETENTION_DAYS_JOURNAL"),
                files_days: self.whole("RETENTION_DAYS_FILES"),
                tasks_days: self.whole("RETENTION_DAYS_TASKS"),
            },
            notice_email: self.text("NOTICE_EMAIL").as_deref() == Some("on"),
            notice_page_url: self.url("NOTICE_PAGE_URL"),
            export: self.export(),
            redactor: self.redactor(&host),
            given: self.given.into_keys().collect(),
            host,
        }
    }

    fn github(&self) -> Option<GitHubCredential> {
        let app = self
            .text("GITHUB_APP_ID")
            .zip(self.raw("GITHUB_APP_PRIVATE_KEY"));
        match app {
            Some((id, key)) => Some(GitHubCredential::App {
                id,
                private_key: joined_lines(key),
                installation: self
                    .raw("GITHUB_APP_INSTALLATION_ID")
                    .and_then(|id| id.parse().ok()),
            }),
            None => self.secret("GITHUB_TOKEN").map(GitHubCredential::Token),
        }
    }

    fn redactor(&self, host: &HostSettings) -> Redactor {
        let secrets = SETTINGS.iter().filter(|setting| setting.secret);
        let values = secrets.filter_map(|setting| self.given.get(setting.name).copied());
        // A line of the key tells as much as all of it, whether or not the rest of the App is set.
        let app = self
            .raw("GITHUB_APP_PRIVATE_KEY")
            .map(|key| GitHubCredential::App {
                id: String::new(),
                private_key: joined_lines(key),
                installation: None,
            });
        let app = app.iter().flat_map(GitHubCredential::secrets);
        let headers = self.raw(export::HEADERS).and_then(export::headers);
        let headers = headers.iter().flatten().flat_map(export::secrets);
        Redactor::new(values)
            .with(app)
            .with(headers)
            .with(host.secret_values())
    }

    /// The given value, else the default of the table.
    fn raw(&self, name: &str) -> Option<&str> {
        let default = || {
            SETTINGS
                .iter()
                .find(|setting| setting.name == name)?
                .default
        };
        self.given.get(name).copied().or_else(default)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.raw(name).map(str::to_owned)
    }

    fn url(&self, name: &str) -> Option<String> {
        self.raw(name)
            .map(|url| url.trim_end_matches('/').to_owned())
    }

    fn secret(&self, name: &str) -> Option<SecretString> {
        self.raw(name).map(SecretString::from)
    }

    /// Zero only beside a problem that is already noted: [`Kind::check`] has seen every value, and
    /// a test sees every default.
    fn whole<T: std::str::FromStr + Default>(&self, name: &str) -> T {
        self.raw(name)
            .and_then(|raw| raw.parse().ok())
            .unwrap_or_default()
    }
}

fn value<'map>(variables: &'map BTreeMap<String, String>, name: &str) -> Option<&'map str> {
    variables
        .get(name)
        .map(|raw| raw.trim())
        .filter(|raw| !raw.is_empty())
}

#[cfg(test)]
mod tests;
