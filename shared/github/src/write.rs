//! Writing blobs, trees and commits, which have no effect until a branch leads to them.

use std::collections::VecDeque;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::chunk::{Item, chunks, delta};
use crate::client::Call;
use crate::commit::{Commit, Content};
use crate::error::Error;
use crate::object::{Files, Sha, tree_sha};
use crate::path;
use crate::publish::{Publication, WRITE_BLOB, WRITE_COMMIT, WRITE_TREE, Written};
use crate::refusal::Failed;
use crate::wire::{CreateBlob, CreateCommit, CreateTree, Object, Signature, TreeEntry, What};

impl Publication<'_> {
    /// Writes the tree in chunks, each on top of the one before, the first on top of `onto`. A
    /// chunk that takes GitHub too long is halved.
    pub(crate) async fn write_tree(
        &mut self,
        onto: Option<&Files>,
        files: &Files,
    ) -> Result<Sha, Error> {
        let nothing = Files::new();
        let items = delta(onto.unwrap_or(&nothing), files, &self.contents);
        let workflow = items.iter().any(|item| path::is_workflow(item.path));
        if workflow && self.client.lacks_scope("workflow") {
            return Err(needs_workflow());
        }
        self.upload(&items).await?;
        let mut queue: VecDeque<Range<usize>> = chunks(&items).into();
        let mut base = onto.map(tree_sha);
        let mut state = onto.cloned().unwrap_or_default();
        while let Some(range) = queue.pop_front() {
            let chunk = items.get(range.clone()).unwrap_or_default();
            match self.write_chunk(chunk, base).await {
                Ok(found) => {
                    chunk.iter().for_each(|item| item.apply(&mut state));
                    base = Some(same("tree", tree_sha(&state), found)?);
                }
                Err(failed) if failed.is_too_large() && chunk.len() > 1 => {
                    let middle = range.start + chunk.len() / 2;
                    queue.push_front(middle..range.end);
                    queue.push_front(range.start..middle);
                }
                // The branch was just read, so the repository is there: this is how GitHub says
                // that the token may not write workflows.
                Err(failed) if workflow && failed.is_not_found() => return Err(needs_workflow()),
                Err(failed) => return Err(failed.into_error(WRITE_TREE)),
            }
        }
        Ok(base.unwrap_or_else(|| tree_sha(files)))
    }

    /// Writes the binary contents that GitHub does not have yet.
    async fn upload(&mut self, items: &[Item<'_>]) -> Result<(), Error> {
        let path = format!("{}/blobs", self.root);
        for item in items {
            let (Some(sha), Some(Content::Binary(bytes))) = (item.sha, item.content) else {
                continue;
            };
            if self.uploaded.contains(&sha) {
                continue;
            }
            let content = STANDARD.encode(bytes);
            let body = CreateBlob {
                content: &content,
                encoding: "base64",
            };
            let answer: Object = self
                .client
                .when_visible(&Call::post(&path, &body), |_| false)
                .await
                .map_err(|failed| failed.into_error(WRITE_BLOB))?;
            same("blob", sha, answer.sha)?;
            self.uploaded.insert(sha);
        }
        Ok(())
    }

    async fn write_chunk(&self, items: &[Item<'_>], base_tree: Option<Sha>) -> Result<Sha, Failed> {
        let divisible = items.len() > 1;
        let body = CreateTree {
            tree: items.iter().map(entry).collect(),
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

    pub(crate) async fn write_commit(&self, written: Written) -> Result<(), Error> {
        let Commit {
            message, author, ..
        } = self.commit;
        let signature = Signature {
            name: &author.name,
            email: &author.email,
            date: self.date,
        };
        let body = CreateCommit {
            message,
            tree: written.tree,
            parents: [written.parent],
            author: signature,
            committer: signature,
        };
        let path = format!("{}/commits", self.root);
        let answer: Object = self
            .client
            .when_visible(&Call::post(&path, &body), |_| false)
            .await
            .map_err(|failed| failed.into_error(WRITE_COMMIT))?;
        same("commit", written.commit, answer.sha).map(|_| ())
    }
}

pub(crate) fn entry<'a>(item: &'a Item<'_>) -> TreeEntry<'a> {
    TreeEntry {
        path: item.path,
        mode: item.mode,
        r#type: item.mode.kind(),
        what: item.text().map_or(What::Sha(item.sha), What::Content),
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
