//! As whom requests are made: a token, or a GitHub App that gets its tokens itself.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::client::{Call, Client};
use crate::error::Error;
use crate::refusal::Failed;
use crate::wire::{InstallationAnswer, TokenAnswer};

/// How long a signed statement of the App is good; GitHub accepts at most ten minutes.
const JWT_LIFETIME: Duration = Duration::from_secs(9 * 60);

/// How far back it is dated, in case our clock is ahead of GitHub's.
const JWT_BACKDATED: Duration = Duration::from_secs(60);

/// A token is not used any more this long before it expires.
const TOKEN_MARGIN: SignedDuration = SignedDuration::from_secs(60);

const FIND: &str = "find the App's installation";
const MINT: &str = "get a token for the App's installation";

/// As whom requests are made.
#[derive(Clone)]
pub enum Auth {
    /// A personal, OAuth or installation token. White space around it is ignored.
    Token(SecretString),
    /// A GitHub App, acting as one of its installations. It cannot create a repository in a
    /// personal account.
    App {
        /// The App's id, or its client id.
        app_id: String,
        /// The App's RSA key as GitHub hands it out, PEM with PKCS#1 (or PKCS#8) inside.
        private_key_pem: SecretString,
        /// Which installation.
        installation: Installation,
    },
}

impl From<SecretString> for Auth {
    fn from(token: SecretString) -> Self {
        Self::Token(token)
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token"),
            Self::App {
                app_id,
                installation,
                ..
            } => f
                .debug_struct("App")
                .field("app_id", app_id)
                .field("installation", installation)
                .finish_non_exhaustive(),
        }
    }
}

/// Which installation of an App.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installation {
    /// By its number.
    Id(u64),
    /// The one in this organization's or person's account, found by one or two requests.
    Owner(String),
}

/// What a client keeps of [`Auth`], checked.
pub(crate) enum Credentials {
    Token(SecretString),
    App(Box<App>),
}

pub(crate) struct App {
    id: String,
    key: RsaKeyPair,
    installation: Installation,
    held: Mutex<Held>,
}

/// What was learnt so far.
#[derive(Default)]
struct Held {
    installation: Option<Found>,
    token: Option<(SecretString, Timestamp)>,
}

#[derive(Clone)]
struct Found {
    id: u64,
    /// Whether it is in a person's account, if that is known.
    personal: Option<bool>,
}

impl Credentials {
    /// # Errors
    /// [`Error::Settings`], terminal.
    pub(crate) fn new(auth: &Auth) -> Result<Self, Error> {
        match auth {
            Auth::Token(token) => Ok(Self::Token(usable("token", token)?)),
            Auth::App {
                app_id,
                private_key_pem,
                installation,
            } => {
                let id = usable("app_id", &SecretString::from(app_id.as_str()))?;
                if let Installation::Owner(owner) = installation
                    && !crate::repository::is_login(owner)
                {
                    return Err(Error::Settings {
                        name: "installation",
                        reason: "the owner is not a login",
                    });
                }
                Ok(Self::App(Box::new(App {
                    id: id.expose_secret().to_owned(),
                    key: key(private_key_pem.expose_secret())?,
                    installation: installation.clone(),
                    held: Mutex::default(),
                })))
            }
        }
    }

    /// Whether requests are made with a token of an installation, whose answers do not tell what
    /// it may do.
    pub(crate) fn is_installation(&self) -> bool {
        match self {
            Self::Token(token) => token.expose_secret().starts_with("ghs_"),
            Self::App(_) => true,
        }
    }
}

/// The text as it goes into a header; octocrab and HTTP refuse anything else.
fn usable(name: &'static str, secret: &SecretString) -> Result<SecretString, Error> {
    let text = secret.expose_secret().trim();
    let refuse = |reason| Error::Settings { name, reason };
    if text.is_empty() {
        return Err(refuse("it is empty"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refuse("it holds white space or characters outside ASCII"));
    }
    Ok(SecretString::from(text))
}

/// The key in a PEM file.
fn key(pem: &str) -> Result<RsaKeyPair, Error> {
    let refuse = |reason| Error::Settings {
        name: "private_key_pem",
        reason,
    };
    let body: String = pem
        .lines()
        .map(str::trim)
        .skip_while(|line| !line.starts_with("-----BEGIN "))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END "))
        .collect();
    let der = STANDARD
        .decode(body)
        .ok()
        .filter(|der| !der.is_empty())
        .ok_or_else(|| refuse("it is not a PEM file"))?;
    RsaKeyPair::from_der(&der)
        .or_else(|_| RsaKeyPair::from_pkcs8(&der))
        .map_err(|_| refuse("it is not an RSA key"))
}

impl App {
    fn jwt(&self, now: Timestamp) -> Result<SecretString, Error> {
        statement(&self.id, &self.key, now)
    }
}

/// The signed statement of an App about who it is, good for some minutes from `now` on: what
/// calls about the App itself are made with.
///
/// # Errors
/// [`Error::Settings`] where the key is none, terminal.
pub fn app_jwt(
    app_id: &str,
    private_key_pem: &SecretString,
    now: Timestamp,
) -> Result<SecretString, Error> {
    statement(app_id, &key(private_key_pem.expose_secret())?, now)
}

fn statement(id: &str, key: &RsaKeyPair, now: Timestamp) -> Result<SecretString, Error> {
    let issuer = id
        .parse::<u64>()
        .map_or_else(|_| json!(id), |number| json!(number));
    let seconds = now.as_second();
    let lead = i64::try_from(JWT_BACKDATED.as_secs()).unwrap_or_default();
    let life = i64::try_from(JWT_LIFETIME.as_secs()).unwrap_or_default();
    let claims = json!({
        "iat": seconds.saturating_sub(lead),
        "exp": seconds.saturating_add(life),
        "iss": issuer,
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "RS256", "typ": "JWT"});
    let signed = format!("{}.{}", part(&header), part(&claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .map_err(|_| Error::Settings {
        name: "private_key_pem",
        reason: "it cannot sign",
    })?;
    let signature = URL_SAFE_NO_PAD.encode(signature);
    Ok(SecretString::from(format!("{signed}.{signature}")))
}

impl Client {
    /// The token for the next request; the App's is asked for when there is none that is good.
    pub(crate) async fn bearer(&self) -> Result<SecretString, Error> {
        let app = match self.credentials.as_ref() {
            Credentials::Token(token) => return Ok(token.clone()),
            Credentials::App(app) => app,
        };
        let mut held = app.held.lock().await;
        let now = Timestamp::now();
        if let Some((token, expires)) = &held.token
            && now + TOKEN_MARGIN < *expires
        {
            return Ok(token.clone());
        }
        let found = self.installation(app, &mut held).await?;
        let path = format!("/app/installations/{}/access_tokens", found.id);
        let answer: TokenAnswer = self
            .as_app(app, &Call::post(&path, &json!({})))
            .await
            .map_err(|failed| explain(failed, MINT, &app.installation))?;
        let token = usable("token", &answer.token)?;
        held.token = Some((token.clone(), answer.expires_at));
        Ok(token)
    }

    /// Forgets a token that was not accepted. `false`: there is no other one to be had.
    pub(crate) async fn renounce(&self, refused: &SecretString) -> bool {
        let Credentials::App(app) = self.credentials.as_ref() else {
            return false;
        };
        let mut held = app.held.lock().await;
        if held
            .token
            .as_ref()
            .is_some_and(|(token, _)| token.expose_secret() == refused.expose_secret())
        {
            held.token = None;
        }
        true
    }

    /// Whether repositories cannot be created because this is an App in a person's account.
    pub(crate) async fn is_app_of_a_person(&self) -> Result<bool, Error> {
        let Credentials::App(app) = self.credentials.as_ref() else {
            return Ok(false);
        };
        let mut held = app.held.lock().await;
        let found = self.installation(app, &mut held).await?;
        Ok(found.personal == Some(true))
    }

    async fn installation(&self, app: &App, held: &mut Held) -> Result<Found, Error> {
        if let Some(found) = &held.installation {
            return Ok(found.clone());
        }
        let found = match &app.installation {
            Installation::Id(id) => Found {
                id: *id,
                personal: None,
            },
            Installation::Owner(owner) => self.installation_of(app, owner).await?,
        };
        held.installation = Some(found.clone());
        Ok(found)
    }

    /// The installation in an organization's account, or in a person's.
    async fn installation_of(&self, app: &App, owner: &str) -> Result<Found, Error> {
        let mut path = format!("/orgs/{owner}/installation");
        let mut answer = self.as_app(app, &Call::get(&path)).await;
        if answer.as_ref().is_err_and(Failed::is_not_found) {
            path = format!("/users/{owner}/installation");
            answer = self.as_app(app, &Call::get(&path)).await;
        }
        let answer: InstallationAnswer =
            answer.map_err(|failed| explain(failed, FIND, &app.installation))?;
        Ok(Found {
            id: answer.id,
            personal: Some(answer.target_type == "User"),
        })
    }

    /// Sends a request as the App itself. All of them may be repeated.
    async fn as_app<B, T>(&self, app: &App, call: &Call<'_, B>) -> Result<T, Failed>
    where
        B: Serialize + Sync + ?Sized,
        T: DeserializeOwned,
    {
        let mut attempt = 0;
        loop {
            let jwt = app
                .jwt(Timestamp::now())
                .map_err(|error| Failed::Stopped(Box::new(error)))?;
            match self.send(call, &jwt).await {
                Err(failed) if failed.is_unanswered() && attempt < self.retries_max => {
                    let wait = self.pace.repeat(attempt);
                    attempt += 1;
                    self.wait(call, attempt, wait).await;
                }
                end => return end,
            }
        }
    }
}

fn explain(failed: Failed, operation: &'static str, installation: &Installation) -> Error {
    if !failed.is_not_found() {
        return failed.into_error(operation);
    }
    let place = match installation {
        Installation::Id(id) => format!("it has no installation {id}"),
        Installation::Owner(owner) => format!("it is not installed for `{owner}`"),
    };
    Error::Validation {
        operation,
        message: format!("{place}; install the App there, or use a token"),
    }
}
