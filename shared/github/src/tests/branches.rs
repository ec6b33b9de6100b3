//! Committing to a branch of a repository that others work in.

use super::fake::{Fake, Fault};
use super::{client, delete, file, identity, script};
use crate::{Base, Change, Client, Commit, Content, Error, Published, Repository, Retry};

const REF: &str = "GET /repos/ann/app/git/ref/heads/bot";
const FILES: &str = "GET /repos/ann/app/git/trees/{sha}";
const HISTORY: &str = "GET /repos/ann/app/git/commits/{sha}";
const BLOB: &str = "POST /repos/ann/app/git/blobs";
const TREE: &str = "POST /repos/ann/app/git/trees";
const COMMIT: &str = "POST /repos/ann/app/git/commits";
const NEW: &str = "POST /repos/ann/app/git/refs";
const MOVE: &str = "PATCH /repos/ann/app/git/refs/heads/bot";

const THEIRS: [(&str, &str); 4] = [
    ("README.md", "# App\n"),
    ("keep.txt", "kept\n"),
    ("old.txt", "old\n"),
    ("src/main.rs", "fn main() {}\n"),
];

struct Scene {
    fake: Fake,
    client: Client,
    repository: Repository,
    base: String,
}

/// A repository with some files in `main`.
async fn scene() -> Scene {
    let fake = Fake::start().await;
    fake.existing("ann", "app", None);
    let base = fake.push("ann/app", "main", &THEIRS);
    let client = client(&fake);
    let repository = client.existing_repository("ann/app").await.expect("found");
    fake.taken();
    Scene {
        fake,
        client,
        repository,
        base,
    }
}

fn commit(base: &str, changes: Vec<Change>) -> Commit {
    Commit {
        branch: "bot".to_owned(),
        base: Base::At(base.parse().expect("id")),
        message: "Change it\n\nPublish-Id: t42".to_owned(),
        author: identity(),
        changes,
    }
}

fn changes() -> Vec<Change> {
    vec![
        file("src/main.rs", "fn main() { run() }\n"),
        file("src/run.rs", "fn run() {}\n"),
        delete("old.txt"),
        delete("never.txt"),
        file("keep.txt", "kept\n"),
    ]
}

impl Scene {
    async fn publish(&self, commit: &Commit, repeat: bool) -> Result<Published, Error> {
        self.client.publish(&self.repository, commit, repeat).await
    }

    fn listed(&self, branch: &str) -> Vec<String> {
        let listed = self
            .fake
            .git("ann/app", &["ls-tree", "-r", "--name-only", branch]);
        listed.lines().map(str::to_owned).collect()
    }

    fn count(&self) -> String {
        self.fake.git("ann/app", &["rev-list", "--count", "bot"])
    }
}

#[tokio::test]
async fn new_branch_begins_at_the_base() {
    let scene = scene().await;
    let published = scene
        .publish(&commit(&scene.base, changes()), false)
        .await
        .expect("published");
    assert_eq!(scene.fake.taken(), [REF, FILES, TREE, COMMIT, NEW]);
    assert!(published.wrote);
    let parent = scene.fake.git("ann/app", &["rev-parse", "bot^"]);
    assert_eq!(parent, scene.base);
    let listed = ["README.md", "keep.txt", "src/main.rs", "src/run.rs"];
    assert_eq!(scene.listed("bot"), listed);
    let sent = scene.fake.bodies();
    let tree = sent
        .iter()
        .find(|body| body.get("tree").is_some_and(|t| t.is_array()));
    let tree = tree.expect("sent")["tree"].as_array().expect("entries");
    assert_eq!(tree.len(), 3, "what is there already is not sent: {tree:?}");
    assert_eq!(
        scene.fake.git("ann/app", &["rev-parse", "main"]),
        scene.base
    );
}

#[tokio::test]
async fn branch_at_the_base_moves_forward() {
    let scene = scene().await;
    scene.fake.git("ann/app", &["branch", "bot", "main"]);
    let commit = commit(&scene.base, changes());
    let published = scene.publish(&commit, false).await.expect("published");
    assert_eq!(scene.fake.taken(), [REF, FILES, TREE, COMMIT, MOVE]);
    let again = scene.publish(&commit, false).await.expect("found");
    assert_eq!(scene.fake.taken(), [REF, FILES]);
    assert_eq!(
        (again.commit_sha, again.wrote),
        (published.commit_sha, false)
    );
    assert_eq!(scene.count(), "3");
}

#[tokio::test]
async fn what_others_pushed_meanwhile_stays() {
    let scene = scene().await;
    let mut theirs = THEIRS.to_vec();
    theirs.push(("theirs.txt", "new"));
    theirs[0].1 = "# Better\n";
    let head = scene.fake.push("ann/app", "bot", &theirs);
    let published = scene
        .publish(&commit(&scene.base, changes()), false)
        .await
        .expect("published");
    assert_eq!(scene.fake.taken(), [REF, FILES, FILES, TREE, COMMIT, MOVE]);
    assert_eq!(published.parent_sha.map(|sha| sha.to_string()), Some(head));
    let listed = [
        "README.md",
        "keep.txt",
        "src/main.rs",
        "src/run.rs",
        "theirs.txt",
    ];
    assert_eq!(scene.listed("bot"), listed);
    let readme = scene.fake.git("ann/app", &["show", "bot:README.md"]);
    assert_eq!(readme, "# Better");
}

#[tokio::test]
async fn push_between_two_requests_is_kept_too() {
    let scene = scene().await;
    let mut on_main = commit(&scene.base, changes());
    on_main.branch = "main".to_owned();
    let mut theirs = THEIRS.to_vec();
    theirs.push(("theirs.txt", "new"));
    let mover = "PATCH /repos/ann/app/git/refs/heads/main";
    scene.fake.fault(mover, Fault::PushBefore(theirs));
    scene.publish(&on_main, false).await.expect("published");
    let listed = [
        "README.md",
        "keep.txt",
        "src/main.rs",
        "src/run.rs",
        "theirs.txt",
    ];
    assert_eq!(scene.listed("main"), listed);
    let subjects = scene
        .fake
        .git("ann/app", &["log", "-3", "--format=%s", "main"]);
    assert_eq!(subjects, "Change it\nSomebody's commit\nSomebody's commit");
}

#[tokio::test]
async fn both_changed_one_file_is_a_conflict_that_names_it() {
    let scene = scene().await;
    let mut theirs = THEIRS.to_vec();
    theirs[3].1 = "fn main() { other() }\n";
    theirs[2].1 = "changed\n";
    let head = scene.fake.push("ann/app", "bot", &theirs);
    let error = scene
        .publish(&commit(&scene.base, changes()), false)
        .await
        .expect_err("conflict");
    insta::assert_snapshot!(error, @"branch `bot` has other changes of `old.txt`, `src/main.rs`, which were not overwritten; take them back on GitHub or move them to another branch and publish again, or start a new task from how the branch is now");
    assert_eq!(error.retry(), Retry::Terminal);
    assert_eq!(scene.fake.taken(), [REF, FILES, FILES]);
    assert_eq!(scene.fake.git("ann/app", &["rev-parse", "bot"]), head);
}

#[tokio::test]
async fn repeat_finds_its_commit_below_others() {
    let scene = scene().await;
    let commit = commit(&scene.base, changes());
    let published = scene.publish(&commit, false).await.expect("published");
    scene
        .fake
        .push("ann/app", "bot", &[("src/main.rs", "edited by a person\n")]);
    scene
        .fake
        .push("ann/app", "bot", &[("src/main.rs", "and again\n")]);
    scene.fake.taken();
    let again = scene.publish(&commit, true).await.expect("found");
    assert_eq!(
        again,
        Published {
            wrote: false,
            ..published
        }
    );
    let calls = [REF, FILES, HISTORY, HISTORY, HISTORY];
    assert_eq!(scene.fake.taken(), calls);
}

#[tokio::test]
async fn rebased_commit_is_found_again() {
    let scene = scene().await;
    let mut theirs = THEIRS.to_vec();
    theirs.push(("theirs.txt", "new"));
    scene.fake.push("ann/app", "bot", &theirs);
    let commit = commit(&scene.base, changes());
    scene.fake.fault(MOVE, Fault::LostAnswer);
    let published = scene.publish(&commit, false).await.expect("published");
    scene.fake.taken();
    let again = scene.publish(&commit, true).await.expect("found");
    assert_eq!(
        again,
        Published {
            wrote: false,
            ..published
        }
    );
    assert_eq!(scene.fake.taken(), [REF, FILES, HISTORY]);
}

#[tokio::test]
async fn next_release_starts_from_the_one_before() {
    let scene = scene().await;
    let first = commit(&scene.base, changes());
    let published = scene.publish(&first, false).await.expect("published");
    let mut second = commit(
        &published.commit_sha.to_string(),
        vec![delete("src/run.rs")],
    );
    second.message = "Next\n\nPublish-Id: t43".to_owned();
    scene.fake.taken();
    scene.publish(&second, false).await.expect("published");
    assert_eq!(scene.fake.taken(), [REF, FILES, TREE, COMMIT, MOVE]);
    assert_eq!(
        scene.listed("bot"),
        ["README.md", "keep.txt", "src/main.rs"]
    );
    // An older one that comes late finds itself and writes nothing.
    let late = scene.publish(&first, true).await.expect("found");
    assert_eq!((late.commit_sha, late.wrote), (published.commit_sha, false));
    assert_eq!(scene.count(), "4");
}

#[tokio::test]
async fn nothing_to_change_writes_nothing() {
    let scene = scene().await;
    let commit = commit(
        &scene.base,
        vec![file("keep.txt", "kept\n"), delete("never.txt")],
    );
    let published = scene.publish(&commit, false).await.expect("nothing");
    assert_eq!(published.commit_sha.to_string(), scene.base);
    assert!(!published.wrote);
    assert_eq!(scene.fake.taken(), [REF, FILES]);
}

#[tokio::test]
async fn branch_that_appears_meanwhile_is_read_again() {
    let scene = scene().await;
    let commit = commit(&scene.base, changes());
    scene.fake.fault(NEW, Fault::LostAnswer);
    let published = scene.publish(&commit, false).await.expect("published");
    assert!(published.wrote);
    assert_eq!(scene.fake.taken(), [REF, FILES, TREE, COMMIT, NEW, REF]);
    assert_eq!(scene.count(), "3");
}

#[tokio::test]
async fn binaries_modes_and_swaps_of_file_and_folder_arrive() {
    let scene = scene().await;
    let bytes: Vec<u8> = (0..=255).collect();
    let binary = |path: &str| Change::Write {
        path: path.to_owned(),
        content: Content::Binary(bytes.clone()),
        executable: None,
    };
    let first = commit(
        &scene.base,
        vec![
            script("run.sh", "#!/bin/sh\n"),
            binary("logo.png"),
            binary("copy.png"),
            delete("old.txt"),
            file("old.txt/now/a/folder", "x"),
        ],
    );
    let published = scene.publish(&first, false).await.expect("published");
    // Equal contents are one blob; the folder needs the file gone first.
    let calls = [REF, FILES, BLOB, TREE, TREE, COMMIT, NEW];
    assert_eq!(scene.fake.taken(), calls);
    let second = Commit {
        message: "Next".to_owned(),
        ..commit(
            &published.commit_sha.to_string(),
            vec![
                file("run.sh", "#!/bin/sh\nexit 1\n"),
                delete("old.txt/now/a/folder"),
                file("old.txt", "a file again\n"),
            ],
        )
    };
    scene.publish(&second, false).await.expect("published");
    let mode = |path: &str| scene.fake.git("ann/app", &["ls-tree", "bot", path]);
    assert!(mode("run.sh").starts_with("100755 blob"), "the mode stays");
    assert!(mode("old.txt").starts_with("100644 blob"));
    let folder = scene.repository.clone();
    let tree = scene.client.read_tree(&folder, "bot").await.expect("read");
    let logo = tree.entries.iter().find(|entry| entry.path == "logo.png");
    let sha = logo.expect("there").sha;
    assert_eq!(sha, crate::object::blob_sha(&bytes));
}

#[tokio::test]
async fn clashes_with_what_is_there_are_refused() {
    let scene = scene().await;
    for (path, reason) in [
        ("readme.md", "path `readme.md` is given twice"),
        ("keep.txt/x", "path `keep.txt` is a file and a folder"),
        ("src", "path `src` is a file and a folder"),
    ] {
        let commit = commit(&scene.base, vec![file(path, "x")]);
        let error = scene.publish(&commit, false).await.expect_err("refused");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(scene.fake.taken(), [REF, FILES]);
    }
}

#[tokio::test]
async fn rename_meanwhile_is_followed() {
    let scene = scene().await;
    scene.fake.fault(TREE, Fault::RenameBefore("better"));
    let commit = commit(&scene.base, changes());
    let published = scene.publish(&commit, false).await.expect("published");
    let head = scene.fake.git("ann/better", &["rev-parse", "bot"]);
    assert_eq!(head, published.commit_sha.to_string());
}
