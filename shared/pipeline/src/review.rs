//! Judging assignments: one judgement each, in parallel, then what only the merged tree can
//! show. The verdict is computed here from criteria and findings, whatever a model's own
//! summary says. Start reading at [`decide`].

use serde::{Deserialize, Serialize};

use crate::brief::{Brief, Speed};
use crate::economy::{self, Call};
use crate::effect::{Effect, Entry, ModelCall};
use crate::facts::{Done, Facts, Outcome, Rework, Score};
use crate::failure::{Code, Failure};
use crate::ids::{UnitKey, UnitKind};
use crate::json::from_model;
use crate::limits::JUDGEMENT_REPAIRS_MAX;
use crate::messages;
use crate::model::{Effort, Finish, Question, Speaker, Spent};
use crate::plan::{Assignment, Plan};
use crate::prompts;
use crate::unit::{Journal, Step};
use crate::workspace::{FileVersion, Workspace};

mod evidence;
mod integration;
mod judgement;
mod references;
mod told;
mod verdict;

pub use integration::schema as integration_schema;
pub use judgement::schema;
use told::{INTEGRATE, JUDGE};
pub(crate) use told::{subject_of, told};
use verdict::Verdict;
pub use verdict::{Findings, KeptVersion};

/// How bad a finding is. Blockers and majors cause rework.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does not work.
    Blocker,
    /// A criterion or a contract is broken.
    Major,
    /// Worth doing, not worth a round.
    Minor,
    /// Taste.
    Nit,
}

/// Who found something, and so who says later whether it is resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The judgement of one assignment.
    #[default]
    Judgement,
    /// The question over the merged tree.
    Integration,
    /// Code that reads the files.
    Code,
    /// A build of the files that were approved. The next build says whether it is resolved.
    Build,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Its id, the same in every round in which it is open.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub path: String,
    /// The line, 0 for the whole file.
    pub line: u32,
    /// What is wrong.
    pub problem: String,
    /// What must change.
    pub required_change: String,
    /// Who found it.
    #[serde(default)]
    pub source: Source,
    /// The round in which it was found first; 0 in journals that do not tell.
    #[serde(default)]
    pub since: u32,
}

impl Finding {
    /// Whether it causes rework.
    pub fn is_serious(&self) -> bool {
        match self.severity {
            Severity::Blocker | Severity::Major => true,
            Severity::Minor | Severity::Nit => false,
        }
    }
}

/// One review round: every assignment to be judged, on the files as they stand.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewWork {
    /// What the owner asked for.
    pub brief: Brief,
    /// The accepted plan.
    pub plan: Plan,
    /// 1, or higher after rework.
    pub round: u32,
    /// The last round that may ask for another.
    pub rounds_max: u32,
    /// The assignments judged in this round: all in the first, the reworked ones later.
    pub subjects: Vec<Subject>,
    /// Findings over the merged tree of which nobody has yet said whether they are
    /// resolved, by assignment.
    pub pending: Vec<Rework>,
    /// Whether the merged tree was judged in an earlier round.
    pub integrated: bool,
    /// Every version of every file, in the order in which they were written.
    pub versions: Vec<FileVersion>,
    /// The files as they stand.
    pub workspace: Workspace,
}

/// One assignment under review.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The assignment.
    pub assignment: Assignment,
    /// What its agent claims, unverified.
    pub claims: String,
    /// What was found in the round before.
    pub earlier_findings: Vec<Finding>,
    /// How good its files were in earlier rounds: the round, and its score.
    pub earlier_scores: Vec<(u32, i64)>,
}

impl ReviewWork {
    /// The review `key` of the plan of `plan_generation`, as the facts have it. `None` if
    /// there is no review before it where there must be one.
    pub fn of(
        facts: &Facts,
        (brief, plan): (Brief, Plan),
        key: &UnitKey,
        plan_generation: u32,
        rounds_max: u32,
        versions: Vec<FileVersion>,
    ) -> Option<Self> {
        let round = key.round;
        // Of what was retried only the last result counts.
        let outcome = |kind, round, name: &str| {
            let of_it = |done: &&Done| {
                let unit = &done.unit;
                (unit.kind, unit.round, unit.name.as_str()) == (kind, round, name)
                    && unit.generation >= plan_generation
            };
            facts.done().rev().find(of_it).map(|done| &done.outcome)
        };
        let (mut earlier, mut pending, mut integrated) = (None, Vec::new(), false);
        let mut scores: Vec<(u32, &Score)> = Vec::new();
        for past in 1..round {
            let Some(Outcome::Reviewed {
                rework,
                pending: open,
                integrated: held,
                scores: given,
                ..
            }) = outcome(UnitKind::Review, past, "")
            else {
                return None;
            };
            earlier = Some(rework);
            pending.clone_from(open);
            integrated |= held;
            scores.extend(given.iter().map(|score| (past, score)));
            if let Some(Outcome::BuildFailed { rework, .. }) =
                outcome(UnitKind::Deployment, past, "")
            {
                // However good they seemed, nobody wants those versions back.
                let is_broken = |id: &str| rework.iter().any(|item| item.assignment == id);
                scores.retain(|(_, score)| !is_broken(&score.assignment));
                earlier = Some(rework);
            }
        }
        let subject = |assignment: &Assignment| {
            let mut earlier_findings = Vec::new();
            if let Some(rework) = earlier {
                let item = rework
                    .iter()
                    .find(|item| item.assignment == assignment.id)?;
                earlier_findings.clone_from(&item.findings);
            }
            let claims = match outcome(UnitKind::Assignment, round, &assignment.id) {
                Some(Outcome::Coded {
                    summary,
                    contract_change_request,
                    ..
                }) => messages::claims(summary, contract_change_request),
                Some(_) | None => String::new(),
            };
            let own = scores
                .iter()
                .filter(|(_, score)| score.assignment == assignment.id);
            Some(Subject {
                assignment: assignment.clone(),
                claims,
                earlier_findings,
                earlier_scores: own.map(|(round, score)| (*round, score.points)).collect(),
            })
        };
        let subjects = plan.assignments.iter().filter_map(subject).collect();
        Some(Self {
            brief,
            round,
            rounds_max,
            subjects,
            pending,
            integrated,
            workspace: Workspace::of(&versions),
            versions,
            plan,
        })
    }
}

/// What the review needs next.
pub fn decide(work: &ReviewWork, journal: &Journal) -> Step {
    let mut spent = Spent::default();
    match next(work, journal, &mut spent) {
        Ok(Next::Ask(effects)) => Step::Do(effects),
        Ok(Next::Judged(verdict)) => verdict.end(work, spent),
        Err(failure) => Step::done(Outcome::Failed(failure), spent),
    }
}

enum Next {
    Ask(Vec<Effect>),
    Judged(Box<Verdict>),
}

/// Every assignment is judged; then, if none has to be done again, the merged tree.
fn next(work: &ReviewWork, journal: &Journal, spent: &mut Spent) -> Result<Next, Failure> {
    let mut verdict = Verdict::begin(work);
    let mut asked = Vec::new();
    let asking = (journal, work.brief.options.speed);
    for subject in &work.subjects {
        let id = &subject.assignment.id;
        let question = || Question {
            instructions: prompts::reviewer_rules(),
            turns: vec![(
                Speaker::User,
                prompts::review(work, subject, &verdict.by_code(id)),
            )],
            schema_name: "review",
            schema: judgement::schema(!judgement::earlier(subject).is_empty()),
            effort: if work.round == 1 {
                Effort::Medium
            } else {
                Effort::High
            },
            cache_key: prompts::cache_key(&work.brief, "review"),
        };
        let check = |answer, is_last| judgement::checked(work, subject, answer, is_last);
        match ask(&format!("{JUDGE}{id}"), id, question, asking, spent, check)? {
            Answer::Missing(effect) => asked.push(*effect),
            Answer::Given(judged) => verdict.add_judgement(subject, judged),
        }
    }
    if !asked.is_empty() {
        return Ok(Next::Ask(asked));
    }
    if verdict.is_approval() && work.plan.assignments.len() > 1 {
        let earlier = integration::earlier(work);
        let question = || Question {
            instructions: prompts::integrator_rules(),
            turns: vec![(Speaker::User, prompts::integration(work, &earlier))],
            schema_name: "integration",
            schema: integration::schema(!earlier.is_empty()),
            effort: Effort::High,
            cache_key: prompts::cache_key(&work.brief, "review"),
        };
        let check = |answer, is_last| integration::checked(work, &earlier, answer, is_last);
        match ask(INTEGRATE, "the whole", question, asking, spent, check)? {
            Answer::Missing(effect) => return Ok(Next::Ask(vec![*effect])),
            Answer::Given(integrated) => verdict.add_integration(integrated),
        }
    }
    Ok(Next::Judged(Box::new(verdict)))
}

enum Answer<T> {
    Missing(Box<Effect>),
    Given(T),
}

/// A question under `key`, asked once more if its answer can not be used. `check` is told
/// whether there is no other chance: then what is wrong with a part of the answer costs that
/// part alone.
fn ask<A: serde::de::DeserializeOwned, T>(
    key: &str,
    of: &str,
    question: impl Fn() -> Question,
    (journal, speed): (&Journal, Speed),
    spent: &mut Spent,
    check: impl Fn(A, bool) -> Result<T, String>,
) -> Result<Answer<T>, Failure> {
    let (mut last_problem, mut repairs) = (String::new(), Vec::new());
    for attempt in 0..=JUDGEMENT_REPAIRS_MAX {
        let key = format!("{key}.{attempt}");
        let call = || {
            let mut question = question();
            question.turns.extend(repairs.iter().cloned());
            ModelCall::Reviewer(question)
        };
        let reply = match economy::call(journal, speed, &key, call)? {
            Call::Missing(effect) => return Ok(Answer::Missing(effect)),
            Call::Answered(Entry::Failed(failure)) => return Err(failure.clone()),
            Call::Answered(entry) => entry.reply()?,
        };
        *spent += &reply.spent;
        let is_last = attempt == JUDGEMENT_REPAIRS_MAX;
        last_problem = match &reply.finish {
            Finish::Refused(reason) => {
                return Err(Failure::new(
                    Code::ModelRefused,
                    format!("The reviewer declined to judge `{of}`: {reason}"),
                ));
            }
            Finish::Truncated => {
                "it was cut off before its end; report less, in fewer words".to_owned()
            }
            Finish::Completed => {
                match from_model::<A>(&reply.text).and_then(|answer| check(answer, is_last)) {
                    Ok(given) => return Ok(Answer::Given(given)),
                    Err(problem) => problem,
                }
            }
        };
        // No service takes an empty message.
        if !reply.text.is_empty() {
            repairs.push((Speaker::Assistant, reply.text.clone()));
        }
        let repair = prompts::judgement_repair(&last_problem);
        repairs.push((Speaker::User, repair));
    }
    Err(Failure::new(
        Code::ModelAnswerInvalid,
        format!(
            "The reviewer's judgement of `{of}` could not be used. Retry the task. What was wrong: {last_problem}"
        ),
    ))
}
