//! What a person reads of a step.

use serde::Serializer;

use crate::effect::{Action, Effect, Entry, ModelCall};
use crate::ids::{UnitKey, UnitKind};
use crate::law::Law;
use crate::messages::counted;
use crate::model::{Finish, Question, Reply};
use crate::progress;
use crate::unit::{Journal, Work};

/// A unit as a person calls it.
pub fn unit_label(key: &UnitKey) -> String {
    let (round, name) = (key.round, &key.name);
    let what = match key.kind {
        UnitKind::Import => "Repository".to_owned(),
        UnitKind::Plan => "Plan".to_owned(),
        UnitKind::Assignment => format!("Agent of `{name}`, round {round}"),
        UnitKind::Review => format!("Review, round {round}"),
        UnitKind::Release => "Release".to_owned(),
        UnitKind::Deployment => "Deployment".to_owned(),
        UnitKind::Preview => "Preview".to_owned(),
    };
    match key.generation {
        0 | 1 => what,
        generation => format!("{what}, generation {generation}"),
    }
}

/// A unit's key as text.
pub(super) fn as_text<S: Serializer>(
    unit: &Option<UnitKey>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match unit {
        Some(unit) => serializer.collect_str(unit),
        None => serializer.serialize_none(),
    }
}

/// What was asked for, and what came of it. `journal` is what was recorded before.
pub(super) fn step(work: &Work, journal: &Journal, effect: &Effect, entry: &Entry) -> String {
    let asked = asked(&effect.action);
    if let Some(line) = progress::line(&Law::WHOLE, work, journal, effect, entry, None) {
        return match entry.spent() {
            Some(_) => format!("{asked}: {}", line.text),
            None => line.text,
        };
    }
    match answered(entry) {
        Some(answered) => format!("{asked}: {answered}"),
        None => asked,
    }
}

/// What was asked for.
pub(super) fn asked(action: &Action) -> String {
    match action {
        Action::Ask(call) => said(call),
        Action::EnsureRepository(request) => format!("Makes sure of repository `{}`", request.name),
        Action::ReadRepository(request) => format!("Reads repository {}", request.repository),
        Action::SetActionsSecrets(repository) => {
            format!("Lets workflows of {} deploy", repository.full_name)
        }
        Action::EnsurePullRequest(request) => {
            format!(
                "Asks {} to merge {}",
                request.repository.full_name, request.head
            )
        }
        Action::Publish(request) => {
            let files = counted(request.changes.len(), "file");
            format!("Commits {files} to {}", request.repository.full_name)
        }
        Action::Upload(request) => format!("Uploads {}", counted(request.files.len(), "file")),
        Action::Submit(call) => format!("{}, in no hurry", said(call)),
        Action::Collect { call, .. } => format!("{}: looks for the answer", said(call)),
        Action::Activate(_) => "Waits for the build and activates it".to_owned(),
        Action::CancelBuild(_) => "Calls the build off".to_owned(),
        Action::Migrate(request) => {
            let tables = counted(request.tables.len(), "table");
            format!(
                "Makes sure of {tables} in database `{}`",
                request.database_id
            )
        }
        Action::Preview(_) => "Waits for the build, to have it looked at".to_owned(),
        Action::Verify(request) => format!("Looks at {}", request.url),
    }
}

fn said(call: &ModelCall) -> String {
    match call {
        ModelCall::Planner(question) => match question.turns.len() {
            1 => "Asks the planner for a plan".to_owned(),
            turns => format!("Asks the planner again, with {turns} messages"),
        },
        ModelCall::Reviewer(question) => judgement(question),
        ModelCall::Agent(prompt) => {
            let messages = counted(prompt.messages.len(), "message");
            format!("Takes a turn, after {messages}")
        }
    }
}

fn judgement(question: &Question) -> String {
    let again = if question.turns.len() > 1 {
        " again"
    } else {
        ""
    };
    match question.schema_name {
        "integration" => format!("Asks the reviewer{again} whether the parts fit together"),
        _ => format!("Asks the reviewer{again} for a judgement"),
    }
}

/// What came of it, where that is worth a word.
fn answered(entry: &Entry) -> Option<String> {
    match entry {
        Entry::Reply(reply) => Some(replied(reply)),
        Entry::Failed(failure) => Some(failure.message.clone()),
        Entry::Commit(commit) => Some(format!("commit {}", commit.sha)),
        Entry::PullRequest(pull) => Some(format!("pull request {}", pull.number)),
        Entry::Checkout(checkout) => Some(counted(checkout.files.len(), "file")),
        Entry::GateClosed => Some("the task was cancelled before".to_owned()),
        Entry::BuildFailed { .. } => Some("it does not build".to_owned()),
        Entry::BuildHangs { seconds, .. } => {
            Some(format!("it is not done after {seconds} seconds"))
        }
        Entry::BuildCanceled { ended: true } => Some("it had ended".to_owned()),
        Entry::Activated { .. } => Some("it is served".to_owned()),
        Entry::Previewed { url } => Some(url.clone()),
        Entry::BuildCanceled { ended: false }
        | Entry::Turn { .. }
        | Entry::Submitted(_)
        | Entry::Lost { .. }
        | Entry::Repository(_)
        | Entry::NameTaken { .. }
        | Entry::SecretsSet { .. }
        | Entry::Uploaded { .. }
        | Entry::Migrated { .. }
        | Entry::Verified {} => None,
    }
}

fn replied(reply: &Reply) -> String {
    let characters = counted(reply.text.chars().count(), "character");
    match &reply.finish {
        Finish::Completed => characters,
        Finish::Truncated => format!("{characters}, cut off"),
        Finish::Refused(reason) => format!("declined, {reason}"),
    }
}
