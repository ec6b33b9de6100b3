//! The user that this data folder signs in as: an anonymous one, until somebody signs in.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use appwrite::{Client, Credential, Settings};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::data::{Data, Held};
use crate::place::Place;

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
    /// Signs in: with the session of the last time where it still holds, else as a new
    /// anonymous user.
    ///
    /// # Errors
    /// The endpoint does not answer, or it refuses anonymous users.
    pub(crate) fn open(data: &Data, place: &Place) -> anyhow::Result<Self> {
        let guest = guest(place)?;
        if let Some(session) = kept(data, place, &guest)? {
            return Ok(session);
        }
        // Of two commands at once one makes the user, and the other is the same.
        let held = data.hold(FILE)?;
        if let Some(session) = kept(data, place, &guest)? {
            return Ok(session);
        }
        let (_, token) = again(|| guest.account().create_anonymous_session())
            .with_context(|| format!("could not sign in at {}", place.endpoint))?;
        Self::keep(data, &held, place, (&guest, token))
    }

    /// Signs in with an address and a password, instead of whoever was signed in.
    ///
    /// # Errors
    /// The credentials are wrong, or the endpoint does not answer.
    pub(crate) fn sign_in(
        data: &Data,
        place: &Place,
        email: &str,
        password: &SecretString,
    ) -> anyhow::Result<Self> {
        let guest = guest(place)?;
        let (_, token) = again(|| guest.account().create_email_session(email, password))
            .with_context(|| format!("could not sign in as {email}"))?;
        Self::keep(data, &data.hold(FILE)?, place, (&guest, token))
    }

    /// Makes an account and signs in. An anonymous user of this folder becomes the account;
    /// the second value tells whether one did.
    ///
    /// # Errors
    /// The address is taken or, like the password, not accepted; or the endpoint does not
    /// answer.
    pub(crate) fn sign_up(
        data: &Data,
        place: &Place,
        email: &str,
        password: &SecretString,
    ) -> anyhow::Result<(Self, bool)> {
        let guest = guest(place)?;
        let refused = || format!("could not make an account for {email}");
        if let Some(session) = kept(data, place, &guest)?
            && session.client.account().get()?.email.is_empty()
        {
            let account = session.client.account();
            account
                .update_email(email, password)
                .with_context(refused)?;
            return Ok((session, true));
        }
        let account = guest.account();
        account.create(email, password).with_context(refused)?;
        Ok((Self::sign_in(data, place, email, password)?, false))
    }

    /// Signs out. Returns whether anybody was signed in.
    ///
    /// # Errors
    /// The endpoint does not answer; the session is kept then.
    pub(crate) fn sign_out(data: &Data, place: &Place) -> anyhow::Result<bool> {
        let session = kept(data, place, &guest(place)?)?;
        if let Some(session) = &session {
            session.client.account().delete_session()?;
        }
        let _held = data.hold(FILE)?;
        let mut all: BTreeMap<String, Kept> = data.read(FILE)?;
        all.remove(&name_of(place));
        data.write(FILE, &all)?;
        Ok(session.is_some())
    }

    /// The labels of who is signed in on this data folder, if anybody is. Signs nobody in.
    ///
    /// # Errors
    /// The endpoint does not answer.
    pub(crate) fn labels(data: &Data, place: &Place) -> anyhow::Result<Option<Vec<String>>> {
        let session = kept(data, place, &guest(place)?)?;
        let user = session.map(|session| session.client.account().get());
        Ok(user.transpose()?.map(|user| user.labels))
    }

    fn keep(
        data: &Data,
        _held: &Held,
        place: &Place,
        (guest, token): (&Client, SecretString),
    ) -> anyhow::Result<Self> {
        let mut all: BTreeMap<String, Kept> = data.read(FILE)?;
        let kept = Kept {
            token: token.expose_secret().to_owned(),
        };
        all.insert(name_of(place), kept);
        data.write(FILE, &all)?;
        let client = guest.with_credential(Credential::Session(token.clone()));
        Ok(Self { client, token })
    }
}

fn guest(place: &Place) -> anyhow::Result<Client> {
    Ok(Client::new(Settings {
        endpoint: place.endpoint.clone(),
        project: place.project.clone(),
        credential: Credential::Guest,
        timeout: TIMEOUT,
        retries_max: RETRIES_MAX,
    })?)
}

/// Signs in again where nobody knows whether it was done: a session more that nobody holds
/// does no harm.
fn again<T>(sign_in: impl Fn() -> Result<T, appwrite::Error>) -> Result<T, appwrite::Error> {
    let mut left = RETRIES_MAX;
    loop {
        match sign_in() {
            Err(appwrite::Error::OutcomeUnknown { .. }) if left > 0 => left -= 1,
            outcome => return outcome,
        }
    }
}

/// The session of the last time, where it still holds.
fn kept(data: &Data, place: &Place, guest: &Client) -> anyhow::Result<Option<Session>> {
    let mut all: BTreeMap<String, Kept> = data.read(FILE)?;
    let Some(Kept { token }) = all.remove(&name_of(place)) else {
        return Ok(None);
    };
    let token = SecretString::from(token);
    let client = guest.with_credential(Credential::Session(token.clone()));
    match client.account().get() {
        Ok(_) => Ok(Some(Session { client, token })),
        // It has ended. Any other error must not cost somebody the session.
        Err(appwrite::Error::Refused { status: 401, .. }) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("could not ask {}", place.endpoint)),
    }
}

/// What a place's session is kept under. The port of an embedded platform may change; its
/// users stay.
fn name_of(place: &Place) -> String {
    if place.endpoint.starts_with("http://127.0.0.1") {
        place.project.clone()
    } else {
        format!("{} {}", place.endpoint, place.project)
    }
}

#[cfg(test)]
mod tests {
    use local::platform::{Platform, PlatformConfig};

    use super::*;

    fn password(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn user(session: &Session) -> (String, String) {
        let user = session.client.account().get().unwrap();
        (user.id, user.email)
    }

    /// What a person does one after the other; blocking.
    fn come_and_go(data: &Data, place: &Place) {
        let (anonymous, _) = user(&Session::open(data, place).unwrap());
        assert_eq!(user(&Session::open(data, place).unwrap()).0, anonymous);

        let secret = password("correct horse");
        let (session, kept) = Session::sign_up(data, place, "ada@example.org", &secret).unwrap();
        assert!(kept);
        let ada = (anonymous, "ada@example.org".to_owned());
        assert_eq!(user(&session), ada);
        assert_eq!(user(&Session::open(data, place).unwrap()), ada);

        assert!(Session::sign_out(data, place).unwrap());
        assert!(!Session::sign_out(data, place).unwrap());
        assert_ne!(user(&Session::open(data, place).unwrap()), ada);

        let error = Session::sign_in(data, place, "ada@example.org", &password("wrong horse"));
        let error = format!("{:#}", error.err().unwrap());
        assert!(
            error.contains("could not sign in as ada@example.org"),
            "{error}"
        );
        assert!(!error.contains("wrong horse"), "{error}");
        let session = Session::sign_in(data, place, "ada@example.org", &secret).unwrap();
        assert_eq!(user(&session), ada);

        // Somebody who is signed in makes another account without losing this one.
        let (session, kept) = Session::sign_up(data, place, "bob@example.org", &secret).unwrap();
        assert!(!kept);
        assert_eq!(user(&session).1, "bob@example.org");
        assert!(Session::sign_up(data, place, "ada@example.org", &secret).is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_sign_in_whose_answer_is_lost_is_made_again() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let rules = ["lose-answer,path=/v1/account/sessions/anonymous,nth=1"];
        let platform = PlatformConfig {
            faults: local::faults::Faults::parse(&rules, 0).unwrap(),
            ..PlatformConfig::new("p", folder.path().join("p"), folder.path().join("f"))
        };
        let platform = Platform::start(platform).await.unwrap();
        let place = Place {
            endpoint: platform.endpoint().to_owned(),
            project: "p".to_owned(),
        };
        let data = Data::open(&folder.path().join("data")).unwrap();
        let session = tokio::task::block_in_place(|| Session::open(&data, &place)).unwrap();
        assert!(tokio::task::block_in_place(|| session.client.account().get()).is_ok());
        assert_eq!(platform.kernel().faults.fired("lose-answer"), 1);
        platform.shutdown().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn commands_that_begin_at_once_are_one_user() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let platform = PlatformConfig::new("p", folder.path().join("p"), folder.path().join("f"));
        let platform = Platform::start(platform).await.unwrap();
        let place = Place {
            endpoint: platform.endpoint().to_owned(),
            project: "p".to_owned(),
        };
        let users: Vec<String> = tokio::task::block_in_place(|| {
            std::thread::scope(|threads| {
                let begin = || {
                    let data = Data::share(&folder.path().join("data")).unwrap();
                    user(&Session::open(&data, &place).unwrap()).0
                };
                let begun: Vec<_> = (0..4).map(|_| threads.spawn(begin)).collect();
                begun.into_iter().map(|it| it.join().unwrap()).collect()
            })
        });
        assert!(users.iter().all(|user| *user == users[0]), "{users:?}");
        platform.shutdown().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_anonymous_user_becomes_an_account_and_comes_back_to_it() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let platform = PlatformConfig::new("p", folder.path().join("p"), folder.path().join("f"));
        let platform = Platform::start(platform).await.unwrap();
        let place = Place {
            endpoint: platform.endpoint().to_owned(),
            project: "p".to_owned(),
        };
        let data = Data::open(&folder.path().join("data")).unwrap();
        tokio::task::block_in_place(|| come_and_go(&data, &place));
        platform.shutdown().await;
    }
}
