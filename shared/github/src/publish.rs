//! Putting one commit on a branch.

use std::collections::{HashMap, HashSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::client::{Call, Client};
use crate::commit::{self, Base, CHECK, Change, Commit, Content};
use crate::error::Error;
use crate::merge::merge;
use crate::object::{Files, Sha, blob_sha, commit_sha, tree_sha};
use crate::path;
use crate::read::{READ_BRANCH, root};
use crate::refusal::Failed;
use crate::repository::Repository;
use crate::wire::{CommitAnswer, CreateRef, MoveRef, RefAnswer};

/// How often the branch is read and written before giving up on one that keeps moving.
const ROUNDS_MAX: u32 = 3;

/// How many commits from the head on are searched for ours.
const HISTORY_MAX: usize = 30;

/// What of a branch's name stays as it is in a URL.
const BRANCH_PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.');

pub(crate) const READ_COMMIT: &str = "read a commit";
pub(crate) const WRITE_BLOB: &str = "write a binary file";
pub(crate) const WRITE_TREE: &str = "write the tree";
pub(crate) const WRITE_COMMIT: &str = "write the commit";
pub(crate) const MOVE_BRANCH: &str = "move the branch";

/// The state of the branch after publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The commit that holds our changes.
    pub commit_sha: Sha,
    /// Its tree.
    pub tree_sha: Sha,
    /// Its first parent; `None` where it was not asked for.
    pub parent_sha: Option<Sha>,
    /// Whether this call moved the branch. `false`: our changes were there already.
    pub wrote: bool,
}

impl Client {
    /// Makes one commit with the changes and puts it at the head of the branch.
    ///
    /// On [`Base::Fresh`] it costs 3 + K + M requests, with [`Client::ensure_repository`] 4 + K + M:
    /// K requests for trees (100 changes or 1 MiB each), M for different binary files. On
    /// [`Base::At`] it costs 4 + K + M, with [`Client::existing_repository`] 5 + K + M. Files that
    /// are there already are not sent.
    ///
    /// A branch that does not exist begins at the base. A branch that is not at the base any more
    /// was changed by somebody: then both changes are brought together file by file, and nothing
    /// that somebody changed is overwritten. Where everything is there already nothing is written,
    /// and `commit_sha` is the head, or the base if there is no branch.
    ///
    /// # Idempotency
    /// Key: branch, author with date, message, and base. With `repeat` a commit of that author
    /// and message below the head is recognised, whoever pushed on top of it. Objects are named by
    /// their content, so writing them again changes nothing. The branch only moves forward; after
    /// a lost answer or a lost race it is read again, at most 3 rounds.
    ///
    /// # Errors
    /// Terminal: [`Error::Conflict`], [`Error::Validation`], [`Error::MissingPermission`],
    /// [`Error::Archived`], [`Error::Unauthorized`], [`Error::NotFound`], [`Error::TooLarge`],
    /// [`Error::ObjectMismatch`] (the branch was not touched). Transient, to be called again with
    /// `repeat`: [`Error::NotFastForward`], [`Error::Unavailable`], [`Error::Renamed`],
    /// [`Error::RateLimited`], [`Error::Server`], [`Error::Transport`].
    pub async fn publish(
        &self,
        repo: &Repository,
        commit: &Commit,
        repeat: bool,
    ) -> Result<Published, Error> {
        let date = commit::check(commit)?;
        let end = Publication::new(self, repo, commit, &date)
            .run(repeat)
            .await;
        match self.renamed(repo, end.as_ref().err()).await? {
            Some(now) => Publication::new(self, &now, commit, &date).run(true).await,
            None => end,
        }
    }
}

/// A branch's name as a part of a URL.
pub(crate) fn branch_in_url(branch: &str) -> String {
    utf8_percent_encode(branch, BRANCH_PLAIN).to_string()
}

/// A commit that was written, and what it stands on.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    pub(crate) parent: Sha,
    pub(crate) commit: Sha,
    pub(crate) tree: Sha,
}

impl Written {
    fn published(self) -> Published {
        Published {
            commit_sha: self.commit,
            tree_sha: self.tree,
            parent_sha: Some(self.parent),
            wrote: true,
        }
    }
}

/// What a look at the branch came to.
enum Step {
    /// Everything is there already.
    Done(Published),
    /// This commit waits for the branch to be moved to it.
    Ready(Written),
}

/// What a search among the last commits found.
enum History {
    /// A commit of ours.
    Ours(Published),
    /// The commit to stop at, or one without parents.
    End(Sha),
    /// Neither, among the last [`HISTORY_MAX`].
    Long,
}

/// One call of [`Client::publish`].
pub(crate) struct Publication<'a> {
    pub(crate) client: &'a Client,
    /// `/repos/{owner}/{name}/git`.
    pub(crate) root: String,
    pub(crate) commit: &'a Commit,
    pub(crate) date: &'a str,
    pub(crate) contents: HashMap<Sha, &'a Content>,
    /// Binary contents that GitHub has.
    pub(crate) uploaded: HashSet<Sha>,
    /// What the changes start from, once it is known.
    base: Option<Sha>,
    base_files: Option<Files>,
}

impl<'a> Publication<'a> {
    fn new(client: &'a Client, repo: &Repository, commit: &'a Commit, date: &'a str) -> Self {
        let contents = commit.changes.iter().filter_map(|change| match change {
            Change::Write { content, .. } => Some((blob_sha(content.bytes()), content)),
            Change::Delete { .. } => None,
        });
        Self {
            client,
            root: root(repo),
            commit,
            date,
            contents: contents.collect(),
            uploaded: HashSet::new(),
            base: match commit.base {
                Base::Fresh => None,
                Base::At(base) => Some(base),
            },
            base_files: None,
        }
    }

    async fn run(mut self, repeat: bool) -> Result<Published, Error> {
        // Whether a commit of ours may be in the branch without our knowing it.
        let mut unsure = repeat;
        let mut written: Option<Written> = None;
        let mut round = 0;
        loop {
            let head = self.head().await?;
            let ready = match written {
                Some(last) if head == Some(last.commit) => return Ok(last.published()),
                Some(last) if head.is_none() || head == Some(last.parent) => last,
                Some(_) | None => match self.prepare(head, unsure).await? {
                    Step::Done(published) => return Ok(published),
                    Step::Ready(ready) => ready,
                },
            };
            written = Some(ready);
            let failed = match self.move_branch(head, ready.commit).await {
                Ok(()) => return Ok(ready.published()),
                Err(failed) => failed,
            };
            round += 1;
            unsure = unsure || failed.is_unanswered();
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
        if failed.is_unanswered() && self.head().await? == Some(last.commit) {
            return Ok(last.published());
        }
        if failed.is_not_fast_forward() || failed.is_already_there() {
            return Err(Error::NotFastForward {
                branch: self.commit.branch.clone(),
            });
        }
        Err(failed.into_error(MOVE_BRANCH))
    }

    /// The head of the branch. A branch of a new repository is awaited.
    async fn head(&self) -> Result<Option<Sha>, Error> {
        let may_miss = self.commit.base != Base::Fresh;
        let branch = branch_in_url(&self.commit.branch);
        let path = format!("{}/ref/heads/{branch}", self.root);
        let call = Call::get(&path);
        let missing = |failed: &Failed| may_miss && failed.is_not_found();
        match self.client.when_visible(&call, missing).await {
            Ok(RefAnswer { object }) => Ok(Some(object.sha)),
            Err(failed) if missing(&failed) => Ok(None),
            Err(failed) => Err(failed.into_error(READ_BRANCH)),
        }
    }

    /// Gets a commit ready that belongs on this head.
    async fn prepare(&mut self, head: Option<Sha>, unsure: bool) -> Result<Step, Error> {
        let base = match (self.base, head) {
            (Some(base), _) => base,
            (None, Some(head)) if !unsure => head,
            (None, Some(head)) => match self.history(head).await? {
                History::Ours(published) => return Ok(Step::Done(published)),
                History::End(first) => first,
                History::Long => {
                    return Err(Error::Validation {
                        operation: CHECK,
                        message: format!(
                            "others made many commits on the new branch `{}`; start a new task \
                             from how it is now",
                            self.commit.branch
                        ),
                    });
                }
            },
            (None, None) => {
                return Err(Error::NotFound {
                    operation: READ_BRANCH,
                });
            }
        };
        let fresh = self.base.is_none() && head == Some(base);
        self.base = Some(base);
        if fresh {
            let ours = commit::apply(&Files::new(), &self.commit.changes);
            return self.write(base, None, &ours).await.map(Step::Ready);
        }
        let files = self.base_files(base).await?;
        let ours = self.ours(&files)?;
        let moved = match head {
            Some(head) if head != base => head,
            Some(_) | None if ours == files => {
                return Ok(Step::Done(Published {
                    commit_sha: base,
                    tree_sha: tree_sha(&files),
                    parent_sha: None,
                    wrote: false,
                }));
            }
            Some(_) | None => {
                let onto = (self.commit.base != Base::Fresh).then_some(&files);
                return self.write(base, onto, &ours).await.map(Step::Ready);
            }
        };
        let plain = self.written(base, tree_sha(&ours));
        if moved == plain.commit {
            let wrote = false;
            let published = plain.published();
            return Ok(Step::Done(Published { wrote, ..published }));
        }
        if unsure && let History::Ours(published) = self.history(moved).await? {
            return Ok(Step::Done(published));
        }
        self.rebase(moved, &files, &ours).await
    }

    /// All files as our changes leave them, starting from the base.
    fn ours(&self, base: &Files) -> Result<Files, Error> {
        let changes = &self.commit.changes;
        let start = match self.commit.base {
            Base::Fresh => &Files::new(),
            Base::At(_) => base,
        };
        let ours = commit::apply(start, changes);
        let written = changes.iter().filter_map(|change| match change {
            Change::Write { path, .. } => Some(path.as_str()),
            Change::Delete { .. } => None,
        });
        path::check_among(written, &ours).map_err(|error| Error::Validation {
            operation: CHECK,
            message: error.to_string(),
        })?;
        Ok(ours)
    }

    /// Brings our changes onto a head that somebody moved.
    async fn rebase(&mut self, head: Sha, base: &Files, ours: &Files) -> Result<Step, Error> {
        let theirs = self.client.files(&self.root, head).await?;
        let merged = merge(base, &theirs, ours).map_err(|paths| Error::Conflict {
            branch: self.commit.branch.clone(),
            paths,
        })?;
        if merged == theirs {
            return Ok(Step::Done(Published {
                commit_sha: head,
                tree_sha: tree_sha(&theirs),
                parent_sha: None,
                wrote: false,
            }));
        }
        let written = self.write(head, Some(&theirs), &merged).await?;
        Ok(Step::Ready(written))
    }

    async fn write(
        &mut self,
        parent: Sha,
        onto: Option<&Files>,
        files: &Files,
    ) -> Result<Written, Error> {
        let tree = self.write_tree(onto, files).await?;
        let written = self.written(parent, tree);
        self.write_commit(written).await?;
        Ok(written)
    }

    /// The commit of this tree on this parent.
    fn written(&self, parent: Sha, tree: Sha) -> Written {
        let Commit {
            author, message, ..
        } = self.commit;
        Written {
            parent,
            commit: commit_sha(tree, &[parent], author, author, message),
            tree,
        }
    }

    async fn base_files(&mut self, base: Sha) -> Result<Files, Error> {
        if let Some(files) = &self.base_files {
            return Ok(files.clone());
        }
        let files = self.client.files(&self.root, base).await?;
        self.base_files = Some(files.clone());
        Ok(files)
    }

    /// Searches for a commit of ours from the head on, by first parents.
    async fn history(&self, head: Sha) -> Result<History, Error> {
        let mut at = head;
        for _ in 0..HISTORY_MAX {
            if self.base == Some(at) {
                return Ok(History::End(at));
            }
            let path = format!("{}/commits/{at}", self.root);
            let found: CommitAnswer = self
                .client
                .when_visible(&Call::get(&path), |_| false)
                .await
                .map_err(|failed| failed.into_error(READ_COMMIT))?;
            let parent = found.parents.first().map(|parent| parent.sha);
            if self.is_ours(&found) {
                return Ok(History::Ours(Published {
                    commit_sha: found.sha,
                    tree_sha: found.tree.sha,
                    parent_sha: parent,
                    wrote: false,
                }));
            }
            match parent {
                Some(parent) => at = parent,
                None => return Ok(History::End(at)),
            }
        }
        Ok(History::Long)
    }

    /// Whoever else makes commits does not make them with our message at our second.
    fn is_ours(&self, found: &CommitAnswer) -> bool {
        let author = &self.commit.author;
        found.message == self.commit.message
            && found.author.name == author.name
            && found.author.email == author.email
            && found.author.date.as_second() == author.date_unix
    }

    /// Sends the move once; what follows a failure is decided after reading the branch.
    async fn move_branch(&self, head: Option<Sha>, sha: Sha) -> Result<(), Failed> {
        let branch = &self.commit.branch;
        let end = match head {
            Some(_) => {
                let path = format!("{}/refs/heads/{}", self.root, branch_in_url(branch));
                let body = MoveRef { sha, force: false };
                self.client.once(&Call::patch(&path, &body)).await
            }
            None => {
                let path = format!("{}/refs", self.root);
                let name = format!("refs/heads/{branch}");
                let body = CreateRef { r#ref: &name, sha };
                self.client.once(&Call::post(&path, &body)).await
            }
        };
        match end {
            // A success is one, whatever its body says.
            Ok(RefAnswer { .. }) | Err(Failed::Shape(_)) => Ok(()),
            Err(failed) => Err(failed),
        }
    }
}
