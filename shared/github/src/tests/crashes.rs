//! The process dies before or after any one request, and everything is done again.

use secrecy::SecretString;

use super::fake::{Crash, Fake};
use super::{client, commit, new_repository};
use crate::{Base, Change, Client, Commit, Content, Error, NewRepository, PullRequest};

/// Far more than any of these takes.
const CALLS_MAX: usize = 60;

fn changes() -> Vec<Change> {
    let mut changes = commit(120).changes;
    changes.push(Change::Write {
        path: "logo.png".to_owned(),
        content: Content::Binary(vec![0xff, 0xfe]),
        executable: None,
    });
    changes
}

/// All that happens for a new repository.
async fn new_project(client: &Client, repeat: bool) -> Result<String, Error> {
    let new = NewRepository {
        topics: vec!["demo".to_owned()],
        looked_before: repeat,
        ..new_repository()
    };
    let repository = client.ensure_repository(&new).await?;
    let secret = SecretString::from("never shown");
    let secrets = [("KEY".to_owned(), secret)];
    client.set_secrets(&repository, &secrets).await?;
    let variables = [("PROJECT".to_owned(), "p".to_owned())];
    client.set_variables(&repository, &variables).await?;
    let commit = Commit {
        changes: changes(),
        ..commit(0)
    };
    let published = client.publish(&repository, &commit, repeat).await?;
    Ok(published.commit_sha.to_string())
}

/// All that happens for a repository that exists.
async fn existing_project(client: &Client, base: &str, repeat: bool) -> Result<String, Error> {
    let repository = client.existing_repository("ann/app").await?;
    let commit = Commit {
        branch: "bot".to_owned(),
        base: Base::At(base.parse().expect("id")),
        changes: changes(),
        ..commit(0)
    };
    let published = client.publish(&repository, &commit, repeat).await?;
    let pull = PullRequest {
        head: "bot".to_owned(),
        base: "main".to_owned(),
        title: "Change it".to_owned(),
        body: "Why".to_owned(),
        repeat,
    };
    client.ensure_pull_request(&repository, &pull).await?;
    Ok(published.commit_sha.to_string())
}

#[tokio::test]
async fn one_repository_and_one_commit_whatever_request_is_the_last() {
    for effect in [false, true] {
        for after in 0..CALLS_MAX {
            let fake = Fake::start().await;
            fake.crash(Some(Crash { after, effect }));
            let died = new_project(&client(&fake), false).await.is_err();
            fake.crash(None);
            let at = format!("{after} {effect}");
            let commit = new_project(&client(&fake), true).await.expect(&at);
            assert_eq!(fake.repositories(), 1, "{at}");
            assert_eq!(fake.git("ann/demo", &["rev-parse", "main"]), commit, "{at}");
            let count = fake.git("ann/demo", &["rev-list", "--count", "main"]);
            assert_eq!(count, "2", "{at}");
            assert_eq!(fake.secrets().len() + fake.variables().len(), 2, "{at}");
            if !died {
                assert!(after > 10, "the crash came after all of it");
                break;
            }
        }
    }
}

#[tokio::test]
async fn one_commit_and_one_pull_request_whatever_request_is_the_last() {
    let mut ids = Vec::new();
    for effect in [false, true] {
        for after in 0..CALLS_MAX {
            let fake = Fake::start().await;
            fake.existing("ann", "app", None);
            let base = fake.git("ann/app", &["rev-parse", "main"]);
            fake.crash(Some(Crash { after, effect }));
            let died = existing_project(&client(&fake), &base, false)
                .await
                .is_err();
            fake.crash(None);
            let at = format!("{after} {effect}");
            let commit = existing_project(&client(&fake), &base, true)
                .await
                .expect(&at);
            assert_eq!(fake.git("ann/app", &["rev-parse", "bot"]), commit, "{at}");
            let count = fake.git("ann/app", &["rev-list", "--count", "bot"]);
            assert_eq!(count, "2", "{at}");
            assert_eq!(fake.pulls().len(), 1, "{at}");
            ids.push(commit);
            if !died {
                assert!(after > 8, "the crash came after all of it");
                break;
            }
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "always the same commit");
}
