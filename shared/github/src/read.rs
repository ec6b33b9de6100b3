//! Reading what is in a repository.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;

use crate::client::{Call, Client};
use crate::commit::{Content, check_branch};
use crate::error::Error;
use crate::object::{Files, Leaf, Mode, Sha};
use crate::publish::branch_in_url;
use crate::repository::Repository;
use crate::wire::{BlobAnswer, RefAnswer, TreeAnswer};

/// The most files that are read at once.
const READS_AT_ONCE: usize = 8;

pub(crate) const READ_BRANCH: &str = "read the branch";
pub(crate) const READ_TREE: &str = "read the list of files";
pub(crate) const READ_FILE: &str = "read a file";

/// What a branch holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The commit at the head of the branch; what [`crate::Base::At`] wants.
    pub head: Sha,
    /// Everything but folders, by path.
    pub entries: Vec<Entry>,
}

/// A file, link or submodule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative, with `/`.
    pub path: String,
    /// What it is.
    pub mode: Mode,
    /// The id of its content.
    pub sha: Sha,
    /// Its size in bytes; 0 for a submodule.
    pub size: u64,
}

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// The most files.
    pub files_max: usize,
    /// The most bytes of all files together.
    pub bytes_max: u64,
}

impl Client {
    /// Lists everything in a branch. Two requests.
    ///
    /// # Errors
    /// Terminal: [`Error::TooLarge`] (GitHub cuts at 100,000 entries or 7 MB), [`Error::Empty`],
    /// [`Error::NotFound`], [`Error::Unauthorized`], [`Error::MissingPermission`],
    /// [`Error::Validation`] (not a branch, or SHA-256 ids). Transient: [`Error::RateLimited`],
    /// [`Error::Unavailable`], [`Error::Server`], [`Error::Transport`].
    pub async fn read_tree(&self, repo: &Repository, branch: &str) -> Result<Tree, Error> {
        check_branch(branch).map_err(|message| Error::Validation {
            operation: READ_BRANCH,
            message,
        })?;
        let path = format!("{}/ref/heads/{}", root(repo), branch_in_url(branch));
        let head: RefAnswer = match self.when_visible(&Call::get(&path), |_| false).await {
            Ok(head) => head,
            Err(failed) if failed.is_empty() => {
                return Err(Error::Empty {
                    operation: READ_TREE,
                });
            }
            Err(failed) => return Err(failed.into_error(READ_BRANCH)),
        };
        let head = head.object.sha;
        Ok(Tree {
            head,
            entries: self.entries(&root(repo), head).await?,
        })
    }

    /// Reads contents, in the order of the entries: one request each, at most 8 at once. `None`:
    /// it is a link or a submodule, or would be above a limit together with those before it.
    ///
    /// # Errors
    /// Terminal: [`Error::NotFound`], [`Error::Unauthorized`], [`Error::MissingPermission`],
    /// [`Error::Answer`]. Transient: [`Error::RateLimited`], [`Error::Server`],
    /// [`Error::Transport`].
    pub async fn read_files(
        &self,
        repo: &Repository,
        entries: &[Entry],
        limits: ReadLimits,
    ) -> Result<Vec<Option<Content>>, Error> {
        let wanted = within(entries, limits);
        let root = root(repo);
        // Values, not references: a future over borrowed entries could not be sent.
        let wanted: Vec<(Sha, bool)> =
            std::iter::zip(entries.iter().map(|entry| entry.sha), wanted).collect();
        let reads = wanted.into_iter().map(|(sha, wanted)| {
            let root = root.as_str();
            async move {
                match wanted {
                    true => self.read_file(root, sha).await.map(Some),
                    false => Ok(None),
                }
            }
        });
        let mut reads = futures::stream::iter(reads).buffered(READS_AT_ONCE);
        let mut contents = Vec::with_capacity(entries.len());
        while let Some(content) = reads.next().await {
            contents.push(content?);
        }
        Ok(contents)
    }

    /// Everything in a commit but folders.
    pub(crate) async fn entries(&self, root: &str, commit: Sha) -> Result<Vec<Entry>, Error> {
        let path = format!("{root}/trees/{commit}?recursive=1");
        let answer: TreeAnswer = self
            .when_visible(&Call::get(&path), |_| false)
            .await
            .map_err(|failed| failed.into_error(READ_TREE))?;
        if answer.truncated {
            return Err(Error::TooLarge {
                operation: READ_TREE,
            });
        }
        let entries = answer.tree.into_iter();
        let entries = entries.filter(|entry| entry.mode != Mode::FOLDER);
        Ok(entries
            .map(|entry| Entry {
                path: entry.path,
                mode: entry.mode,
                sha: entry.sha,
                size: entry.size.unwrap_or_default(),
            })
            .collect())
    }

    /// The same for computing with it.
    pub(crate) async fn files(&self, root: &str, commit: Sha) -> Result<Files, Error> {
        let leaf = |entry: Entry| {
            let Entry { mode, sha, .. } = entry;
            (entry.path, Leaf { mode, sha })
        };
        let entries = self.entries(root, commit).await?;
        Ok(entries.into_iter().map(leaf).collect())
    }

    async fn read_file(&self, root: &str, sha: Sha) -> Result<Content, Error> {
        let path = format!("{root}/blobs/{sha}");
        let answer: BlobAnswer = self
            .again(&Call::get(&path), |_| false)
            .await
            .map_err(|failed| failed.into_error(READ_FILE))?;
        if answer.encoding != "base64" {
            return Ok(Content::Text(answer.content));
        }
        let text: String = answer.content.split_whitespace().collect();
        let bytes = STANDARD.decode(text).map_err(|error| Error::Answer {
            operation: READ_FILE,
            source: serde::de::Error::custom(error),
        })?;
        Ok(Content::from(bytes))
    }
}

/// `/repos/{owner}/{name}/git`.
pub(crate) fn root(repo: &Repository) -> String {
    format!("/repos/{}/git", repo.full_name)
}

/// Which of the entries are read: files, in their order, as long as they fit.
fn within(entries: &[Entry], limits: ReadLimits) -> Vec<bool> {
    let (mut files, mut bytes) = (0, 0_u64);
    entries
        .iter()
        .map(|entry| {
            let more = bytes.saturating_add(entry.size);
            let fits = entry.mode.is_file() && files < limits.files_max && more <= limits.bytes_max;
            if fits {
                files += 1;
                bytes = more;
            }
            fits
        })
        .collect()
}
