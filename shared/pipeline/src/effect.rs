//! What a unit asks the shell to do, and the journal entries that answer.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::economy;
use crate::facts::Existing;
use crate::failure::{Code, Failure};
use crate::ids::sha256_hex;
use crate::model::{AgentReply, Prompt, Question, Reply, Spent};
use crate::path::SafePath;

mod deploying;

pub use deploying::{
    DeploymentRef, FunctionSettings, MigrateRequest, Resource, UploadRequest, VerifyRequest,
};

/// One thing to do outside. It may happen twice; its entry is recorded once.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Tells it from the unit's other effects: an ordinal where they follow one another,
    /// a name where they run in parallel.
    pub key: String,
    /// What to do.
    pub action: Action,
}

impl Effect {
    /// An effect under `key`.
    pub fn new(key: impl Into<String>, action: Action) -> Self {
        Self {
            key: key.into(),
            action,
        }
    }

    /// The key of the model call that it is about, however often that was handed in; its own
    /// for anything else.
    pub fn call_key(&self) -> &str {
        match &self.action {
            Action::Submit(_) | Action::Collect { .. } => economy::call_key(&self.key),
            Action::Ask(_)
            | Action::ReadRepository(_)
            | Action::EnsureRepository(_)
            | Action::SetActionsSecrets(_)
            | Action::EnsurePullRequest(_)
            | Action::Publish(_)
            | Action::Upload(_)
            | Action::Activate(_)
            | Action::CancelBuild(_)
            | Action::Migrate(_)
            | Action::Preview(_)
            | Action::Verify(_) => &self.key,
        }
    }
}

/// What is asked of a model, and of which.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelCall {
    /// Ask the planner model.
    Planner(Question),
    /// Ask the reviewer model.
    Reviewer(Question),
    /// Take a turn with the coding model.
    Agent(Prompt),
}

impl ModelCall {
    pub(crate) fn fingerprint(&self) -> String {
        let text = match self {
            Self::Planner(question) | Self::Reviewer(question) => json!(["question", question]),
            Self::Agent(prompt) => {
                let (system, messages) = (&prompt.system, &prompt.messages);
                match prompt.fallback {
                    false => json!(["prompt", system, messages, prompt.max_tokens]),
                    true => json!(["prompt", system, messages, prompt.max_tokens, "fallback"]),
                }
            }
        };
        hash(&text)
    }
}

fn hash(text: &Value) -> String {
    sha256_hex(text.to_string().as_bytes())
}

/// What to do. Exhaustive on purpose: a new action must be decided wherever one is
/// performed.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make a model call. It can be given up in the middle, and done anew.
    Ask(ModelCall),
    /// Hand a model call in, to be answered later; where its service takes nothing of the
    /// kind, make it at once.
    Submit(ModelCall),
    /// Look for the answer to a call that was handed in.
    Collect {
        /// The call.
        call: ModelCall,
        /// How it was handed in.
        submission: Submission,
    },
    /// Read the files of an existing repository.
    ReadRepository(ReadRequest),
    /// Pass the gate, unless it was closed, and make sure that the repository exists and is
    /// ours, or is the one that its owner named.
    EnsureRepository(RepositoryRequest),
    /// Make sure that the workflows of this repository have what they deploy with.
    SetActionsSecrets(RepositoryEntry),
    /// Make sure that the branch holds these changes.
    Publish(CommitRequest),
    /// Make sure that a pull request asks for them.
    EnsurePullRequest(PullRequestRequest),
    /// Make sure that the app's database has these tables.
    Migrate(MigrateRequest),
    /// Make sure that the site or function, its public address, and a deployment with these
    /// files exist; the deployment is not yet active.
    Upload(Box<UploadRequest>),
    /// Wait until the deployment is built, and find the address at which it can be looked
    /// at before it is active.
    Preview(DeploymentRef),
    /// Wait until the deployment is built, and make it the one that is served.
    Activate(DeploymentRef),
    /// Look whether what was activated answers at its public address.
    Verify(VerifyRequest),
    /// Call off a build that hangs.
    CancelBuild(DeploymentRef),
}

/// An existing repository to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// `owner/name`.
    pub repository: String,
    /// The branch, if it is not the default one.
    pub branch: Option<String>,
}

/// A file of an existing repository, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// Its whole path.
    pub path: String,
    /// Whether it is a file, and no link or other repository.
    pub is_regular: bool,
    /// Whether it can be started.
    pub is_executable: bool,
    /// Its size.
    pub bytes: u64,
}

/// A repository to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryRequest {
    /// The gate to pass before anything outside happens.
    pub gate: String,
    /// Its name.
    pub name: String,
    /// One line.
    pub description: String,
    /// Whether only its owner sees it.
    pub private: bool,
    /// Whether an earlier release made it: it is looked for first, since its owner may have
    /// renamed it.
    pub released_before: bool,
    /// Stands in `homepage`, in the same request that creates it, and tells ours from
    /// somebody's.
    pub marker: String,
    /// The organization it is made in, if the owner named one.
    pub organization: Option<String>,
    /// Its topics.
    pub topics: Vec<String>,
    /// `owner/name` of the one that must be there already; nothing is made then.
    pub existing: Option<String>,
    /// Whether its workflows deploy: what they need must be there first.
    pub deploys: bool,
}

/// A commit to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRequest {
    /// Where.
    pub repository: RepositoryEntry,
    /// The branch it goes to.
    pub branch: String,
    /// The commit it is made on top of; of a new repository its first one.
    pub base: Option<String>,
    /// The whole message.
    pub message: String,
    /// Author and committer date, Unix seconds: the same at every attempt, so that the
    /// commit's id is known before.
    pub date_unix: i64,
    /// What it writes and deletes, in the order of paths; without a base the whole tree.
    pub changes: Vec<Change>,
    /// Hash of the manifest of the files as they stand then.
    pub manifest: String,
}

/// One file that a commit writes or deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its path. Only the orchestrator names workflows.
    pub path: String,
    /// Its text; `None` deletes it.
    pub content: Option<String>,
    /// Whether it can be started.
    pub executable: bool,
}

/// A pull request to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequestRequest {
    /// Where.
    pub repository: RepositoryEntry,
    /// The branch with the changes.
    pub head: String,
    /// The branch they are for.
    pub base: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Whether an earlier release of the task opened it: then it is looked for first.
    pub asked_before: bool,
}

/// A model call that was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Submission {
    /// What the service knows it by.
    pub ticket: String,
    /// When, in Unix seconds: the longer ago, the longer it may take still.
    pub at_unix: i64,
}

impl Action {
    /// The model call that it is about, whether made at once, handed in or picked up.
    pub fn model_call(&self) -> Option<&ModelCall> {
        match self {
            Self::Ask(call) | Self::Submit(call) | Self::Collect { call, .. } => Some(call),
            Self::ReadRepository(_)
            | Self::EnsureRepository(_)
            | Self::SetActionsSecrets(_)
            | Self::Publish(_)
            | Self::EnsurePullRequest(_)
            | Self::Upload(_)
            | Self::Activate(_)
            | Self::CancelBuild(_)
            | Self::Migrate(_)
            | Self::Preview(_)
            | Self::Verify(_) => None,
        }
    }

    /// The hash that an entry carries of the action it answers.
    pub fn fingerprint(&self) -> String {
        let text = match self {
            Self::Ask(call) => return call.fingerprint(),
            Self::Submit(call) => json!(["submit", call.fingerprint()]),
            Self::Collect { call, submission } => {
                json!(["collect", call.fingerprint(), submission.ticket])
            }
            Self::EnsureRepository(request) => json!(["repository", request.name, request.marker]),
            Self::ReadRepository(request) => {
                json!(["read repository", request.repository, request.branch])
            }
            Self::SetActionsSecrets(repository) => json!(["secrets", repository.id]),
            Self::Publish(request) => request.preimage(),
            Self::EnsurePullRequest(request) => {
                let PullRequestRequest { head, base, .. } = request;
                json!(["pull request", request.repository.id, head, base])
            }
            Self::Migrate(request) => {
                json!([
                    "migrate",
                    request.database_id,
                    request.tables,
                    request.replaces
                ])
            }
            Self::Upload(request) => {
                json!(["upload", request.resource_id, request.files.manifest_hash()])
            }
            Self::Preview(deployment) => json!(["preview", deployment]),
            Self::Verify(request) => json!(["verify", request.url, request.release]),
            Self::Activate(deployment) => json!(["activate", deployment]),
            Self::CancelBuild(deployment) => json!(["cancel build", deployment]),
        };
        hash(&text)
    }
}

impl CommitRequest {
    /// What its fingerprint is the hash of. A base is named where there is one, so that entries
    /// of before there were any are still found.
    fn preimage(&self) -> Value {
        let (name, message) = (&self.repository.full_name, &self.message);
        let (date, manifest) = (self.date_unix, &self.manifest);
        match &self.base {
            None => json!(["publish", name, message, date, manifest]),
            Some(base) => json!(["publish", name, message, date, manifest, base, self.branch]),
        }
    }
}

/// The recorded outcome of an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Entry {
    /// A planner's or reviewer's answer.
    Reply(Reply),
    /// A turn of an agent, with what it is answered: the JSON array of the next user
    /// message. Both are resent byte for byte.
    Turn {
        /// The raw answer.
        reply: AgentReply,
        /// The exact tool results sent back; empty if the turn is not answered.
        results: String,
    },
    /// A model call was handed in.
    Submitted(Submission),
    /// The answer to what was handed in can not be had any more.
    Lost {
        /// In the service's words.
        why: String,
    },
    /// The gate was closed: nothing was done.
    GateClosed,
    /// The repository is there.
    Repository(RepositoryEntry),
    /// Somebody else has a repository of that name.
    NameTaken {
        /// Requests it took to learn that.
        requests: u64,
    },
    /// The files of an existing repository.
    Checkout(Box<Checkout>),
    /// The workflows have what they deploy with.
    SecretsSet {
        /// Requests it took.
        requests: u64,
    },
    /// The commit is the head of the branch.
    Commit(CommitEntry),
    /// The database has the tables.
    Migrated {
        /// What was changed, as parts of a sentence; nothing if all was there.
        changes: Vec<String>,
    },
    /// The pull request is there.
    PullRequest(PullRequestEntry),
    /// The files are uploaded.
    Uploaded {
        /// The deployment.
        deployment: DeploymentRef,
        /// The public address; empty without one.
        url: String,
    },
    /// The deployment is built and can be looked at.
    Previewed {
        /// Where.
        url: String,
    },
    /// The public address answers as it shall.
    Verified {},
    /// The build has failed.
    BuildFailed {
        /// The end of its log.
        log: String,
        /// The first error in it; empty in journals that do not tell.
        #[serde(default)]
        error: String,
    },
    /// The build is not done after the longest time that one may take.
    BuildHangs {
        /// How long that is.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// The build was called off.
    BuildCanceled {
        /// Whether it had ended by itself before that.
        ended: bool,
    },
    /// The deployment is the one being served.
    Activated {
        /// The end of the build's log.
        log: String,
        /// The deployment; not told by older versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deployment: Option<DeploymentRef>,
    },
    /// The effect can not succeed, however often it is tried.
    Failed(Failure),
}

/// A repository as GitHub told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryEntry {
    /// GitHub's numeric id.
    pub id: u64,
    /// `owner/name`.
    pub full_name: String,
    /// The branch the commit goes to.
    pub default_branch: String,
    /// For people.
    pub html_url: String,
    /// For git.
    pub clone_url: String,
    /// Requests it took.
    pub requests: u64,
}

/// The files of an existing repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkout {
    /// Where they are from.
    pub repository: Existing,
    /// Path and text of each file that is shown.
    pub files: Vec<(SafePath, String)>,
    /// The paths of all others.
    pub unshown: Vec<String>,
    /// Requests it took.
    pub requests: u64,
}

/// A pull request as GitHub told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequestEntry {
    /// Its number.
    pub number: u64,
    /// For people.
    pub url: String,
    /// Requests it took.
    pub requests: u64,
}

/// A commit as published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitEntry {
    /// Its id.
    pub sha: String,
    /// Requests it took.
    pub requests: u64,
}

impl Entry {
    /// What the answer of a model cost; `None` for any other entry.
    pub fn spent(&self) -> Option<&Spent> {
        match self {
            Self::Reply(reply) => Some(&reply.spent),
            Self::Turn { reply, .. } => Some(&reply.spent),
            Self::Submitted(_)
            | Self::Lost { .. }
            | Self::Repository(_)
            | Self::NameTaken { .. }
            | Self::GateClosed
            | Self::Checkout(_)
            | Self::SecretsSet { .. }
            | Self::PullRequest(_)
            | Self::Commit(_)
            | Self::Uploaded { .. }
            | Self::Migrated { .. }
            | Self::Previewed { .. }
            | Self::Verified {}
            | Self::BuildFailed { .. }
            | Self::BuildHangs { .. }
            | Self::BuildCanceled { .. }
            | Self::Activated { .. }
            | Self::Failed(_) => None,
        }
    }

    /// The entry as a planner's or reviewer's answer.
    ///
    /// # Errors
    /// The journal holds something else under this key.
    pub fn reply(&self) -> Result<&Reply, Failure> {
        match self {
            Self::Reply(reply) => Ok(reply),
            Self::Turn { .. }
            | Self::Submitted(_)
            | Self::Lost { .. }
            | Self::Repository(_)
            | Self::NameTaken { .. }
            | Self::GateClosed
            | Self::Checkout(_)
            | Self::SecretsSet { .. }
            | Self::PullRequest(_)
            | Self::Commit(_)
            | Self::Uploaded { .. }
            | Self::Migrated { .. }
            | Self::Previewed { .. }
            | Self::Verified {}
            | Self::BuildFailed { .. }
            | Self::BuildHangs { .. }
            | Self::BuildCanceled { .. }
            | Self::Activated { .. }
            | Self::Failed(_) => Err(mismatch("an answer of a model")),
        }
    }
}

/// The failure for an entry of the wrong kind.
pub fn mismatch(expected: &str) -> Failure {
    Failure::new(
        Code::JournalMismatch,
        format!(
            "The journal does not hold {expected} where one was expected. Start the task anew."
        ),
    )
}
