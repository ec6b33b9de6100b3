//! The code host of the world.

use pipeline::effect::{Action, CommitEntry, Entry, PullRequestEntry, RepositoryEntry, TreeFile};
use pipeline::facts::{Existing, Facts};
use pipeline::import;

use super::World;

/// Files of the repository that is there: path, text, and whether it can be started.
const FILES: [(&str, &str, bool); 6] = [
    ("README.md", "# Site\n", false),
    ("build.sh", "#!/bin/sh\necho built\n", true),
    ("old.js", "export const old = 1;\n", false),
    ("index.html", "<img src=\"logo.png\" alt=\"\">\n", false),
    ("logo.png", "\u{0}", false),
    (".github/workflows/test.yml", "on: push\n", false),
];

impl World {
    /// A task that changes a repository that is there, and wants workflows.
    pub(crate) fn on_existing(mut self) -> Self {
        let options = &mut self.brief.options;
        options.repository = Some("acme/site".to_owned());
        options.workflows = Some(pipeline::brief::Workflows::Deploy);
        self.facts = Facts::of_brief(self.task.clone(), self.facts.owner, options);
        self
    }

    pub(super) fn perform_on_hub(&mut self, action: &Action) -> Option<Entry> {
        Some(match action {
            Action::ReadRepository(_) => read(),
            Action::EnsureRepository(request)
                if !*self.gates.entry(request.gate.clone()).or_insert(true) =>
            {
                Entry::GateClosed
            }
            Action::EnsureRepository(request) => {
                self.repositories.insert(request.name.clone());
                let known = request.existing.clone();
                Entry::Repository(RepositoryEntry {
                    id: 7,
                    full_name: known.unwrap_or_else(|| format!("demo/{}", request.name)),
                    default_branch: "main".to_owned(),
                    html_url: "http://git/demo".to_owned(),
                    clone_url: "http://git/demo.git".to_owned(),
                    requests: 1,
                })
            }
            Action::SetActionsSecrets(_) => Entry::SecretsSet { requests: 4 },
            Action::Publish(request) => {
                let sha = request.manifest.clone();
                self.commits.insert(sha.clone());
                self.changes.clone_from(&request.changes);
                Entry::Commit(CommitEntry { sha, requests: 4 })
            }
            Action::EnsurePullRequest(request) => {
                self.pull_requests
                    .insert(request.head.clone(), request.body.clone());
                Entry::PullRequest(PullRequestEntry {
                    number: 1,
                    url: "http://git/demo/pull/1".to_owned(),
                    requests: 2,
                })
            }
            _ => return None,
        })
    }
}

fn read() -> Entry {
    let tree = FILES.map(|(path, text, is_executable)| TreeFile {
        path: path.to_owned(),
        is_regular: true,
        is_executable,
        bytes: text.len() as u64,
    });
    let read = import::to_read(&tree).unwrap();
    let contents = read.into_iter();
    let contents = contents.map(|at| (at, FILES[at].1.as_bytes().to_vec()));
    let existing = Existing {
        id: 7,
        full_name: "acme/site".to_owned(),
        branch: "main".to_owned(),
        head: "0".repeat(40),
        html_url: "http://git/acme/site".to_owned(),
        clone_url: "http://git/acme/site.git".to_owned(),
    };
    Entry::Checkout(Box::new(import::checkout(
        existing,
        &tree,
        &contents.collect(),
        3,
    )))
}
