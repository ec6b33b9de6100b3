//! A world in memory that performs effects: what the shell does, without the outside.

mod hub;
mod models;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pipeline::advance::{FIRST_GENERATION, NewUnit, gate_id};
use pipeline::brief::{Brief, ProjectType};
use pipeline::build::BuildLog;
use pipeline::effect::{Action, Change, DeploymentRef, Effect, Entry};
use pipeline::estimate::{Rate, Rates};
use pipeline::messages::Line;
use pipeline::model::Spent;
use pipeline::plan::Plan;
use pipeline::rows::{TaskStamp, UnitRow};
use pipeline::unit::{End, Journal, Recorded};
use pipeline::work::{self, Generations, Given, Written};
use pipeline::workspace::Workspace;
use pipeline::{
    Command, Done, Fact, Facts, Law, Outcome, Status, Step, TaskId, UnitKey, UnitKind, Work,
    advance, decide, progress, record, rows,
};
use serde_json::{Map, Value, json};

/// When every unit's row is created.
pub(crate) const CREATED_UNIX: i64 = 1;
/// Where sites get their addresses.
const SITE_DOMAIN: &str = "localhost";
/// What the models of the estimate cost.
const RATES: Rates = {
    let rate = Rate {
        input: 2_000_000,
        cached: 200_000,
        output: 10_000_000,
    };
    Rates {
        reviewer: rate,
        agents: rate,
    }
};

pub(crate) use crate::answers::{reply, spent};
use crate::replay::assert_same;

/// Where a drive is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Never.
    Nowhere,
    /// After the n-th effect of the whole run was performed, before it was recorded.
    Performed(usize),
    /// After it was recorded.
    Recorded(usize),
    /// After the n-th unit's result was recorded, before anything followed.
    Done(usize),
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) task: TaskId,
    pub(crate) brief: Brief,
    /// What the planner answers.
    pub(crate) plan: Value,
    /// What it answers to repairs, where that is something else.
    pub(crate) later_plans: Vec<Value>,
    /// Accepted plans by generation, as their rows hold them.
    pub(crate) plans: BTreeMap<u32, (Brief, Plan)>,
    /// Rounds of review in which assignment `a` has a defect.
    pub(crate) defects: u32,
    pub(crate) facts: Facts,
    pub(crate) journals: BTreeMap<String, Journal>,
    pub(crate) units: BTreeMap<String, NewUnit>,
    /// Columns that units have filled in at their end.
    pub(crate) filled: BTreeMap<String, Map<String, Value>>,
    /// Versions of files with who wrote them, in the order in which they were written.
    pub(crate) files: Vec<(UnitKey, Written)>,
    pub(crate) bells: VecDeque<UnitKey>,
    /// What was handed in, by ticket: whether it was picked up.
    pub(crate) handed_in: BTreeMap<String, bool>,
    /// Model calls by key of the unit and of the effect.
    pub(crate) calls: BTreeMap<String, usize>,
    pub(crate) repositories: BTreeSet<String>,
    pub(crate) commits: BTreeSet<String>,
    /// What the last commit changed.
    pub(crate) changes: Vec<Change>,
    /// Texts of pull requests by branch.
    pub(crate) pull_requests: BTreeMap<String, String>,
    /// By site and manifest.
    pub(crate) deployments: BTreeSet<(String, String)>,
    /// Databases that were made.
    pub(crate) databases: BTreeSet<String>,
    /// The deployment that each site or function serves.
    pub(crate) active: BTreeMap<String, String>,
    /// Builds that fail before one succeeds.
    pub(crate) broken_builds: u32,
    /// What the log of such a build says.
    pub(crate) build_error: &'static str,
    /// Builds that hang before that.
    pub(crate) hanging_builds: u32,
    /// Rounds whose builds all hang.
    pub(crate) hanging_rounds: u32,
    /// Whether each gate was passed (or closed).
    pub(crate) gates: BTreeMap<String, bool>,
    /// Agents that fail at their next turn.
    pub(crate) stuck: BTreeSet<String>,
    pub(crate) statuses: Vec<Status>,
    /// Lines of the feed by row id, in the order in which they were written first.
    pub(crate) told: Vec<(String, Line)>,
    pub(crate) performed: usize,
    pub(crate) done: usize,
    /// Perform every effect twice and use the second answer.
    pub(crate) twice: bool,
    pub(crate) cut: Cut,
    /// The n-th bell is not rung.
    pub(crate) lost_bell: Option<usize>,
    pub(crate) rung: usize,
}

/// The drive was cut off, as by a crash.
pub(crate) struct Crashed;

pub(crate) fn assignment(id: &str, owns: &str, depends_on: &[&str]) -> Value {
    json!({"id": id, "title": format!("Part {id}"), "type": "ui", "specialization": "web", "estimate": "5 min", "priority": 1,
        "objective": format!("Write {owns}."), "depends_on": depends_on, "owns": [owns], "may_read": [], "contracts": [],
        "acceptance": [{"id": format!("{id}-1"), "check": format!("{owns} is there")}], "out_of_scope": [], "size": "S"})
}

pub(crate) fn plan(assignments: &[Value]) -> Value {
    json!({"refused": "", "project_name": "p", "summary": "A small project.", "risks": [],
        "stack": {"language": "JavaScript", "framework": "none", "build_command": "", "test_command": "", "output_dir": ".", "appwrite_kind": "static-site"},
        "shared_files": [{"path": "shared.json", "content": "{}"}], "contracts": [], "assignments": assignments})
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(plan(&[
            assignment("a", "a.js", &[]),
            assignment("b", "b.js", &[]),
            assignment("docs", "README.md", &["a", "b"]),
        ]))
    }

    /// A site, a function and a table.
    pub(crate) fn fullstack() -> Self {
        let mut plan = plan(&[
            assignment("site-a", "site/a.js", &[]),
            assignment("api-b", "api/b.js", &[]),
            assignment("docs", "README.md", &["site-a", "api-b"]),
        ]);
        plan["stack"]["output_dir"] = json!("site");
        plan["functions"] =
            json!([{"id": "api", "folder": "api", "entrypoint": "b.js", "access": "any"}]);
        plan["tables"] = json!([{
            "id": "items", "name": "Items", "access": "private",
            "columns": [{"key": "title", "type": "string", "size": 200, "required": true, "array": false, "elements": []}],
            "indexes": [],
        }]);
        let mut world = Self::with(plan);
        world.brief.project_type = ProjectType::Fullstack;
        world.build_error = "site/a.js:1: error: it does not build";
        world
    }

    pub(crate) fn with(plan: Value) -> Self {
        let task = TaskId::of_request("owner", "request");
        let brief = Brief::parse(include_bytes!("../../../../examples/todo.json"))
            .unwrap()
            .brief;
        let facts = Facts::none(task.clone(), "owner".to_owned());
        Self {
            task,
            brief,
            plan,
            later_plans: Vec::new(),
            plans: BTreeMap::new(),
            defects: 0,
            facts,
            journals: BTreeMap::new(),
            units: BTreeMap::new(),
            filled: BTreeMap::new(),
            files: Vec::new(),
            bells: VecDeque::new(),
            handed_in: BTreeMap::new(),
            calls: BTreeMap::new(),
            repositories: BTreeSet::new(),
            commits: BTreeSet::new(),
            changes: Vec::new(),
            pull_requests: BTreeMap::new(),
            deployments: BTreeSet::new(),
            databases: BTreeSet::new(),
            active: BTreeMap::new(),
            broken_builds: 0,
            build_error: "a.js:1: error: it does not build",
            hanging_builds: 0,
            hanging_rounds: 0,
            gates: BTreeMap::new(),
            stuck: BTreeSet::new(),
            statuses: Vec::new(),
            told: Vec::new(),
            performed: 0,
            done: 0,
            twice: false,
            cut: Cut::Nowhere,
            lost_bell: None,
            rung: 0,
        }
    }

    /// Runs until nothing is left to do, then decides everything once more. The sweep looks
    /// whenever no bell is left, as often as it takes.
    pub(crate) fn run(&mut self) {
        self.advance(None);
        for _ in 0..200 {
            while let Some(unit) = self.bells.pop_front() {
                let _ = self.drive(&unit);
            }
            if self.status().is_final() {
                return assert_same(self);
            }
            self.sweep();
        }
        panic!("the task does not end: {:?}", self.status());
    }

    /// Runs until `is_there`.
    pub(crate) fn run_until(&mut self, is_there: impl Fn(&Self) -> bool) {
        self.advance(None);
        while !is_there(self) {
            let unit = self.bells.pop_front().unwrap();
            let _ = self.drive(&unit);
        }
    }

    /// What create-task does with a command: records it, and makes sure of everything.
    pub(crate) fn command(&mut self, command: Command) -> Result<(), &'static str> {
        self.record(command)?;
        self.sweep();
        Ok(())
    }

    /// Checks a command, closes the gate for a cancellation, and records it.
    pub(crate) fn record(&mut self, command: Command) -> Result<(), &'static str> {
        command.check(&self.facts).map_err(|refusal| refusal.code)?;
        if command == (Command::Cancel {}) {
            let generation = advance(&self.facts, None).projection.generation;
            let gate = gate_id(&self.task, generation);
            if *self.gates.entry(gate).or_insert(false) {
                return Err("too_late");
            }
        }
        self.facts.log.push(Fact::Command(command));
        Ok(())
    }

    /// Runs until nothing is left to do for now.
    pub(crate) fn settle(&mut self) -> Status {
        self.advance(None);
        while let Some(unit) = self.bells.pop_front() {
            let _ = self.drive(&unit);
        }
        self.status()
    }

    pub(crate) fn status(&self) -> Status {
        advance(&self.facts, None).projection.status
    }

    /// What the sweep does: makes sure of every row, and starts what is not done.
    pub(crate) fn sweep(&mut self) {
        for unit in advance(&self.facts, None).units {
            self.units
                .entry(unit.key.id().to_string())
                .or_insert_with(|| unit.clone());
            self.bells.push_back(unit.key);
        }
    }

    pub(crate) fn advance(&mut self, finished: Option<&UnitKey>) {
        let next = advance(&self.facts, finished);
        self.statuses.push(next.projection.status);
        for unit in next.units {
            self.create(unit);
        }
    }

    /// Creates a unit's row, unless it is there. Its creation rings the bell.
    pub(crate) fn create(&mut self, unit: NewUnit) {
        let id = unit.key.id().to_string();
        if self.units.contains_key(&id) {
            return;
        }
        self.units.insert(id, unit.clone());
        if self.lost_bell != Some(self.rung) {
            self.bells.push_back(unit.key);
        }
        self.rung += 1;
    }

    pub(crate) fn drive(&mut self, key: &UnitKey) -> Result<(), Crashed> {
        if self.facts.outcome(key).is_some() {
            self.advance(None);
            return Ok(());
        }
        let id = key.id().to_string();
        let work = self.work(key);
        loop {
            let journal = self.journals.entry(id.clone()).or_default().clone();
            match decided(&work, &journal) {
                Step::Done(end) => return self.end(key, *end),
                Step::Do(effects) => {
                    for effect in effects {
                        self.effect(key, &work, &journal, &effect)?;
                    }
                }
            }
        }
    }

    pub(crate) fn journal(&self, key: &UnitKey) -> Journal {
        let journal = self.journals.get(key.id().as_str());
        journal.cloned().unwrap_or_default()
    }

    pub(crate) fn effect(
        &mut self,
        key: &UnitKey,
        work: &Work,
        journal: &Journal,
        effect: &Effect,
    ) -> Result<(), Crashed> {
        let mut answer = self.perform(key, effect);
        if self.twice {
            answer = self.perform(key, effect);
        }
        let number = self.performed;
        self.performed += 1;
        if self.cut == Cut::Performed(number) {
            self.cut = Cut::Nowhere;
            return Err(Crashed);
        }
        self.keep(key, work, journal, effect, answer);
        if self.cut == Cut::Recorded(number) {
            self.cut = Cut::Nowhere;
            return Err(Crashed);
        }
        Ok(())
    }

    /// Records the answer to an effect, unless something is recorded under its key.
    pub(crate) fn keep(
        &mut self,
        key: &UnitKey,
        work: &Work,
        journal: &Journal,
        effect: &Effect,
        answer: Entry,
    ) {
        let (entry, _) = record(work, journal, effect, answer);
        if let Some(line) = progress::line(&Law::WHOLE, work, journal, effect, &entry, None) {
            self.tell(key, line);
        }
        let recorded = Recorded {
            fingerprint: effect.action.fingerprint(),
            entry,
        };
        // Rows hold JSON: what does not survive that is lost.
        let recorded: Recorded =
            serde_json::from_str(&serde_json::to_string(&recorded).unwrap()).unwrap();
        let journal = self.journals.entry(key.id().to_string()).or_default();
        journal.keep(effect.key.clone(), recorded);
    }

    fn tell(&mut self, key: &UnitKey, line: Line) {
        let id = key.id().entry(&line.key);
        if self.told.iter().all(|(known, _)| *known != id) {
            self.told.push((id, line));
        }
    }

    pub(crate) fn end(&mut self, key: &UnitKey, end: End) -> Result<(), Crashed> {
        self.write(key, &end);
        self.conclude(key, end.outcome, end.spent);
        let number = self.done;
        self.done += 1;
        if self.cut == Cut::Done(number) {
            self.cut = Cut::Nowhere;
            return Err(Crashed);
        }
        self.advance(Some(key));
        Ok(())
    }

    /// Writes the rows that come before a unit's result.
    pub(crate) fn write(&mut self, key: &UnitKey, end: &End) {
        self.filled
            .insert(key.id().to_string(), end.columns.clone());
        if let Some(Value::String(column)) = end.columns.get("plan") {
            let read = rows::read_plan(column).unwrap();
            self.plans.insert(key.generation, read);
        }
        for file in &end.files {
            let row = rows::file(key, &self.facts.owner, file);
            if self.files.iter().all(|(_, known)| known.row_id != row.id) {
                let written = Written {
                    row_id: row.id,
                    generation: u32::try_from(row.data["generation"].as_u64().unwrap()).unwrap(),
                    version: file.clone(),
                };
                self.files.push((key.clone(), written));
            }
        }
    }

    /// Records a unit's result, unless one is recorded.
    pub(crate) fn conclude(&mut self, key: &UnitKey, outcome: Outcome, spent: Spent) {
        if self.facts.outcome(key).is_none() {
            self.facts.log.push(Fact::Done(Box::new(Done {
                unit: key.clone(),
                outcome,
                spent,
            })));
        }
    }

    pub(crate) fn key(&self, kind: UnitKind, round: u32, name: &str) -> UnitKey {
        UnitKey {
            task: self.task.clone(),
            kind,
            generation: FIRST_GENERATION,
            round,
            name: name.to_owned(),
        }
    }

    /// The files as they stand.
    pub(crate) fn workspace(&self) -> Workspace {
        let from = self.plans.keys().next_back().copied().unwrap_or_default();
        let files = self.written(Generations { from, before: None });
        let versions: Vec<_> = files.into_iter().map(|file| file.version).collect();
        Workspace::of(&versions)
    }

    /// The files of these generations, in the order in which they were written.
    fn written(&self, generations: Generations) -> Vec<Written> {
        let files = self.files.iter();
        let files = files.filter(|(_, file)| generations.contains(file.generation));
        files.map(|(_, file)| file.clone()).collect()
    }

    pub(crate) fn approved(&self) -> String {
        let mut hashes = self.facts.done().filter_map(|done| match &done.outcome {
            Outcome::Reviewed { manifest_hash, .. } => Some(manifest_hash.clone()),
            _ => None,
        });
        hashes.next_back().unwrap()
    }

    /// The unit's row, as the shell reads it.
    pub(crate) fn row(&self, key: &UnitKey) -> UnitRow {
        let unit = &self.units[key.id().as_str()];
        let stamp = TaskStamp {
            rev: 1,
            updated_at: String::new(),
            position: None,
        };
        let row = rows::unit(unit, &self.facts.owner, &stamp);
        let data = row.data.as_object().unwrap().clone();
        UnitRow::parse(key.kind, &row.id, data).unwrap()
    }

    pub(crate) fn work(&self, key: &UnitKey) -> Work {
        let row = self.row(key);
        let plan = work::plan_needed(&row).unwrap();
        let plan = plan.map(|key| self.plans[&key.generation].clone());
        let files = work::files_needed(&row, plan.as_ref()).unwrap();
        let given = Given {
            created_unix: CREATED_UNIX,
            site_domain: SITE_DOMAIN,
            rates: RATES,
            brief: Some(self.brief.clone()),
            files: files.map(|it| self.written(it)).unwrap_or_default(),
            facts: Some(&self.facts),
            plan,
        };
        work::work_of(&row, given).unwrap()
    }

    pub(crate) fn perform(&mut self, unit: &UnitKey, effect: &Effect) -> Entry {
        if let Some(entry) = self.perform_on_hub(&effect.action) {
            return entry;
        }
        match &effect.action {
            Action::Ask(call) => {
                self.count_call(unit, &effect.key);
                self.answer(unit, &effect.key, call)
            }
            Action::Submit(call) => self.hand_in(unit, effect, call),
            Action::Collect { call, submission } => {
                self.pick_up(unit, effect, call, &submission.ticket)
            }
            Action::Upload(request) => {
                let manifest = request.files.manifest_hash();
                let deployment_id = format!("d{}", &manifest[..6]);
                self.deployments
                    .insert((request.resource_id.clone(), manifest));
                let uploaded = || DeploymentRef {
                    resource: request.resource,
                    resource_id: request.resource_id.clone(),
                    deployment_id,
                };
                let label = request.subdomain.as_ref();
                Entry::Uploaded {
                    deployment: request.there.clone().unwrap_or_else(uploaded),
                    url: label.map_or_else(String::new, |it| format!("http://{it}.localhost")),
                }
            }
            Action::Migrate(request) => {
                self.databases.insert(request.database_id.clone());
                let tables = request.tables.iter();
                Entry::Migrated {
                    changes: tables.map(|it| format!("made table `{}`", it.id)).collect(),
                }
            }
            Action::Verify(_) => Entry::Verified {},
            Action::Activate(_) | Action::Preview(_)
                if self.hanging_builds > 0 || unit.round <= self.hanging_rounds =>
            {
                self.hanging_builds = self.hanging_builds.saturating_sub(1);
                Entry::BuildHangs {
                    seconds: 900,
                    log: "at work".to_owned(),
                }
            }
            Action::Activate(_) | Action::Preview(_) if self.broken_builds > 0 => {
                self.broken_builds -= 1;
                let BuildLog { error, tail } = BuildLog::of(self.build_error);
                Entry::BuildFailed { log: tail, error }
            }
            Action::Preview(deployment) => Entry::Previewed {
                url: format!("http://{}.preview", deployment.deployment_id),
            },
            Action::Activate(deployment) => {
                let id = deployment.resource_id.clone();
                self.active.insert(id, deployment.deployment_id.clone());
                Entry::Activated {
                    log: "built".to_owned(),
                    deployment: Some(deployment.clone()),
                }
            }
            Action::CancelBuild(_) => Entry::BuildCanceled { ended: false },
            other => panic!("{other:?}"),
        }
    }
}

/// What `work` needs next. Whoever has recorded all of the journal decides the same without
/// looking at what was asked.
pub(crate) fn decided(work: &Work, journal: &Journal) -> Step {
    let step = decide(work, journal);
    let own = journal
        .entries()
        .fold(Journal::begun(), |own, (key, recorded)| {
            own.with(key.clone(), recorded.clone())
        });
    assert_eq!(decide(work, &own), step);
    step
}
