//! The signed-in user and sessions.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use ureq::http::HeaderMap;

use crate::call::{Call, Repeat};
use crate::client::Client;
use crate::error::{Error, Operation};
use crate::kind::Kind;

/// A session, without its token.
///
/// Source: Appwrite 1.9.6 REST, sessions (measured). Fixture: `session_anonymous.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The id.
    #[serde(rename = "$id")]
    pub id: String,
    /// The user.
    pub user_id: String,
    /// RFC 3339.
    pub expire: String,
    /// `anonymous`, `email` and so on.
    pub provider: String,
}

/// A user.
///
/// Source: Appwrite 1.9.6 REST, account (measured). Fixture: `account.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// The id.
    #[serde(rename = "$id")]
    pub id: String,
    /// May be empty.
    pub name: String,
    /// Empty for anonymous users.
    pub email: String,
    /// Words given by servers, usable in `read("label:…")`.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// The account of the client's credential.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    client: &'a Client,
}

impl Client {
    /// The account; nothing is sent.
    pub fn account(&self) -> Account<'_> {
        Account { client: self }
    }
}

impl Account<'_> {
    /// Makes a user without a name and signs it in. The token goes into
    /// [`Credential::Session`](crate::Credential::Session); the server tells it only once.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] if the answer was lost: a user may exist that nobody can be,
    /// which harms nobody, so the caller may try again. 429 after 50 an hour from one address.
    ///
    /// # Idempotency
    /// Not repeated once the request may have arrived, as each create makes another user.
    pub fn create_anonymous_session(&self) -> Result<(Session, SecretString), Error> {
        let operation = self.operation(Kind::AccountCreateSession);
        let path = "/account/sessions/anonymous".to_owned();
        let call = Call::post(operation, path, Repeat::Never).json(&json!({}))?;
        let answer = self.client.fetch(&call)?;
        let session = answer.decode(&call.operation)?;
        let token = token(&answer.headers, self.client.project());
        token
            .map(|token| (session, token))
            .ok_or(Error::MissingToken {
                operation: call.operation,
            })
    }

    /// Reads the user of the client's session or JWT; keys get 401.
    ///
    /// # Errors
    /// [`ErrorType::GeneralUnauthorizedScope`](crate::ErrorType) for nobody and for a session that
    /// has ended. Repeated: it is a read.
    pub fn get(&self) -> Result<User, Error> {
        let call = Call::get(self.operation(Kind::AccountGet), "/account".to_owned());
        self.client.fetch(&call)?.decode(&call.operation)
    }

    fn operation(&self, kind: Kind) -> Operation {
        Operation {
            kind,
            object: self.client.project().to_owned(),
        }
    }
}

/// The token of a new session. The body's `secret` is empty for clients; the token comes as JSON
/// in `X-Fallback-Cookies` and percent-encoded in `Set-Cookie`.
fn token(headers: &HeaderMap, project: &str) -> Option<SecretString> {
    let name = format!("a_session_{project}");
    fallback_token(headers, &name)
        .or_else(|| cookie_token(headers, &name))
        .filter(|token| !token.is_empty())
        .map(SecretString::from)
}

fn fallback_token(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers.get("x-fallback-cookies")?.as_bytes();
    let mut cookies: BTreeMap<String, String> = serde_json::from_slice(cookies).ok()?;
    cookies.remove(name)
}

fn cookie_token(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get_all("set-cookie").iter().find_map(|cookie| {
        let pair = cookie.to_str().ok()?.split(';').next()?;
        let (found, value) = pair.split_once('=')?;
        let value = percent_decode_str(value).decode_utf8().ok()?;
        (found.trim() == name).then(|| value.into_owned())
    })
}
