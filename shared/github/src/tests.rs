//! The client against a GitHub that keeps its repositories in real git.

mod fake;
mod git;
mod objects;
mod publishing;
mod recorded;
mod refusals;
mod repositories;

use std::time::Duration;

use secrecy::SecretString;

use self::fake::Fake;
use crate::pace::Pace;
use crate::{Client, Commit, File, Identity, NewRepository, Settings};

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

fn file(path: &str, content: &str) -> File {
    File {
        path: path.to_owned(),
        content: content.to_owned(),
        executable: false,
    }
}

fn commit(files: usize) -> Commit {
    Commit {
        branch: "main".to_owned(),
        message: "Publish the project\n\nPublish-Id: t42".to_owned(),
        author: identity(),
        files: (0..files)
            .map(|at| {
                file(
                    &format!("src/part{}/file{at}.txt", at % 7),
                    &format!("{at}\n"),
                )
            })
            .collect(),
    }
}
