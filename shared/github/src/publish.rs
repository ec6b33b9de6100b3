//! Putting one commit on a branch.

use std::collections::VecDeque;
use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::chunk::chunks;
use crate::client::{Call, Client};
use crate::error::Error;
use crate::object::{self, Leaf, Sha};
use crate::path;
use crate::refusal::Failed;
use crate::repository::Repository;
use crate::wire::{
    CommitAnswer, CreateCommit, CreateTree, MoveRef, Object, RefAnswer, Signature, TreeEntry,
};

/// How often the branch is read and written before giving up on one that keeps moving.
const ROUNDS_MAX: u32 = 3;

/// What of a branch's name stays as it is in a URL.
const BRANCH_PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.');

/// What git strips from both ends of a name or an address, which would change the id.
const IDENTITY_TRIMMED: &[char] = &['.', ',', ':', ';', '"', '\\', '\''];

const CHECK: &str = "commit";
const READ_BRANCH: &str = "read the branch";
const READ_HEAD: &str = "read the head commit";
const WRITE_TREE: &str = "write the tree";
const WRITE_COMMIT: &str = "write the commit";
const MOVE_BRANCH: &str = "move the branch";

/// One commit that replaces everything in the branch by `files`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The branch without `refs/heads/`; it must exist.
    pub branch: String,
    /// Stored verbatim, no newline is added.
    pub message: String,
    /// Author and committer. With the message and the files it determines the commit's id, so it
    /// must be the same in every attempt.
    pub author: Identity,
    /// All files, in any order; at least one.
    pub files: Vec<File>,
}

/// Who made a commit, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The person's or program's name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Unix seconds, not negative; stored with zone `+0000`.
    pub date_unix: i64,
}

/// A text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Relative, with `/`.
    pub path: String,
    /// The content, stored byte for byte.
    pub content: String,
    /// Mode 100755 instead of 100644.
    pub executable: bool,
}

/// The state of the branch after publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The commit that holds our tree.
    pub commit_sha: Sha,
    /// Our tree.
    pub tree_sha: Sha,
    /// The commit's first parent; `None` only when a first commit already held our tree.
    pub parent_sha: Option<Sha>,
    /// Whether this call moved the branch. `false`: our tree was there already.
    pub wrote: bool,
}

impl Client {
    /// Puts one commit with exactly these files on top of the branch.
    ///
    /// # Idempotency
    /// Key: the tree. With `repeat` the head is read first, and when it holds our tree nothing is
    /// written. Objects are named by their content, so writing them again changes nothing. The
    /// branch only moves forward; after a lost answer or a lost race it is read again, at most
    /// 3 rounds. A commit that somebody pushed meanwhile stays in the history, and its files are
    /// replaced by ours.
    ///
    /// # Errors
    /// Terminal: [`Error::Validation`], [`Error::MissingPermission`], [`Error::Unauthorized`],
    /// [`Error::NotFound`], [`Error::ObjectMismatch`] (the branch was not touched). Transient, to
    /// be called again with `repeat`: [`Error::NotFastForward`], [`Error::Unavailable`],
    /// [`Error::RateLimited`], [`Error::Server`], [`Error::Transport`].
    pub async fn publish(
        &self,
        repo: &Repository,
        commit: &Commit,
        repeat: bool,
    ) -> Result<Published, Error> {
        Publication::new(self, repo, commit)?.run(repeat).await
    }
}

/// A commit that was written, and what it stands on.
#[derive(Clone, Copy)]
struct Written {
    parent: Sha,
    commit: Sha,
}

/// One call of [`Client::publish`].
struct Publication<'a> {
    client: &'a Client,
    /// `/repos/{owner}/{name}/git`.
    root: String,
    branch: String,
    commit: &'a Commit,
    date: String,
    /// Sorted by path, so that chunks do not depend on the order given.
    leaves: Vec<Leaf<'a>>,
    tree: Sha,
}

impl<'a> Publication<'a> {
    fn new(client: &'a Client, repo: &Repository, commit: &'a Commit) -> Result<Self, Error> {
        let date = check(commit)?;
        let mut leaves: Vec<Leaf<'a>> = commit.files.iter().map(Leaf::of).collect();
        leaves.sort_by(|a, b| a.file.path.cmp(&b.file.path));
        let tree = object::tree_of(&leaves);
        Ok(Self {
            client,
            root: format!("/repos/{}/git", repo.full_name),
            branch: utf8_percent_encode(&commit.branch, BRANCH_PLAIN).to_string(),
            commit,
            date,
            leaves,
            tree,
        })
    }

    async fn run(&self, repeat: bool) -> Result<Published, Error> {
        let mut written: Option<Written> = None;
        let mut round = 0;
        loop {
            let head = self.head().await?;
            let ready = match written {
                Some(last) if last.commit == head => return Ok(self.published(last)),
                Some(last) if last.parent == head => last,
                Some(_) | None => {
                    let look = repeat || written.is_some();
                    if look && let Some(done) = self.already(head, written).await? {
                        return Ok(done);
                    }
                    if written.is_none() {
                        self.write_tree().await?;
                    }
                    self.write_commit(head).await?
                }
            };
            written = Some(ready);
            let failed = match self.move_branch(ready.commit).await {
                Ok(()) => return Ok(self.published(ready)),
                Err(failed) => failed,
            };
            round += 1;
            if !failed.is_undecided() || round == ROUNDS_MAX {
                return self.give_up(failed, ready).await;
            }
            if !failed.is_not_fast_forward() {
                tokio::time::sleep(self.client.pace.repeat(round)).await;
            }
        }
    }

    /// The last answer may have been lost although the branch moved: one more look decides.
    async fn give_up(&self, failed: Failed, last: Written) -> Result<Published, Error> {
        if failed.is_unanswered() && self.head().await? == last.commit {
            return Ok(self.published(last));
        }
        if failed.is_not_fast_forward() {
            return Err(Error::NotFastForward {
                branch: self.commit.branch.clone(),
            });
        }
        Err(failed.into_error(MOVE_BRANCH))
    }

    fn published(&self, written: Written) -> Published {
        Published {
            commit_sha: written.commit,
            tree_sha: self.tree,
            parent_sha: Some(written.parent),
            wrote: true,
        }
    }

    async fn head(&self) -> Result<Sha, Error> {
        let path = format!("{}/ref/heads/{}", self.root, self.branch);
        let answer: RefAnswer = self
            .client
            .when_visible(&Call::get(&path), |_| false)
            .await
            .map_err(|failed| failed.into_error(READ_BRANCH))?;
        Ok(answer.object.sha)
    }

    /// Whether the branch holds our tree already, or a commit of ours with somebody's on top.
    async fn already(
        &self,
        head: Sha,
        written: Option<Written>,
    ) -> Result<Option<Published>, Error> {
        let path = format!("{}/commits/{head}", self.root);
        let found: CommitAnswer = self
            .client
            .when_visible(&Call::get(&path), |_| false)
            .await
            .map_err(|failed| failed.into_error(READ_HEAD))?;
        if found.tree.sha == self.tree {
            return Ok(Some(Published {
                commit_sha: found.sha,
                tree_sha: self.tree,
                parent_sha: found.parents.first().map(|parent| parent.sha),
                wrote: false,
            }));
        }
        let below = written.filter(|last| found.parents.iter().any(|p| p.sha == last.commit));
        Ok(below.map(|last| self.published(last)))
    }

    /// Writes the tree in chunks, each on top of the one before. A chunk that takes GitHub too
    /// long is halved.
    async fn write_tree(&self) -> Result<(), Error> {
        let workflow = self
            .leaves
            .iter()
            .any(|leaf| path::is_workflow(&leaf.file.path));
        if workflow && self.client.lacks_scope("workflow") {
            return Err(needs_workflow());
        }
        let mut chunks: VecDeque<Range<usize>> = chunks(&self.leaves).into();
        let mut base = None;
        while let Some(chunk) = chunks.pop_front() {
            match self.write_chunk(chunk.clone(), base).await {
                Ok(found) => {
                    let upto = self.leaves.get(..chunk.end).unwrap_or(&self.leaves);
                    base = Some(same("tree", object::tree_of(upto), found)?);
                }
                Err(failed) if failed.is_too_large() && chunk.len() > 1 => {
                    let middle = chunk.start + chunk.len() / 2;
                    chunks.push_front(middle..chunk.end);
                    chunks.push_front(chunk.start..middle);
                }
                // The branch was just read, so the repository is there: this is how GitHub says
                // that the token may not write workflows.
                Err(failed) if workflow && failed.is_not_found() => return Err(needs_workflow()),
                Err(failed) => return Err(failed.into_error(WRITE_TREE)),
            }
        }
        Ok(())
    }

    async fn write_chunk(
        &self,
        chunk: Range<usize>,
        base_tree: Option<Sha>,
    ) -> Result<Sha, Failed> {
        let leaves = self.leaves.get(chunk).unwrap_or_default();
        let divisible = leaves.len() > 1;
        let body = CreateTree {
            tree: leaves.iter().map(entry).collect(),
            base_tree,
        };
        let path = format!("{}/trees", self.root);
        let answer: Object = self
            .client
            .when_visible(&Call::post(&path, &body), |failed| {
                failed.is_too_large() && divisible
            })
            .await?;
        Ok(answer.sha)
    }

    async fn write_commit(&self, parent: Sha) -> Result<Written, Error> {
        let Commit {
            message, author, ..
        } = self.commit;
        let signature = Signature {
            name: &author.name,
            email: &author.email,
            date: &self.date,
        };
        let body = CreateCommit {
            message,
            tree: self.tree,
            parents: [parent],
            author: signature,
            committer: signature,
        };
        let path = format!("{}/commits", self.root);
        let answer: Object = self
            .client
            .when_visible(&Call::post(&path, &body), |_| false)
            .await
            .map_err(|failed| failed.into_error(WRITE_COMMIT))?;
        let expected = object::commit_sha(self.tree, &[parent], author, author, message);
        let commit = same("commit", expected, answer.sha)?;
        Ok(Written { parent, commit })
    }

    /// Sends the move once; what follows a failure is decided after reading the branch.
    async fn move_branch(&self, commit: Sha) -> Result<(), Failed> {
        let path = format!("{}/refs/heads/{}", self.root, self.branch);
        let body = MoveRef {
            sha: commit,
            force: false,
        };
        match self.client.once(&Call::patch(&path, &body)).await {
            // A success is one, whatever its body says.
            Ok(RefAnswer { .. }) | Err(Failed::Shape(_)) => Ok(()),
            Err(failed) => Err(failed),
        }
    }
}

fn entry<'a>(leaf: &Leaf<'a>) -> TreeEntry<'a> {
    TreeEntry {
        path: &leaf.file.path,
        mode: object::mode(leaf.file),
        r#type: "blob",
        content: &leaf.file.content,
    }
}

fn same(object: &'static str, expected: Sha, found: Sha) -> Result<Sha, Error> {
    if expected == found {
        Ok(found)
    } else {
        Err(Error::ObjectMismatch {
            object,
            expected,
            found,
        })
    }
}

fn needs_workflow() -> Error {
    Error::MissingPermission {
        operation: "write files under `.github/workflows/`",
        needed: Some("contents=write,workflows=write".to_owned()),
        message: "give a classic token the scope `workflow`, any other token the permission \
                  Workflows: write"
            .to_owned(),
    }
}

/// Checks what would otherwise be refused late or change the commit's id; returns the date.
fn check(commit: &Commit) -> Result<String, Error> {
    let refuse = |message: String| Error::Validation {
        operation: CHECK,
        message,
    };
    path::check(commit.files.iter().map(|file| file.path.as_str()))
        .map_err(|error| refuse(error.to_string()))?;
    let branch = commit.branch.as_str();
    let stray = |part: &str| part.is_empty() || part.starts_with('.');
    if branch.split('/').any(stray) || branch.chars().any(|c| c.is_control() || c == ' ') {
        return Err(refuse(format!("`{branch}` is not a branch")));
    }
    if commit.message.trim().is_empty() || commit.message.contains('\0') {
        return Err(refuse("the message is empty or holds a NUL".to_owned()));
    }
    let Identity {
        name,
        email,
        date_unix,
    } = &commit.author;
    for text in [name, email] {
        let trimmed = text.trim().trim_matches(IDENTITY_TRIMMED);
        let bad = |char: char| matches!(char, '<' | '>') || char.is_control();
        if trimmed.is_empty() || trimmed != text || text.contains(bad) {
            return Err(refuse(format!("`{text}` cannot be in an author")));
        }
    }
    jiff::Timestamp::from_second(*date_unix)
        .ok()
        .filter(|_| *date_unix >= 0)
        .map(|date| date.to_string())
        .ok_or_else(|| refuse("the author's date is out of range".to_owned()))
}
