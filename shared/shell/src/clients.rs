//! The outside services of a function, made when first needed: a function that lacks a
//! setting still starts, and says so.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use models::{Anthropic, Provider, Xai, prices};
use pipeline::estimate::{Rate, Rates};
use pipeline::{Code, Failure};
use secrecy::SecretString;

use crate::config::Settings;
use crate::load::Plans;
use crate::perform::Warmth;
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
    xai: OnceLock<Xai>,
    anthropic: OnceLock<Anthropic>,
    plans: Plans,
    warmth: Warmth,
}

impl Clients {
    /// No client is made yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            appwrite: OnceLock::new(),
            xai: OnceLock::new(),
            anthropic: OnceLock::new(),
            plans: Plans::default(),
            warmth: Warmth::default(),
        }
    }

    /// Plans that this process has read.
    pub fn plans(&self) -> &Plans {
        &self.plans
    }

    /// What this process has put into the cache of the agents' service.
    pub fn warmth(&self) -> &Warmth {
        &self.warmth
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

    /// The planner's and reviewer's service.
    ///
    /// # Errors
    /// `not_configured` without a key.
    pub fn xai(&self) -> Result<&Xai, Trouble> {
        if let Some(client) = self.xai.get() {
            return Ok(client);
        }
        let key = self
            .settings
            .grok_key
            .clone()
            .ok_or_else(|| missing("GROK_API_KEY"))?;
        let client = Xai::new(models::Settings::new(
            self.settings.grok_base_url.clone(),
            key,
        ))?;
        Ok(self.xai.get_or_init(|| client))
    }

    /// The agents' service.
    ///
    /// # Errors
    /// `not_configured` without a key.
    pub fn anthropic(&self) -> Result<&Anthropic, Trouble> {
        if let Some(client) = self.anthropic.get() {
            return Ok(client);
        }
        let key = self
            .settings
            .anthropic_key
            .clone()
            .ok_or_else(|| missing("ANTHROPIC_API_KEY"))?;
        let client = Anthropic::new(models::Settings::new(
            self.settings.anthropic_base_url.clone(),
            key,
        ))?;
        Ok(self.anthropic.get_or_init(|| client))
    }

    /// A client of GitHub, with a count of its own. Call it inside the runtime: the client
    /// belongs to it.
    ///
    /// # Errors
    /// `not_configured` without a token.
    pub fn github(&self) -> Result<github::Client, Trouble> {
        let token = self
            .settings
            .github_token
            .clone()
            .ok_or_else(|| missing("GITHUB_TOKEN"))?;
        let settings = github::Settings {
            base_url: self.settings.github_base_url.clone(),
            ..github::Settings::new(token)
        };
        Ok(github::Client::new(settings)?)
    }

    /// List prices of the models that carry out plans, for estimates.
    pub fn rates(&self) -> Rates {
        let rate = |provider, model: &str| {
            let price = prices::of_answer(provider, model, model);
            Rate {
                input: price.fresh,
                cached: price.cached,
                output: price.output,
            }
        };
        Rates {
            reviewer: rate(Provider::Xai, &self.settings.grok_model),
            agents: rate(Provider::Anthropic, &self.settings.anthropic_model),
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

fn missing(name: &str) -> Trouble {
    Trouble::Terminal(Failure::new(
        Code::NotConfigured,
        format!("The setting {name} is missing. Set it and start the task anew."),
    ))
}
