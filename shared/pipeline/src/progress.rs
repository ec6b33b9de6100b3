//! The lines that are written while a unit is at work: one for each turn of an agent, and
//! for what else takes its time. How a unit ended is told by its own row.
//!
//! A line is made from the journal alone, so whoever takes a unit over can write the lines
//! that whoever was at work before has left out.

mod told;
mod turn;

pub use told::{
    CallTold, CommandTold, CostTold, FindingTold, JudgementTold, Told, TurnTold, UnitTold,
};

use serde_json::{Value, json};

use crate::effect::{Action, Effect, Entry, ModelCall};
use crate::ids::{UnitKey, UnitKind};
use crate::law::Law;
use crate::messages::{self, Level, Line, counted};
use crate::model::{Question, Reply, Spent};
use crate::plan_rules::prefix;
use crate::review::{self, ReviewWork};
use crate::unit::{Journal, Recorded, Step, Work};

/// Problems of a plan that its line quotes.
const PROBLEMS_QUOTED: usize = 3;

/// The line for the entry of `effect`, if it has one: `journal` is what was recorded
/// before it, and `next` what follows from it by `law`, where that is known.
pub fn line(
    law: &Law,
    work: &Work,
    journal: &Journal,
    effect: &Effect,
    entry: &Entry,
    next: Option<&Step>,
) -> Option<Line> {
    let (level, text, data) = match effect.action.model_call() {
        Some(call) => of_call((law, work), (journal, next), effect, (call, entry))?,
        None => of_deed(&effect.action, entry)?,
    };
    let key = if let Entry::Submitted(_) | Entry::Lost { .. } = entry {
        &effect.key
    } else {
        effect.call_key()
    };
    Some(Line {
        key: key.to_owned(),
        stage: stage_word(work),
        level,
        text,
        data,
    })
}

/// What is told of a model call.
fn of_call(
    (law, work): (&Law, &Work),
    (journal, next): (&Journal, Option<&Step>),
    effect: &Effect,
    (call, entry): (&ModelCall, &Entry),
) -> Option<(Level, String, Value)> {
    let key = effect.call_key();
    match (call, entry) {
        (_, Entry::Submitted(_)) => {
            let data = json!(Told::Submitted {});
            Some((Level::Info, handed_in(work, key), data))
        }
        (_, Entry::Lost { why }) => Some((Level::Warning, lost(work, why), json!(Told::Lost {}))),
        (ModelCall::Agent(_), Entry::Turn { reply, results }) => match work {
            Work::Assignment(agent) => Some(turn::told(agent, journal, key, reply, results)),
            Work::Import(_)
            | Work::Plan(_)
            | Work::Review(_)
            | Work::Release(_)
            | Work::Deployment(_) => None,
        },
        (ModelCall::Planner(_), Entry::Reply(reply)) => {
            let asked = match next {
                Some(next) => question(next),
                None => question(&following(law, work, journal, effect, entry)),
            };
            match asked {
                Some(question) => {
                    let data = json!(Told::Repair(CallTold::of(&reply.spent)));
                    Some((Level::Warning, sent_back(&question), data))
                }
                None => repeated("planner", &reply.spent),
            }
        }
        (ModelCall::Reviewer(_), Entry::Reply(reply)) => match work {
            Work::Review(review) => judged(review, key, reply),
            Work::Import(_)
            | Work::Plan(_)
            | Work::Assignment(_)
            | Work::Release(_)
            | Work::Deployment(_) => None,
        },
        (ModelCall::Planner(_) | ModelCall::Reviewer(_) | ModelCall::Agent(_), _) => None,
    }
}

/// What is told of anything else that was done outside.
fn of_deed(action: &Action, entry: &Entry) -> Option<(Level, String, Value)> {
    Some(match (action, entry) {
        (Action::EnsureRepository(_), Entry::Repository(repository)) => {
            let text = format!("Repository {} is there", repository.full_name);
            let url = Some(repository.html_url.clone());
            let data = json!(Told::Repository { url });
            (Level::Info, text, data)
        }
        (Action::EnsureRepository(request), Entry::NameTaken { .. }) => {
            let text = format!(
                "Somebody has a repository `{}`: another name is taken",
                request.name
            );
            (Level::Info, text, json!(Told::Repository { url: None }))
        }
        // What was uploaded for a preview was told of then.
        (Action::Upload(request), Entry::Uploaded { url, .. }) if request.there.is_none() => {
            let folder = prefix(&request.folder);
            let all = request.files.files();
            let own = all.filter(|(path, _)| path.as_str().starts_with(&folder));
            let files = counted(own.count(), "file");
            let what = match &request.function {
                None => "the site".to_owned(),
                Some(_) => format!("function `{}`", request.name),
            };
            let text = format!("Uploaded {files}. Appwrite builds {what}");
            (Level::Info, text, json!(Told::Upload { url: url.clone() }))
        }
        (Action::Migrate(request), Entry::Migrated { changes }) => {
            let tables = counted(request.tables.len(), "table");
            let text = match changes.as_slice() {
                [] => format!("The database has its {tables} already"),
                changes => format!("Database: {}", changes.join(", ")),
            };
            (Level::Info, text, json!(Told::Schema {}))
        }
        (Action::Verify(request), Entry::Verified {}) => {
            let text = format!("{} answers", request.url);
            (Level::Info, text, json!(Told::Verified {}))
        }
        (Action::CancelBuild(_), Entry::BuildCanceled { .. }) => {
            let text = "The build took too long and was called off".to_owned();
            (Level::Warning, text, json!(Told::Build {}))
        }
        (Action::SetActionsSecrets(repository), Entry::SecretsSet { .. }) => {
            let text = format!("Workflows of {} can deploy", repository.full_name);
            (Level::Info, text, json!(Told::Secrets {}))
        }
        // The end of the unit tells of it.
        (
            Action::ReadRepository(_)
            | Action::Publish(_)
            | Action::EnsurePullRequest(_)
            | Action::Activate(_)
            | Action::Preview(_),
            _,
        )
        | (
            Action::Ask(_)
            | Action::Submit(_)
            | Action::Collect { .. }
            | Action::EnsureRepository(_)
            | Action::SetActionsSecrets(_)
            | Action::Upload(_)
            | Action::Migrate(_)
            | Action::Verify(_)
            | Action::CancelBuild(_),
            _,
        ) => return None,
    })
}

/// The lines for everything that is recorded, in an order in which it may have happened.
pub fn lines(law: &Law, work: &Work, journal: &Journal) -> Vec<Line> {
    let (mut replayed, mut lines) = (Journal::default(), Vec::new());
    while let Step::Do(effects) = law.decide(work, &replayed) {
        let found = |effect| Some((effect, journal.recorded(effect)?));
        let recorded: Vec<_> = effects.iter().filter_map(found).collect();
        if recorded.is_empty() {
            break;
        }
        for (effect, recorded) in &recorded {
            lines.extend(line(law, work, &replayed, effect, &recorded.entry, None));
        }
        for (effect, recorded) in recorded {
            replayed.insert(effect.key.clone(), recorded.clone());
        }
    }
    lines
}

/// The line for a unit that waits: for whom, and until when, if that is known.
pub fn waits(unit: &UnitKey, epoch: u64, why: &str, until: Option<&str>) -> Line {
    let until = until
        .map(|time| format!(" until {time}"))
        .unwrap_or_default();
    let text = format!("{}waits{until}: {why}", who(unit));
    of_execution(unit, format!("w{epoch}"), text, Told::Wait)
}

/// The line for a unit that is taken up again after an execution that did not go on later of
/// its own accord.
pub fn again(unit: &UnitKey, epoch: u64, has_died: bool) -> Line {
    let why = match has_died {
        true => "the execution before was lost",
        false => "the execution before could not go on",
    };
    let text = format!("{}started again: {why}", who(unit));
    of_execution(unit, format!("r{epoch}"), text, Told::Again)
}

fn of_execution(unit: &UnitKey, key: String, text: String, told: fn(UnitTold) -> Told) -> Line {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    let text = match unit.name.as_str() {
        "" => first.unwrap_or_default() + letters.as_str(),
        _ => text,
    };
    Line {
        key,
        stage: messages::stage_word(unit.kind),
        level: Level::Warning,
        text,
        data: json!(told(UnitTold {
            assignment: unit.name.clone(),
            round: unit.round,
        })),
    }
}

/// Who a line is about: an assignment by its name, and no one where the stage says it.
fn who(unit: &UnitKey) -> String {
    match unit.name.as_str() {
        "" => String::new(),
        name => format!("{name}: "),
    }
}

/// The stage's word.
fn stage_word(work: &Work) -> &'static str {
    let kind = match work {
        Work::Import(_) => UnitKind::Import,
        Work::Plan(_) => UnitKind::Plan,
        Work::Assignment(_) => UnitKind::Assignment,
        Work::Review(_) => UnitKind::Review,
        Work::Release(_) => UnitKind::Release,
        Work::Deployment(_) => UnitKind::Deployment,
    };
    messages::stage_word(kind)
}

/// What follows from an entry.
fn following(law: &Law, work: &Work, journal: &Journal, effect: &Effect, entry: &Entry) -> Step {
    let recorded = Recorded {
        fingerprint: effect.action.fingerprint(),
        entry: entry.clone(),
    };
    law.decide(work, &journal.with(effect.key.clone(), recorded))
}

/// The planner's next question, if its answer is sent back.
fn question(next: &Step) -> Option<Question> {
    let Step::Do(effects) = next else {
        return None;
    };
    effects
        .iter()
        .find_map(|next| match next.action.model_call()? {
            ModelCall::Planner(question) => Some(question.clone()),
            ModelCall::Reviewer(_) | ModelCall::Agent(_) => None,
        })
}

/// What is told of a judgement, and of how often it had to be asked for.
fn judged(work: &ReviewWork, key: &str, reply: &Reply) -> Option<(Level, String, Value)> {
    let (level, text, data) =
        review::told(work, key, reply).or_else(|| repeated("reviewer", &reply.spent))?;
    match attempts(&reply.spent) {
        Some(attempts) if data["kind"] == "judgement" => {
            let text = format!("{text} (the reviewer{attempts})");
            Some((Level::Warning, text, data))
        }
        Some(_) | None => Some((level, text, data)),
    }
}

/// What is told of a call that was handed in.
fn handed_in(work: &Work, key: &str) -> String {
    let who = match work {
        Work::Plan(_) => "The brief",
        Work::Assignment(agent) => agent.assignment.id.as_str(),
        Work::Review(_) => review::subject_of(key).unwrap_or("The whole"),
        Work::Import(_) | Work::Release(_) | Work::Deployment(_) => "A question",
    };
    format!("{who}: handed in. It is answered within a day, mostly much sooner")
}

/// What is told of a call whose answer can not be had any more.
fn lost(work: &Work, why: &str) -> String {
    let who = match work {
        Work::Assignment(agent) => format!("{}: what", agent.assignment.id),
        Work::Import(_)
        | Work::Plan(_)
        | Work::Review(_)
        | Work::Release(_)
        | Work::Deployment(_) => "What".to_owned(),
    };
    format!("{who} was handed in is lost ({why}) and is asked again")
}

/// Why a plan is sent back: the list in the question that sends it back.
fn sent_back(question: &Question) -> String {
    let asked = question.turns.last().map_or("", |(_, text)| text.as_str());
    let problems: Vec<&str> = asked
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .collect();
    if problems.is_empty() {
        return "The plan could not be read and goes back to the planner".to_owned();
    }
    let quoted = problems[..problems.len().min(PROBLEMS_QUOTED)].join("; ");
    let more = match problems.len().saturating_sub(PROBLEMS_QUOTED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let count = counted(problems.len(), "problem");
    format!("The plan has {count} and goes back to the planner: {quoted}{more}")
}

/// What is told of a call that had to be made more than once, and of nothing else.
fn repeated(who: &str, spent: &Spent) -> Option<(Level, String, Value)> {
    let text = format!("The {who}{}", attempts(spent)?);
    Some((
        Level::Warning,
        text,
        json!(Told::Retry(CallTold::of(spent))),
    ))
}

/// At which attempt a model answered, if not at the first.
fn attempts(spent: &Spent) -> Option<String> {
    let calls = spent.model_calls;
    (calls > 1).then(|| format!(" answered at attempt {calls}"))
}
