//! What a function can do outside: a table with one entry for each kind of effect.
//!
//! The executable of a function holds the code of its own effects only: what its table does not
//! name is not linked into it.

use futures::future::{BoxFuture, FutureExt as _, ready};
use pipeline::effect::{
    Action, CommitRequest, DeploymentRef, Effect, Entry, MigrateRequest, ModelCall,
    PullRequestRequest, ReadRequest, RepositoryEntry, RepositoryRequest, Submission, UploadRequest,
    VerifyRequest,
};

use super::{Performer, deploy, economy, publish, schema, verify};
use crate::trouble::Trouble;

/// An effect being performed.
type Performing<'a> = BoxFuture<'a, Result<Entry, Trouble>>;

/// Performs one kind of effect.
type Skill<T> = for<'a> fn(&'a Performer<'_>, &'a T) -> Performing<'a>;

/// What a function can do.
#[derive(Clone, Copy)]
pub struct Skills {
    models: Models,
    read_repository: Skill<ReadRequest>,
    ensure_repository: Skill<RepositoryRequest>,
    set_actions_secrets: Skill<RepositoryEntry>,
    publish: Skill<CommitRequest>,
    ensure_pull_request: Skill<PullRequestRequest>,
    migrate: Skill<MigrateRequest>,
    upload: Skill<UploadRequest>,
    preview: Skill<DeploymentRef>,
    activate: Skill<DeploymentRef>,
    cancel_build: Skill<DeploymentRef>,
    verify: Skill<VerifyRequest>,
}

/// Model calls, each under the key of its effect.
#[derive(Clone, Copy)]
struct Models {
    ask: for<'a> fn(&'a Performer<'_>, &'a str, &'a ModelCall) -> Performing<'a>,
    submit: for<'a> fn(&'a Performer<'_>, &'a str, &'a ModelCall) -> Performing<'a>,
    collect: for<'a> fn(&'a Performer<'_>, &'a str, Handed<'a>) -> Performing<'a>,
}

/// A call with the receipt for it.
type Handed<'a> = (&'a ModelCall, &'a Submission);

impl Skills {
    /// To make model calls.
    pub const MODELS: Self = Self {
        models: Models {
            ask: |performer, key, call| performer.ask(key, call).boxed(),
            submit: |performer, key, call| economy::submit(performer, key, call).boxed(),
            collect: |performer, key, (call, submission)| {
                economy::collect(performer, key, call, submission).boxed()
            },
        },
        ..Self::NONE
    };
    /// To publish on GitHub, and to read what is there.
    pub const PUBLISHING: Self = Self {
        read_repository: |performer, request| publish::read(performer, request).boxed(),
        ensure_repository: |performer, request| performer.ensure_repository(request).boxed(),
        set_actions_secrets: |performer, repository| {
            publish::secrets(performer, repository).boxed()
        },
        publish: |performer, request| publish::commit(performer, request).boxed(),
        ensure_pull_request: |performer, request| publish::pull_request(performer, request).boxed(),
        ..Self::NONE
    };
    /// To deploy to Appwrite.
    pub const DEPLOYING: Self = Self {
        migrate: |performer, request| schema::migrate(performer, request).boxed(),
        upload: |performer, request| deploy::upload(performer, request).boxed(),
        preview: |performer, deployment| deploy::preview(performer, deployment).boxed(),
        activate: |performer, deployment| deploy::activate(performer, deployment).boxed(),
        cancel_build: |performer, deployment| deploy::cancel(performer, deployment).boxed(),
        verify: |performer, request| verify::verify(performer, request).boxed(),
        ..Self::NONE
    };
    const NONE: Self = Self {
        models: Models {
            ask: |_, _, _| lacking(),
            submit: |_, _, _| lacking(),
            collect: |_, _, _| lacking(),
        },
        read_repository: |_, _| lacking(),
        ensure_repository: |_, _| lacking(),
        set_actions_secrets: |_, _| lacking(),
        publish: |_, _| lacking(),
        ensure_pull_request: |_, _| lacking(),
        migrate: |_, _| lacking(),
        upload: |_, _| lacking(),
        preview: |_, _| lacking(),
        activate: |_, _| lacking(),
        cancel_build: |_, _| lacking(),
        verify: |_, _| lacking(),
    };

    /// Performs `effect`.
    pub(super) fn perform<'a>(
        &self,
        performer: &'a Performer<'_>,
        effect: &'a Effect,
    ) -> Performing<'a> {
        let key = effect.key.as_str();
        match &effect.action {
            Action::Ask(call) => (self.models.ask)(performer, key, call),
            Action::Submit(call) => (self.models.submit)(performer, key, call),
            Action::Collect { call, submission } => {
                (self.models.collect)(performer, key, (call, submission))
            }
            Action::ReadRepository(request) => (self.read_repository)(performer, request),
            Action::EnsureRepository(request) => (self.ensure_repository)(performer, request),
            Action::SetActionsSecrets(repository) => {
                (self.set_actions_secrets)(performer, repository)
            }
            Action::Publish(request) => (self.publish)(performer, request),
            Action::EnsurePullRequest(request) => (self.ensure_pull_request)(performer, request),
            Action::Migrate(request) => (self.migrate)(performer, request),
            Action::Upload(request) => (self.upload)(performer, request),
            Action::Preview(deployment) => (self.preview)(performer, deployment),
            Action::Activate(deployment) => (self.activate)(performer, deployment),
            Action::CancelBuild(deployment) => (self.cancel_build)(performer, deployment),
            Action::Verify(request) => (self.verify)(performer, request),
        }
    }
}

/// The law of a function asks for nothing that its skills lack.
fn lacking<'a>() -> Performing<'a> {
    let message = "this function can not do what its unit asks for";
    ready(Err(Trouble::Row(message.to_owned()))).boxed()
}
