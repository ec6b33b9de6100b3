//! Credentials of owners: what they may be, and how they are sealed and opened.
//!
//! create-task seals them with a public key and can not open them; `publish` and `deploy` hold
//! the secret key. What is sealed names its owner and its kind, so that a column copied to
//! another row, or to the other column, is refused. The row holds nothing else of them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::aead::OsRng;
use crypto_box::{PublicKey, SecretKey};
use pipeline::ids::sha256_hex;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) mod limits;
mod parse;

pub use parse::FieldError;
pub(crate) use parse::joined_lines;

/// The table of the rows.
pub const TABLE: &str = "credentials";
/// Longest text of a column.
const COLUMN_BYTES_MAX: usize = 8_000;
/// Characters of the owner's hash in a row's id.
const ID_HASH_CHARS: usize = 24;
/// Shorter lines of a key are not searched for: they may be a part of other words.
const KEY_LINE_CHARS_MIN: usize = 16;

/// What a credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Repositories.
    GitHub,
    /// Sites, functions and databases.
    Appwrite,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::GitHub, Self::Appwrite];

    /// Name of the column, and of the field in a call.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::Appwrite => "appwrite",
        }
    }
}

/// As whom it is published. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub enum GitHubCredential {
    /// A token.
    Token(SecretString),
    /// A GitHub App.
    App {
        /// Its id, or its client id.
        id: String,
        /// Its private key, PEM.
        private_key: SecretString,
        /// Its installation; else the one of whom it is published for.
        installation: Option<u64>,
    },
}

impl GitHubCredential {
    /// What must never be shown: the values, and each line of a key.
    pub fn secrets(&self) -> Vec<String> {
        match self {
            Self::Token(token) => vec![token.expose_secret().to_owned()],
            Self::App { private_key, .. } => {
                let key = private_key.expose_secret();
                let lines = key.lines().filter(|line| !line.starts_with("-----"));
                let lines = lines.filter(|line| line.len() >= KEY_LINE_CHARS_MIN);
                std::iter::once(key)
                    .chain(lines)
                    .map(str::to_owned)
                    .collect()
            }
        }
    }
}

/// The project that an owner's apps are deployed to. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct AppwriteCredential {
    /// Its endpoint, without a final slash.
    pub endpoint: String,
    /// Its id.
    pub project: String,
    /// A key with the scopes of `deploy` in appwrite.json.
    pub key: SecretString,
    /// Domain below which its sites are named, with a port where there is one.
    pub site_domain: String,
}

/// Where an owner's endpoint may be reached without https.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// Nowhere.
    Off,
    /// On the machine that the functions run on.
    Loopback,
    /// Everywhere.
    Any,
}

impl PlainHttp {
    /// What the setting says.
    pub(crate) fn of(word: Option<&str>) -> Self {
        match word {
            Some("any") => Self::Any,
            Some("loopback") => Self::Loopback,
            Some(_) | None => Self::Off,
        }
    }
}

/// Why a sealed text can not be used. Terminal until its owner sets the credential again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The text is damaged, or the keys were changed since.
    #[error("it can not be opened with the present key")]
    Closed,
    /// The text was sealed for another owner or another purpose.
    #[error("it was sealed for something else")]
    Foreign,
}

/// A text or a key that can not be used. Holds no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsealed {
    /// The public key is none.
    #[error("CREDENTIALS_PUBLIC_KEY is not usable")]
    Key,
    /// There is more than a row holds.
    #[error("the credential is too long")]
    TooLong,
}

/// What a column holds. `kind` and `since` are shown to the owner.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Column {
    /// `token`, `app` or `project`.
    pub(crate) kind: String,
    /// When it was set, as Appwrite writes a time.
    pub(crate) since: String,
    /// Base64 of the sealed box.
    sealed: String,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Plain {
    owner: String,
    kind: String,
    value: Value,
}

impl fmt::Debug for Plain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Plain")
    }
}

/// Id of an owner's row.
pub fn row_id(owner: &str) -> String {
    format!("c{}", &sha256_hex(owner.as_bytes())[..ID_HASH_CHARS])
}

/// A new public key and its secret key, as the settings take them.
pub fn new_key_pair() -> (String, SecretString) {
    let secret = SecretKey::generate(&mut OsRng);
    let public = STANDARD.encode(secret.public_key().as_bytes());
    (public, STANDARD.encode(secret.to_bytes()).into())
}

/// Seals a checked value for its owner. Returns the text of the column.
///
/// # Errors
/// See [`Unsealed`]. Terminal.
pub(crate) fn seal(
    public_key: &str,
    owner: &str,
    kind: Kind,
    value: &Value,
    since: String,
) -> Result<String, Unsealed> {
    let key = key_bytes(public_key)
        .map(PublicKey::from)
        .ok_or(Unsealed::Key)?;
    let plain = Plain {
        owner: owner.to_owned(),
        kind: kind.as_str().to_owned(),
        value: value.clone(),
    };
    let plain = serde_json::to_vec(&plain).map_err(|_| Unsealed::TooLong)?;
    let sealed = key.seal(&mut OsRng, &plain).map_err(|_| Unsealed::Key)?;
    let column = Column {
        kind: what_kind(kind, value).to_owned(),
        since,
        sealed: STANDARD.encode(sealed),
    };
    let text = serde_json::to_string(&column).map_err(|_| Unsealed::TooLong)?;
    if text.len() > COLUMN_BYTES_MAX {
        return Err(Unsealed::TooLong);
    }
    Ok(text)
}

fn what_kind(kind: Kind, value: &Value) -> &'static str {
    match kind {
        Kind::Appwrite => "project",
        Kind::GitHub if value.get("app").is_some() => "app",
        Kind::GitHub => "token",
    }
}

/// Opens the GitHub credential of an owner's row.
///
/// # Errors
/// See [`Unusable`]. Terminal.
pub(crate) fn open_github(
    secret_key: &SecretString,
    owner: &str,
    column: &str,
) -> Result<GitHubCredential, Unusable> {
    let value = open(secret_key, owner, Kind::GitHub, column)?;
    parse::github(&value).map_err(|_| Unusable::Closed)
}

/// Opens the Appwrite credential of an owner's row.
///
/// # Errors
/// See [`Unusable`]. Terminal.
pub(crate) fn open_appwrite(
    secret_key: &SecretString,
    owner: &str,
    column: &str,
) -> Result<AppwriteCredential, Unusable> {
    let value = open(secret_key, owner, Kind::Appwrite, column)?;
    // Whether it may be without https was decided when it was taken.
    parse::appwrite(&value, PlainHttp::Any).map_err(|_| Unusable::Closed)
}

fn open(
    secret_key: &SecretString,
    owner: &str,
    kind: Kind,
    column: &str,
) -> Result<Value, Unusable> {
    let column: Column = serde_json::from_str(column).map_err(|_| Unusable::Closed)?;
    let key = key_bytes(secret_key.expose_secret()).map(SecretKey::from);
    let key = key.ok_or(Unusable::Closed)?;
    let sealed = STANDARD
        .decode(column.sealed)
        .map_err(|_| Unusable::Closed)?;
    let plain = key.unseal(&sealed).map_err(|_| Unusable::Closed)?;
    let plain: Plain = serde_json::from_slice(&plain).map_err(|_| Unusable::Closed)?;
    if plain.owner != owner || plain.kind != kind.as_str() {
        return Err(Unusable::Foreign);
    }
    Ok(plain.value)
}

fn key_bytes(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// What a call wants to be set (`Some`) or removed (`None`), checked; by kind.
pub(crate) fn changes(
    body: &[u8],
    http: PlainHttp,
) -> Result<Vec<(Kind, Option<Value>)>, Vec<FieldError>> {
    let problem = |rule| vec![FieldError::new("body", rule)];
    let Ok(Value::Object(mut given)) = serde_json::from_slice::<Value>(body) else {
        return Err(problem("must be a JSON object"));
    };
    let mut changes = Vec::new();
    for kind in Kind::ALL {
        match given.remove(kind.as_str()) {
            None => {}
            Some(Value::Null) => changes.push((kind, None)),
            Some(value) => {
                match kind {
                    Kind::GitHub => parse::github(&value).map(drop),
                    Kind::Appwrite => parse::appwrite(&value, http).map(drop),
                }?;
                changes.push((kind, Some(value)));
            }
        }
    }
    if !given.is_empty() {
        return Err(problem("has a field besides `github` and `appwrite`"));
    }
    if changes.is_empty() {
        return Err(problem("must have `github` or `appwrite`"));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests;
