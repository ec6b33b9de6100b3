//! Who exports and imports: whoever has the project's key.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use appwrite::{Client, Credential, Settings};
use secrecy::SecretString;

use crate::environment::Environment;
use crate::place::{Opened, Server};

/// The longest that one request may take: a page has up to 20 MB.
const TIMEOUT: Duration = Duration::from_secs(60);
const RETRIES_MAX: u32 = 4;
/// The key that the embedded platform keeps.
const KEY_FILE: &str = "platform/key";

/// Appwrite with the project's key.
///
/// # Errors
/// There is no key.
pub(crate) fn client(opened: &Opened, environment: &Environment) -> anyhow::Result<Client> {
    let key = match &opened.server {
        Server::Here(hosting) => hosting.platform.key().clone(),
        Server::Process(_) => kept(&opened.data.path(KEY_FILE))?,
        Server::Appwrite => {
            let names = ["APPWRITE_DEV_KEY", "APPWRITE_API_KEY"];
            let key = names.into_iter().find_map(|name| environment.get(name));
            SecretString::from(key.context(
                "exports and imports need a key of the project: set APPWRITE_DEV_KEY or APPWRITE_API_KEY, with the scopes rows.read and rows.write",
            )?)
        }
    };
    Ok(Client::new(Settings {
        endpoint: opened.place.endpoint.clone(),
        project: opened.place.project.clone(),
        credential: Credential::Key(key),
        timeout: TIMEOUT,
        retries_max: RETRIES_MAX,
    })?)
}

fn kept(path: &Path) -> anyhow::Result<SecretString> {
    let key = std::fs::read_to_string(path).with_context(|| {
        format!(
            "could not read the platform's key, {}; a platform that was given its key with --key is named with APPWRITE_ENDPOINT, APPWRITE_PROJECT_ID and APPWRITE_API_KEY",
            path.display()
        )
    })?;
    Ok(SecretString::from(key.trim()))
}
