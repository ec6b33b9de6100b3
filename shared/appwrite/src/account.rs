//! The signed-in user and sessions.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::HeaderMap;

use crate::call::{Call, Repeat};
use crate::client::Client;
use crate::error::{Error, Operation};
use crate::kind::Kind;

/// A session, without its token.
///
/// Source: Appwrite 1.9.6 REST, sessions (measured). Fixtures: `session_anonymous.json`,
/// `session_email.json`.
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
        self.sign_in("anonymous", &json!({}))
    }

    /// Signs a user in by e-mail address and password.
    ///
    /// # Errors
    /// 401 [`ErrorType::UserInvalidCredentials`](crate::ErrorType); 429 after 10 an hour for one
    /// address. [`Error::OutcomeUnknown`] if the answer was lost: a session may exist that nobody
    /// holds, so the caller may try again.
    ///
    /// # Idempotency
    /// Not repeated once the request may have arrived, as each makes another session.
    pub fn create_email_session(
        &self,
        email: &str,
        password: &SecretString,
    ) -> Result<(Session, SecretString), Error> {
        let body = json!({"email": email, "password": password.expose_secret()});
        self.sign_in("email", &body)
    }

    fn sign_in(&self, way: &str, body: &Value) -> Result<(Session, SecretString), Error> {
        let operation = self.operation(Kind::AccountCreateSession);
        let path = format!("/account/sessions/{way}");
        let call = Call::post(operation, path, Repeat::Never).json(body)?;
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

    /// Makes a user; it is not signed in. The server chooses the id.
    ///
    /// # Errors
    /// 409 [`ErrorType::UserAlreadyExists`](crate::ErrorType), 400 for an address or a password
    /// (8 to 256 characters) that it does not take. [`Error::OutcomeUnknown`] if the answer was
    /// lost: signing in tells whether the user exists.
    ///
    /// # Idempotency
    /// Not repeated once the request may have arrived.
    pub fn create(&self, email: &str, password: &SecretString) -> Result<User, Error> {
        let call = Call::post(
            self.operation(Kind::AccountCreate),
            "/account".to_owned(),
            Repeat::Never,
        );
        let body = json!({
            "userId": "unique()", "email": email, "password": password.expose_secret(),
        });
        let call = call.json(&body)?;
        self.client.fetch(&call)?.decode(&call.operation)
    }

    /// Gives the signed-in user an e-mail address. An anonymous one gets the password with it and
    /// stays the same user; any other must know its password.
    ///
    /// # Errors
    /// 400 `general_bad_request` if another user has the address: the server does not tell.
    /// Repeated: the second one changes nothing.
    pub fn update_email(&self, email: &str, password: &SecretString) -> Result<User, Error> {
        let call = Call::patch(
            self.operation(Kind::AccountUpdateEmail),
            "/account/email".to_owned(),
        );
        let body = json!({"email": email, "password": password.expose_secret()});
        let call = call.json(&body)?;
        self.client.fetch(&call)?.decode(&call.operation)
    }

    /// Ends the session of the client's credential.
    ///
    /// # Errors
    /// [`ErrorType::GeneralUnauthorizedScope`](crate::ErrorType) if it has ended. Repeated: a
    /// session ends once.
    pub fn delete_session(&self) -> Result<(), Error> {
        let operation = self.operation(Kind::AccountDeleteSession);
        let call = Call::delete(operation, "/account/sessions/current".to_owned());
        self.client.fetch(&call).map(|_| ())
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
