//! Making the plan: one structured question, repaired at most twice.

use std::collections::BTreeSet;

use serde_json::{Map, json};

use crate::advance::Wish;
use crate::brief::Brief;
use crate::economy::{self, Call};
use crate::effect::{Effect, Entry, ModelCall};
use crate::estimate::{Rates, estimate};
use crate::facts::{Outcome, Project};
use crate::failure::{Code, Failure};
use crate::json::from_model;
use crate::limits::PLAN_REPAIRS_MAX;
use crate::messages;
use crate::model::{Effort, Finish, Question, Speaker, Spent};
use crate::path::SafePath;
use crate::plan::{self, Assignment, Plan};
use crate::plan_mend::{Mended, mend};
use crate::plan_rules::{self, Terms};
use crate::prompts;
use crate::unit::{End, Journal, Step};
use crate::workspace::{FileVersion, Workspace};

/// A plan to make.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanWork {
    /// What the owner asked for, follow-ups included.
    pub brief: Brief,
    /// The plan before, and what the owner wants instead of it or beyond it.
    pub earlier: Option<(Plan, Wish)>,
    /// The files as they were released, none before the first release.
    pub released: Workspace,
    /// Prices for the estimate.
    pub rates: Rates,
}

impl PlanWork {
    /// The first plan of a task.
    pub fn first(brief: Brief, rates: Rates) -> Self {
        Self {
            brief,
            earlier: None,
            released: Workspace::default(),
            rates,
        }
    }

    /// A plan after `earlier`, with the brief that was carried out then.
    pub fn another(
        (mut brief, plan): (Brief, Plan),
        wish: Wish,
        released: Workspace,
        rates: Rates,
    ) -> Self {
        if let Wish::FollowUp(follow_up) = &wish {
            brief.follow_ups.push(follow_up.clone());
        }
        Self {
            brief,
            earlier: Some((plan, wish)),
            released,
            rates,
        }
    }

    fn terms(&self) -> Terms {
        terms(&self.brief, &self.released)
    }
}

/// What a plan for `brief` must fit where these files are there.
pub fn terms(brief: &Brief, released: &Workspace) -> Terms {
    Terms {
        project_type: brief.project_type,
        assignments_max: brief.options.assignments_max(),
        existing: released.files().map(|(path, _)| path.clone()).collect(),
        unshown: brief.unshown.clone(),
    }
}

/// `plan` with other assignments. Contracts whose provider is gone are gone, and so is who
/// relied on one.
pub fn edited(plan: &Plan, assignments: Vec<Assignment>) -> Plan {
    let mut plan = Plan {
        assignments,
        ..plan.clone()
    };
    let ids = plan.assignments.iter().map(|item| item.id.clone());
    let ids: BTreeSet<String> = ids.chain(["shared".to_owned()]).collect();
    plan.contracts
        .retain(|contract| ids.contains(&contract.provider));
    for contract in &mut plan.contracts {
        contract.consumers.retain(|name| ids.contains(name));
    }
    plan
}

/// What the plan needs next.
pub fn decide(work: &PlanWork, journal: &Journal) -> Step {
    let mut spent = Spent::default();
    let progress = match &work.earlier {
        Some((plan, Wish::Edit(assignments))) => accept_edited(work, plan, assignments),
        Some(_) | None => plan_or_ask(work, journal, &mut spent),
    };
    match progress {
        Ok(Progress::Ask(effect)) => Step::Do(vec![*effect]),
        Ok(Progress::Accepted(accepted)) => end(work, *accepted, spent),
        Err(failure) => Step::done(Outcome::Failed(failure), spent),
    }
}

/// The owner's own plan, which was checked when it was taken.
fn accept_edited(
    work: &PlanWork,
    plan: &Plan,
    assignments: &[Assignment],
) -> Result<Progress, Failure> {
    let plan = edited(plan, assignments.to_vec());
    let violations = plan_rules::violations(&plan, &work.terms());
    if violations.is_empty() {
        let changes = Vec::new();
        return Ok(Progress::Accepted(Box::new(Mended { plan, changes })));
    }
    Err(Failure::new(
        Code::PlanInvalid,
        format!("The changed plan breaks rules: {}", violations.join("; ")),
    ))
}

enum Progress {
    Ask(Box<Effect>),
    Accepted(Box<Mended>),
}

fn plan_or_ask(work: &PlanWork, journal: &Journal, spent: &mut Spent) -> Result<Progress, Failure> {
    let first = match &work.earlier {
        None => prompts::brief(&work.brief, &work.released),
        Some(_) => prompts::brief(&work.brief, &Workspace::default()),
    };
    let mut turns = vec![(Speaker::User, first)];
    if let Some((plan, wish)) = &work.earlier {
        turns.push((Speaker::Assistant, json!(plan).to_string()));
        turns.push((Speaker::User, prompts::another_plan(wish, &work.released)));
    }
    let terms = work.terms();
    let (mut last_problem, mut last_plan) = (String::new(), None);
    for attempt in 0..=PLAN_REPAIRS_MAX {
        let call = || {
            ModelCall::Planner(Question {
                instructions: prompts::planner_rules(terms.assignments_max),
                turns: turns.clone(),
                schema_name: "plan",
                schema: plan::schema(),
                effort: Effort::High,
                cache_key: "plan".to_owned(),
            })
        };
        let (key, speed) = (format!("p{attempt}"), work.brief.options.speed);
        let reply = match economy::call(journal, speed, &key, call)? {
            Call::Missing(effect) => return Ok(Progress::Ask(effect)),
            Call::Answered(Entry::Failed(failure)) => return Err(failure.clone()),
            Call::Answered(entry) => entry.reply()?,
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
    let estimate = estimate(&plan, work.brief.options.parallelism(), &work.rates);
    let files = files(work, &plan);
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
    columns.insert("estimate".to_owned(), json!(estimate).to_string().into());
    let project = Project {
        name: work.brief.name.clone(),
        description: messages::repository_description(&work.brief),
        public: work.brief.options.public,
        output_dir: plan.stack.output_dir.clone(),
        commit_message: messages::commit(&work.brief, &plan),
        preview: work.brief.options.preview,
        project_type: work.brief.project_type,
        tables: plan.tables.clone(),
        functions: plan.functions.clone(),
        released_before: work.earlier.is_some() && !work.released.is_empty(),
        organization: work.brief.options.organization.clone(),
        topics: work.brief.options.topics.clone(),
        workflows: work.brief.options.workflows(),
        existing: None,
    };
    let outcome = Outcome::Planned {
        assignments: plan.assignments,
        parallelism: work.brief.options.parallelism(),
        approval: work.brief.options.approval,
        project: Box::new(project),
        mended: changes,
        estimate: Some(estimate),
    };
    Step::Done(Box::new(End {
        outcome,
        spent,
        files,
        columns,
    }))
}

/// The files before any agent starts: the released ones, and over them the plan's.
fn files(work: &PlanWork, plan: &Plan) -> Vec<FileVersion> {
    let shared = |file: &plan::SharedFile| {
        let path = SafePath::parse(&file.path).ok()?;
        Some(version(&path, &file.content, "shared"))
    };
    let mut files: Vec<FileVersion> = plan.shared_files.iter().filter_map(shared).collect();
    for (path, file) in work.released.files() {
        if !files.iter().any(|known| known.path == *path) {
            files.push(version(path, &file.content, &file.owner));
        }
    }
    files
}

fn version(path: &SafePath, content: &str, owner: &str) -> FileVersion {
    FileVersion {
        path: path.clone(),
        content: Some(content.to_owned()),
        assignment: owner.to_owned(),
        round: 0,
    }
}
