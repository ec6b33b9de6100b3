//! The anonymous user that this data folder signs in as.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use appwrite::{Client, Credential, Settings};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::data::Data;

const FILE: &str = "sessions.json";
const TIMEOUT: Duration = Duration::from_secs(35);
const RETRIES_MAX: u32 = 4;

/// A signed-in user.
pub(crate) struct Session {
    /// Appwrite as this user.
    pub(crate) client: Client,
    /// The session's token, for Realtime.
    pub(crate) token: SecretString,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Kept {
    token: String,
}

impl Session {
    /// Signs in at `endpoint`: with the session of the last time where it still holds,
    /// else as a new anonymous user.
    ///
    /// # Errors
    /// The endpoint does not answer, or it refuses anonymous users.
    pub(crate) fn open(data: &Data, endpoint: &str, project: &str) -> anyhow::Result<Self> {
        let settings = Settings {
            endpoint: endpoint.to_owned(),
            project: project.to_owned(),
            credential: Credential::Guest,
            timeout: TIMEOUT,
            retries_max: RETRIES_MAX,
        };
        let guest = Client::new(settings)?;
        let mut kept: BTreeMap<String, Kept> = data.read(FILE)?;
        // The port of an embedded platform may change; its users stay.
        let place = if endpoint.starts_with("http://127.0.0.1") {
            project.to_owned()
        } else {
            format!("{endpoint} {project}")
        };
        if let Some(Kept { token }) = kept.get(&place) {
            let token = SecretString::from(token.clone());
            let client = guest.with_credential(Credential::Session(token.clone()));
            if client.account().get().is_ok() {
                return Ok(Self { client, token });
            }
        }
        let (_, token) = guest
            .account()
            .create_anonymous_session()
            .with_context(|| format!("could not sign in at {endpoint}"))?;
        kept.insert(
            place,
            Kept {
                token: token.expose_secret().to_owned(),
            },
        );
        data.write(FILE, &kept)?;
        Ok(Self {
            client: guest.with_credential(Credential::Session(token.clone())),
            token,
        })
    }
}
