//! The client against a GitHub that keeps its repositories in real git.

mod actions;
mod apps;
mod branches;
mod counts;
mod crashes;
mod fake;
mod git;
mod objects;
mod observed;
mod openapi;
mod publishing;
mod pulls;
mod reading;
mod recorded;
mod refusals;
mod replayed;
mod repositories;

use std::time::Duration;

use secrecy::SecretString;

use self::fake::Fake;
use crate::pace::Pace;
use crate::{Base, Change, Client, Commit, Content, Identity, NewRepository, Settings};

const TOKEN: &str = "ghp_never-shown-0123456789";
const MARKER: &str = "https://orchestrator.example/p/t42";

fn settings(base_url: &str) -> Settings {
    Settings {
        base_url: base_url.to_owned(),
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(20),
        ..Settings::new(SecretString::from(TOKEN))
    }
}

fn client(fake: &Fake) -> Client {
    let mut client = Client::new(settings(&fake.url())).expect("client");
    client.pace = Pace::immediate();
    client
}

fn new_repository() -> NewRepository {
    NewRepository {
        owner: None,
        name: "demo".to_owned(),
        description: "A demo\nfor tests".to_owned(),
        private: true,
        marker: MARKER.to_owned(),
        topics: Vec::new(),
        looked_before: false,
    }
}

fn identity() -> Identity {
    Identity {
        name: "Orchestrator Bot".to_owned(),
        email: "bot@orchestrator.example".to_owned(),
        date_unix: 1_763_800_000,
    }
}

fn file(path: &str, content: &str) -> Change {
    Change::Write {
        path: path.to_owned(),
        content: Content::Text(content.to_owned()),
        executable: None,
    }
}

fn script(path: &str, content: &str) -> Change {
    Change::Write {
        path: path.to_owned(),
        content: Content::Text(content.to_owned()),
        executable: Some(true),
    }
}

fn delete(path: &str) -> Change {
    let path = path.to_owned();
    Change::Delete { path }
}

fn commit(files: usize) -> Commit {
    Commit {
        branch: "main".to_owned(),
        base: Base::Fresh,
        message: "Publish the project\n\nPublish-Id: t42".to_owned(),
        author: identity(),
        changes: (0..files)
            .map(|at| {
                file(
                    &format!("src/part{}/file{at}.txt", at % 7),
                    &format!("{at}\n"),
                )
            })
            .collect(),
    }
}
