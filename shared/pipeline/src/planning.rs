//! Making the plan: one structured question, repaired at most twice.

use serde_json::{Map, json};

use crate::brief::Brief;
use crate::effect::{Action, Effect, Entry};
use crate::facts::{Outcome, Project};
use crate::failure::{Code, Failure};
use crate::json::from_model;
use crate::limits::PLAN_REPAIRS_MAX;
use crate::messages;
use crate::model::{Effort, Finish, Question, Speaker, Spent};
use crate::path::SafePath;
use crate::plan::{self, Plan};
use crate::plan_mend::{Mended, mend};
use crate::plan_rules::{self, Terms};
use crate::prompts;
use crate::unit::{End, Journal, Step};
use crate::workspace::FileVersion;

/// A plan to make.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanWork {
    /// What the owner asked for.
    pub brief: Brief,
    /// The plan that the owner did not approve, and why.
    pub revision: Option<Revision>,
}

/// A plan to be made anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// The plan as it was.
    pub plan: Plan,
    /// What its owner wants changed.
    pub comment: String,
}

/// What the plan needs next.
pub fn decide(work: &PlanWork, journal: &Journal) -> Step {
    let mut spent = Spent::default();
    match plan_or_ask(work, journal, &mut spent) {
        Ok(Progress::Ask(effect)) => Step::Do(vec![*effect]),
        Ok(Progress::Accepted(accepted)) => end(work, *accepted, spent),
        Err(failure) => Step::done(Outcome::Failed(failure), spent),
    }
}

enum Progress {
    Ask(Box<Effect>),
    Accepted(Box<Mended>),
}

fn plan_or_ask(work: &PlanWork, journal: &Journal, spent: &mut Spent) -> Result<Progress, Failure> {
    let mut turns = vec![(Speaker::User, prompts::brief(&work.brief))];
    if let Some(Revision { plan, comment }) = &work.revision {
        turns.push((Speaker::Assistant, json!(plan).to_string()));
        turns.push((Speaker::User, prompts::plan_revision(comment)));
    }
    let terms = Terms {
        assignments_max: work.brief.options.assignments_max(),
        existing: Vec::new(),
    };
    let (mut last_problem, mut last_plan) = (String::new(), None);
    for attempt in 0..=PLAN_REPAIRS_MAX {
        let question = Question {
            instructions: prompts::planner_rules(terms.assignments_max),
            turns: turns.clone(),
            schema_name: "plan",
            schema: plan::schema(),
            effort: Effort::High,
            cache_key: "plan".to_owned(),
        };
        let effect = Effect::new(format!("p{attempt}"), Action::AskPlanner(question));
        let reply = match journal.find(&effect)? {
            None => return Ok(Progress::Ask(Box::new(effect))),
            Some(Entry::Failed(failure)) => return Err(failure.clone()),
            Some(entry) => entry.reply()?,
        };
        *spent += &reply.spent;
        if let Finish::Refused(reason) = &reply.finish {
            return Err(Failure::new(
                Code::ModelRefused,
                format!("The planner declined the brief: {reason}"),
            ));
        }
        match from_model::<Plan>(&reply.text) {
            Ok(plan) if !plan.refused.trim().is_empty() => {
                return Err(Failure::new(
                    Code::BriefRefused,
                    format!("The planner declined the brief: {}", plan.refused.trim()),
                ));
            }
            Ok(plan) => {
                let violations = plan_rules::violations(&plan, &terms);
                if violations.is_empty() {
                    let changes = Vec::new();
                    return Ok(Progress::Accepted(Box::new(Mended { plan, changes })));
                }
                last_problem = violations.join("; ");
                turns.push((Speaker::Assistant, reply.text.clone()));
                turns.push((Speaker::User, prompts::plan_repair(&violations)));
                last_plan = Some(plan);
            }
            Err(unreadable) => {
                last_problem = match &reply.finish {
                    Finish::Truncated => "the answer was cut off before its end".to_owned(),
                    Finish::Completed | Finish::Refused(_) => unreadable,
                };
                // No service takes an empty message.
                if !reply.text.is_empty() {
                    turns.push((Speaker::Assistant, reply.text.clone()));
                }
                turns.push((Speaker::User, prompts::plan_unreadable(&last_problem)));
            }
        }
    }
    match last_plan.and_then(|plan| mend(&plan, &terms)) {
        Some(mended) => Ok(Progress::Accepted(Box::new(mended))),
        None => Err(Failure::new(
            Code::PlanInvalid,
            format!(
                "The planner made no plan that can be carried out in {} attempts. Retry the task, or start one with a simpler brief. What was wrong: {last_problem}",
                PLAN_REPAIRS_MAX + 1
            ),
        )),
    }
}

fn end(work: &PlanWork, Mended { plan, changes }: Mended, spent: Spent) -> Step {
    let shared = |file: &plan::SharedFile| {
        let path = SafePath::parse(&file.path).ok()?;
        Some(FileVersion {
            path,
            content: Some(file.content.clone()),
            assignment: "shared".to_owned(),
            round: 0,
        })
    };
    let files = plan.shared_files.iter().filter_map(shared).collect();
    let mut columns = Map::new();
    columns.insert("name".to_owned(), work.brief.name.clone().into());
    columns.insert(
        "summary".to_owned(),
        plan.summary.chars().take(2_000).collect::<String>().into(),
    );
    columns.insert("assignmentCount".to_owned(), plan.assignments.len().into());
    columns.insert(
        "plan".to_owned(),
        json!({"brief": work.brief, "plan": plan})
            .to_string()
            .into(),
    );
    let project = Project {
        name: work.brief.name.clone(),
        description: messages::repository_description(&work.brief),
        public: work.brief.options.public,
        output_dir: plan.stack.output_dir.clone(),
        commit_message: messages::commit(&work.brief, &plan),
    };
    let outcome = Outcome::Planned {
        assignments: plan.assignments,
        parallelism: work.brief.options.parallelism(),
        approval: work.brief.options.approval,
        project,
        mended: changes,
    };
    Step::Done(Box::new(End {
        outcome,
        spent,
        files,
        columns,
    }))
}
