//! The outside services of a function, made when first needed: a function that lacks a
//! setting still starts, and says so.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use github::Installation;
use models::{
    Anthropic, Chat, MessagesAnswer, MessagesRequest, ModelError, Provider, ResponsesAnswer,
    ResponsesRequest, StreamEvent, Structured, Xai, prices,
};
use pipeline::estimate::{Rate, Rates};
use pipeline::{Code, Failure};
use secrecy::SecretString;

use crate::aws::Invoker;
use crate::config::{Dialect, RoleSettings, Settings};
use crate::credentials::GitHubCredential;
use crate::load::Plans;
use crate::nudge::Nudges;
use crate::perform::Warmth;
use crate::together::Tasks;
use crate::trace::Trace;
use crate::trouble::Trouble;

/// Longest that one request to Appwrite may take.
const APPWRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// Repeats of one request to Appwrite.
const APPWRITE_RETRIES_MAX: u32 = 4;
/// Calls end this long before the function does, so that their end can be recorded.
const DEADLINE_RESERVE: Duration = Duration::from_secs(2);

/// The outside services of a function.
pub struct Clients {
    settings: Settings,
    appwrite: OnceLock<appwrite::Client>,
    deploy_target: OnceLock<appwrite::Client>,
    planner: OnceLock<Thinker>,
    reviewer: OnceLock<Thinker>,
    coder: OnceLock<Coder>,
    invoker: Option<Invoker>,
    plans: Plans,
    nudges: Nudges,
    tasks: Tasks,
    warmth: Warmth,
}

/// Who answers questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The planner.
    Planner,
    /// The reviewer.
    Reviewer,
}

/// A model that answers questions.
pub enum Thinker {
    /// Over xAI Responses, and what is deferred over its Chat Completions.
    Responses(Xai, Box<Chat>),
    /// Over Chat Completions.
    Chat(Chat),
}

impl Thinker {
    /// Asks for one answer.
    ///
    /// # Errors
    /// See [`models::ErrorKind`].
    pub async fn respond(&self, request: &ResponsesRequest) -> Result<ResponsesAnswer, ModelError> {
        match self {
            Self::Responses(client, _) => client.respond(request).await,
            Self::Chat(client) => client.respond(request).await,
        }
    }

    /// The service, as OpenTelemetry calls it: of a server of Chat Completions its protocol is all
    /// that is known.
    pub(crate) fn provider_name(&self) -> &'static str {
        match self {
            Self::Responses(..) => "x_ai",
            Self::Chat(_) => "openai",
        }
    }

    /// Who takes questions to be answered later, if anybody does: xAI.
    pub fn deferred(&self) -> Option<&Chat> {
        match self {
            Self::Responses(_, deferred) => Some(deferred),
            Self::Chat(_) => None,
        }
    }
}

/// A model that writes code.
pub enum Coder {
    /// Over Anthropic Messages.
    Messages(Anthropic),
    /// Over Chat Completions.
    Chat(Chat),
}

impl Coder {
    /// Takes a turn.
    ///
    /// # Errors
    /// See [`models::ErrorKind`].
    pub async fn create(
        &self,
        request: &MessagesRequest,
        on_event: &mut (dyn FnMut(StreamEvent) + Send),
    ) -> Result<MessagesAnswer, ModelError> {
        match self {
            Self::Messages(client) => client.create(request, on_event).await,
            Self::Chat(client) => client.create(request, on_event).await,
        }
    }

    /// The service, as OpenTelemetry calls it; see [`Thinker::provider_name`].
    pub(crate) fn provider_name(&self) -> &'static str {
        match self {
            Self::Messages(_) => "anthropic",
            Self::Chat(_) => "openai",
        }
    }

    /// Who takes turns to be answered later, if anybody does: Anthropic.
    pub fn batches(&self) -> Option<&Anthropic> {
        match self {
            Self::Messages(client) => Some(client),
            Self::Chat(_) => None,
        }
    }
}

impl Clients {
    /// No client is made yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            invoker: settings.invoker(),
            settings,
            appwrite: OnceLock::new(),
            deploy_target: OnceLock::new(),
            planner: OnceLock::new(),
            reviewer: OnceLock::new(),
            coder: OnceLock::new(),
            plans: Plans::default(),
            nudges: Nudges::default(),
            tasks: Tasks::default(),
            warmth: Warmth::default(),
        }
    }

    /// Plans that this process has read.
    pub fn plans(&self) -> &Plans {
        &self.plans
    }

    /// The tasks that this process is at work on.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Which tasks this process has looked at a moment ago.
    pub fn nudges(&self) -> &Nudges {
        &self.nudges
    }

    /// What this process has put into the cache of the agents' service.
    pub fn warmth(&self) -> &Warmth {
        &self.warmth
    }

    /// What starts other functions on Lambda, where this is one.
    pub(crate) fn invoker(&self) -> Option<&Invoker> {
        self.invoker.as_ref()
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Appwrite with the key of one execution (or the one of the settings), until `deadline`.
    ///
    /// # Errors
    /// `not_configured` without an endpoint, a project or a key.
    pub fn appwrite(
        &self,
        key: Option<&SecretString>,
        deadline: Instant,
    ) -> Result<appwrite::Client, Trouble> {
        let key = key
            .or(self.settings.appwrite_key.as_ref())
            .ok_or_else(|| missing("APPWRITE_API_KEY"))?;
        let client = match self.appwrite.get() {
            Some(client) => client.clone(),
            None => {
                let client = appwrite::Client::new(appwrite::Settings {
                    endpoint: self
                        .settings
                        .appwrite_endpoint
                        .clone()
                        .ok_or_else(|| missing("APPWRITE_ENDPOINT"))?,
                    project: self
                        .settings
                        .project_id
                        .clone()
                        .ok_or_else(|| missing("APPWRITE_PROJECT_ID"))?,
                    credential: appwrite::Credential::Guest,
                    timeout: APPWRITE_TIMEOUT,
                    retries_max: APPWRITE_RETRIES_MAX,
                })?;
                self.appwrite.get_or_init(|| client).clone()
            }
        };
        let deadline = deadline.checked_sub(DEADLINE_RESERVE).unwrap_or(deadline);
        Ok(client
            .with_credential(appwrite::Credential::Key(key.clone()))
            .with_deadline(deadline))
    }

    /// The project that apps are deployed to, if it is another than the one that orchestrates.
    ///
    /// # Errors
    /// `not_configured` if the settings name it in part.
    pub fn deploy_target(&self) -> Result<Option<appwrite::Client>, Trouble> {
        let settings = &self.settings;
        let given = (
            &settings.deploy_endpoint,
            &settings.deploy_project_id,
            &settings.deploy_api_key,
        );
        let (endpoint, project, key) = match given {
            (None, None, None) => return Ok(None),
            (Some(endpoint), Some(project), Some(key)) => (endpoint, project, key),
            (None, _, _) => return Err(missing("DEPLOY_ENDPOINT")),
            (_, None, _) => return Err(missing("DEPLOY_PROJECT_ID")),
            (_, _, None) => return Err(missing("DEPLOY_API_KEY")),
        };
        if let Some(client) = self.deploy_target.get() {
            return Ok(Some(client.clone()));
        }
        let client = project_client(endpoint, project, key)?;
        Ok(Some(self.deploy_target.get_or_init(|| client).clone()))
    }

    /// The settings of the model that answers questions in this role.
    pub fn role(&self, role: Role) -> &RoleSettings {
        match role {
            Role::Planner => &self.settings.planner,
            Role::Reviewer => &self.settings.reviewer,
        }
    }

    /// The model that answers questions in this role.
    ///
    /// # Errors
    /// `not_configured` without a key.
    pub fn thinker(&self, role: Role) -> Result<&Thinker, Trouble> {
        let (cell, role) = match role {
            Role::Planner => (&self.planner, &self.settings.planner),
            Role::Reviewer => (&self.reviewer, &self.settings.reviewer),
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let settings = role_settings(role)?;
        let client = match role.dialect {
            Dialect::Own => {
                let deferred = Chat::new(role_settings(role)?, Structured::JsonSchema)?;
                Thinker::Responses(Xai::new(settings)?, Box::new(deferred))
            }
            Dialect::Chat => Thinker::Chat(Chat::new(settings, role.structured)?),
        };
        Ok(cell.get_or_init(|| client))
    }

    /// The model that writes code.
    ///
    /// # Errors
    /// `not_configured` without a key.
    pub fn coder(&self) -> Result<&Coder, Trouble> {
        if let Some(client) = self.coder.get() {
            return Ok(client);
        }
        let role = &self.settings.agent;
        let settings = role_settings(role)?;
        let client = match role.dialect {
            Dialect::Own => Coder::Messages(Anthropic::new(settings)?),
            Dialect::Chat => Coder::Chat(Chat::new(settings, role.structured)?),
        };
        Ok(self.coder.get_or_init(|| client))
    }

    /// A client of GitHub, with a count of its own: as the settings say, or with the `own`
    /// credential of a task's owner. An App acts as its installation at `account` where none is
    /// named. Call it inside the runtime: the client belongs to it.
    ///
    /// # Errors
    /// `not_configured` without a token or an App, or where the App's installation is not known.
    pub fn github(
        &self,
        own: Option<&GitHubCredential>,
        account: Option<&str>,
        trace: &Trace,
    ) -> Result<github::Client, Trouble> {
        let credential = own.or(self.settings.github.as_ref());
        let auth = match credential {
            None => return Err(missing("GITHUB_TOKEN (or GITHUB_APP_ID)")),
            Some(GitHubCredential::Token(token)) => github::Auth::Token(token.clone()),
            Some(GitHubCredential::App {
                id,
                private_key,
                installation,
            }) => github::Auth::App {
                app_id: id.clone(),
                private_key_pem: private_key.clone(),
                installation: match (installation, account) {
                    (Some(id), _) => Installation::Id(*id),
                    (None, Some(account)) => Installation::Owner(account.to_owned()),
                    (None, None) => return Err(no_account()),
                },
            },
        };
        let settings = github::Settings {
            base_url: self.settings.github_base_url.clone(),
            observer: Some(Arc::new(trace.clone())),
            ..github::Settings::new(auth)
        };
        Ok(github::Client::new(settings)?)
    }

    /// List prices of the models that carry out plans, for estimates.
    pub fn rates(&self) -> Rates {
        let rate = |own, role: &RoleSettings| {
            let provider = match role.dialect {
                Dialect::Own => own,
                Dialect::Chat => Provider::Chat,
            };
            let tariff = prices::Tariff {
                requested: &role.model,
                fixed: role.price,
                is_batch: false,
            };
            let price = tariff.price(provider, &role.model);
            Rate {
                input: price.fresh,
                cached: price.cached,
                output: price.output,
            }
        };
        Rates {
            reviewer: rate(Provider::Xai, &self.settings.reviewer),
            agents: rate(Provider::Anthropic, &self.settings.agent),
        }
    }

    /// Domain below which sites get their addresses, with a port where there is one.
    ///
    /// # Errors
    /// `not_configured` if it is not set.
    pub fn site_domain(&self) -> Result<&str, Trouble> {
        self.settings
            .site_domain
            .as_deref()
            .ok_or_else(|| missing("SITE_DOMAIN"))
    }
}

/// A client of a project that apps are deployed to.
///
/// # Errors
/// An endpoint that can not be used. Terminal.
pub(crate) fn project_client(
    endpoint: &str,
    project: &str,
    key: &SecretString,
) -> Result<appwrite::Client, Trouble> {
    Ok(appwrite::Client::new(appwrite::Settings {
        endpoint: endpoint.to_owned(),
        project: project.to_owned(),
        credential: appwrite::Credential::Key(key.clone()),
        timeout: APPWRITE_TIMEOUT,
        retries_max: APPWRITE_RETRIES_MAX,
    })?)
}

fn no_account() -> Trouble {
    let message = "A GitHub App publishes to an organization: name one in the brief (`organization`), or set GITHUB_OWNER or the App's installation.";
    Trouble::Terminal(Failure::new(Code::NotConfigured, message.to_owned()))
}

fn role_settings(role: &RoleSettings) -> Result<models::Settings, Trouble> {
    if !role.has_key() {
        return Err(missing(role.key_name));
    }
    let key = role.key.clone().unwrap_or_else(|| String::new().into());
    Ok(models::Settings {
        auth: role.auth,
        price: role.price,
        ..models::Settings::new(role.base_url.clone(), key)
    })
}

fn missing(name: &str) -> Trouble {
    Trouble::Terminal(Failure::new(
        Code::NotConfigured,
        format!("The setting {name} is missing. Set it and start the task anew."),
    ))
}
