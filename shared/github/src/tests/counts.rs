//! How many requests a publication costs: 4 + K + M for a new repository, 5 + K + M for one that
//! exists.

use super::fake::Fake;
use super::{client, commit, new_repository};
use crate::{Base, Change, Commit, Content};

/// Files that are not UTF-8 and all different.
fn binaries(many: usize) -> impl Iterator<Item = Change> {
    (0..many).map(|at| Change::Write {
        path: format!("img/{at}.bin"),
        content: Content::Binary(vec![0xff, u8::try_from(at).expect("few")]),
        executable: None,
    })
}

fn with(files: usize, binary: usize) -> Commit {
    let mut commit = commit(files - binary);
    commit.changes.extend(binaries(binary));
    commit
}

/// Requests for a new repository, then for an existing one.
async fn costs(files: usize, binary: usize) -> (u64, u64) {
    let fake = Fake::start().await;
    let first = client(&fake);
    let new = first
        .ensure_repository(&new_repository())
        .await
        .expect("made");
    let publication = with(files, binary);
    first
        .publish(&new, &publication, false)
        .await
        .expect("published");
    let count = fake.git("ann/demo", &["rev-list", "--count", "main"]);
    assert_eq!(count, "2", "one commit on the initial one");

    fake.existing("ann", "app", None);
    let base = fake.git("ann/app", &["rev-parse", "main"]);
    let second = client(&fake);
    let repository = second.existing_repository("ann/app").await.expect("found");
    let publication = Commit {
        branch: "bot".to_owned(),
        base: Base::At(base.parse().expect("id")),
        ..publication
    };
    second
        .publish(&repository, &publication, false)
        .await
        .expect("published");
    let listed = fake.git("ann/app", &["ls-tree", "-r", "--name-only", "bot"]);
    assert_eq!(
        listed.lines().count(),
        files + 1,
        "all files and the README"
    );
    (first.requests(), second.requests())
}

#[tokio::test]
async fn one_file_is_one_tree() {
    assert_eq!(costs(1, 0).await, (4 + 1, 5 + 1));
    assert_eq!(costs(1, 1).await, (4 + 1 + 1, 5 + 1 + 1));
}

#[tokio::test]
async fn ninety_nine_files_are_one_tree() {
    assert_eq!(costs(99, 0).await, (4 + 1, 5 + 1));
    assert_eq!(costs(99, 3).await, (4 + 1 + 3, 5 + 1 + 3));
}

#[tokio::test]
async fn a_hundred_and_one_files_are_two_trees() {
    assert_eq!(costs(101, 0).await, (4 + 2, 5 + 2));
    assert_eq!(costs(101, 2).await, (4 + 2 + 2, 5 + 2 + 2));
}

#[tokio::test]
async fn a_thousand_files_are_ten_trees() {
    assert_eq!(costs(1000, 0).await, (4 + 10, 5 + 10));
    assert_eq!(costs(1000, 7).await, (4 + 10 + 7, 5 + 10 + 7));
}
