//! Drives one unit: claim, replay, decide, perform, record, and the end in its order.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use pipeline::advance::{FIRST_GENERATION, IMPORTED_GENERATION};
use pipeline::brief::Speed;
use pipeline::ledger::Exhausted;
use pipeline::progress;
use pipeline::rows::{self, TaskStamp, UnitRow};
use pipeline::unit::Journal;
use pipeline::{Fact, Facts, Law, Step, UnitKey, UnitKind, Work, advance};
use serde_json::{Map, Value};

use crate::advance::{advance_all, advance_task, project};
use crate::claim::{Claim, Left, Release, left};
use crate::clients::Clients;
use crate::clock;
use crate::feed::Feed;
use crate::ledger::{Ledger, Patience};
use crate::load::{self, Loaded, Loader};
use crate::logging::Log;
use crate::nudge::look_after_others;
use crate::perform::{Attempt, Performer, Skills};
use crate::redaction::Redactor;
use crate::store::Store;
use crate::sweep::function_of;
use crate::together::Finished;
use crate::trouble::{Resume, Trouble};

mod effects;
mod end;
mod limit;
mod start;

use effects::Telling;
use end::Ended;
use start::Start;

/// How long an execution in no hurry waits for calls of others.
const SHORT_WAIT: Duration = Duration::from_secs(5);

/// A row of a trigger table, as an event brought it or as it was read. What a unit decides
/// from never changes after the row's creation, so an event's copy is as good.
#[derive(Clone, Debug)]
pub struct TriggerRow {
    /// The row's id.
    pub id: String,
    /// When it was created.
    pub created_at: String,
    /// Its columns.
    pub data: Map<String, Value>,
}

/// What became of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driven {
    /// The unit has ended, by this execution or before.
    Done,
    /// Another execution is at work on it.
    Held,
    /// The owner stopped it.
    Stopped,
    /// Another execution was started to go on.
    Continued,
    /// An execution was asked for at this time: nothing can be done before.
    Waiting(Timestamp),
}

/// How a function carries out the units of one table.
pub struct Craft {
    /// The kind that its rows are, unless they say otherwise.
    pub kind: UnitKind,
    /// How it is decided what they need.
    pub law: Law,
    /// How that is done.
    pub skills: Skills,
}

/// One execution of a function for one unit.
pub struct Drive<'a> {
    /// The law and the skills of the function.
    pub craft: &'static Craft,
    /// The outside services.
    pub clients: &'a Clients,
    /// Appwrite, with the key of this execution.
    pub store: Store,
    /// The execution's id.
    pub execution_id: String,
    /// The execution's log.
    pub log: Log,
    /// When to stop and let another execution go on.
    pub slice_end: Instant,
}

impl Drive<'_> {
    /// Drives the unit of `trigger` to its end.
    ///
    /// # Errors
    /// What may succeed later. The claim is let go, so that the sweep can start the unit
    /// again without waiting.
    ///
    /// # Idempotency
    /// Any number of executions, at once or after each other, end in the same result.
    pub async fn run(&self, kind: UnitKind, trigger: TriggerRow) -> Result<Driven, Trouble> {
        let unit = UnitRow::parse(kind, &trigger.id, trigger.data).map_err(Trouble::Row)?;
        let settings = self.clients.settings();
        let lapse = Duration::from_secs(settings.claim_lapse_seconds);
        let taken = Claim::take(&self.store, &unit.key, &self.execution_id, lapse);
        // What the first execution works from is read meanwhile, and its first step decided: it is
        // hardly ever refused.
        let created_unix = start::created_unix(&trigger.created_at);
        let loading = async {
            let loaded = self.load(&unit, created_unix).await?;
            let first = self.craft.law.decide(&loaded.work, &Journal::begun());
            Ok((loaded, first))
        };
        let (taken, loaded) = futures::future::join(taken, loading).await;
        let Some(claim) = taken? else {
            self.log
                .info(&format!("unit {} is held by another execution", unit.key));
            return Ok(Driven::Held);
        };
        let start = Start::of(&trigger.created_at, clock::now(), claim.epoch);
        self.store.trace().took(claim.epoch, start.queued);
        let heartbeat = Duration::from_secs(settings.claim_heartbeat_seconds);
        let result = tokio::select! {
            result = self.work(&unit, start, &claim, loaded) => result,
            () = claim.beat(&self.store, heartbeat) => Ok(()),
            () = look_after_others(self.clients, &self.store, &unit, &self.log) => Ok(()),
        };
        match result {
            Ok(()) => Ok(Driven::Done),
            Err(trouble) => self.let_go(&unit, &claim, trouble).await,
        }
    }

    /// Lets go of a claim before its unit has ended, and sees to it that the unit goes on. A
    /// crash in between is made up for by the sweep.
    async fn let_go(
        &self,
        row: &UnitRow,
        claim: &Claim,
        trouble: Trouble,
    ) -> Result<Driven, Trouble> {
        let unit = &row.key;
        let now = clock::now();
        let (release, driven, at) = match trouble.resume() {
            Resume::ByOwner => {
                self.log.info(&format!("unit {unit}: {trouble}"));
                return Ok(Driven::Stopped);
            }
            Resume::ByBudget(call) => {
                self.log.info(&format!("unit {unit}: {trouble}"));
                claim.stop(&self.store).await?;
                self.exhausted(unit, &row.owner, &call).await?;
                return Ok(Driven::Stopped);
            }
            Resume::BySweep => {
                if let Err(second) = claim.release(&self.store, Release::Failed).await {
                    self.log
                        .error(&format!("could not release the claim: {second}"));
                }
                self.tell_of_wait(row, claim, &trouble, None).await;
                return Err(trouble);
            }
            Resume::Now => (Release::Continued, Driven::Continued, None),
            Resume::After(wait) => {
                let until = clock::after(now, wait.as_secs().max(1));
                let at = clock::whole_minute(until, now);
                (Release::Waiting { until }, Driven::Waiting(at), Some(at))
            }
        };
        self.log
            .info(&format!("unit {unit} goes on later: {trouble}"));
        let tell = self.tell_of_wait(row, claim, &trouble, at);
        let (released, ()) = futures::future::join(claim.release(&self.store, release), tell).await;
        if !released? {
            self.log.info(&format!("unit {unit} was stopped meanwhile"));
            return Ok(Driven::Stopped);
        }
        self.store
            .start(function_of(unit.kind), unit.id().as_str(), at)
            .await?;
        Ok(driven)
    }

    /// Tells what a unit waits for, if it is a service. A line that is lost here is made up
    /// for by the one that says that the unit was started again.
    async fn tell_of_wait(
        &self,
        unit: &UnitRow,
        claim: &Claim,
        trouble: &Trouble,
        at: Option<Timestamp>,
    ) {
        let Some(why) = trouble.waits_for() else {
            return;
        };
        let until = at.map(|time| time.strftime("%H:%M UTC").to_string());
        let line = progress::waits(&unit.key, claim.epoch, &why, until.as_deref());
        if let Err(trouble) = self.feed(unit).tell(&line).await {
            self.log
                .error(&format!("could not tell of a wait: {trouble}"));
        }
    }

    /// Tells what an execution that takes over finds: that the one before it did not leave
    /// on purpose, and the lines that it left out.
    async fn take_up(
        &self,
        unit: &UnitRow,
        work: &Work,
        journal: &Journal,
        claim: &Claim,
    ) -> Result<(), Trouble> {
        let mut lines = progress::lines(&self.craft.law, work, journal);
        let has_died = match left(&self.store, &unit.key, claim.epoch - 1).await? {
            Left::Died => Some(true),
            Left::Failed => Some(false),
            Left::OnPurpose => None,
        };
        lines.extend(has_died.map(|died| progress::again(&unit.key, claim.epoch, died)));
        self.feed(unit).correct(&lines).await
    }

    /// Records that a call did not fit into the budget, and shows the task as paused.
    async fn exhausted(
        &self,
        unit: &UnitKey,
        owner: &str,
        call: &Exhausted,
    ) -> Result<(), Trouble> {
        let (task, id) = (&unit.task, unit.id());
        let line = rows::exhausted_line(call);
        futures::future::try_join(
            self.store.create(rows::exhausted(task, &id, call)),
            self.store.create(rows::progress(task, owner, &id, &line)),
        )
        .await?;
        let facts = load::facts(&self.store, task, owner).await?;
        let check_after = self.clients.settings().check_after_seconds;
        advance_task(&self.store, facts, None, None, check_after).await
    }

    async fn work(
        &self,
        unit: &UnitRow,
        start: Start,
        claim: &Claim,
        loaded: Result<(Loaded, Step), Trouble>,
    ) -> Result<(), Trouble> {
        let repeat = claim.epoch > 1;
        let mut journal = Journal::begun();
        if repeat {
            let (recorded, done) = load::journal(&self.store, &unit.key.id()).await?;
            if done.is_some() {
                return self.advance(unit, None, None, true).await;
            }
            journal = recorded;
        }
        // What a person is shown of the beginning holds nothing up.
        let shown = async {
            if repeat {
                return Ok(None);
            }
            self.show_start(unit).await
        };
        let ended = async {
            // What was read before the claim may lack what its last holder has done.
            let (loaded, first) = match repeat {
                false => loaded.map(|(loaded, first)| (loaded, Some(first)))?,
                true => (self.load(unit, start.created_unix).await?, None),
            };
            self.to_its_end((unit, start), (loaded, first), claim, journal)
                .await
        };
        let (seen, ended) = futures::future::join(shown, ended).await;
        let (ended, telling, facts) = ended?;
        if ended.end.is_cancelled() {
            return self.end_cancelled(unit, ended, telling, start).await;
        }
        let (done, is_own) = self.record_end(unit, ended, telling, start).await?;
        let facts = facts.filter(|_| !repeat && is_own).map(|mut facts| {
            facts.log.push(Fact::Done(Box::new(done)));
            facts
        });
        self.advance(unit, facts, seen?, repeat).await
    }

    /// Reads what the unit is about.
    async fn load(&self, unit: &UnitRow, created_unix: i64) -> Result<Loaded, Trouble> {
        let site_domain = match unit.key.kind {
            UnitKind::Release => self.clients.site_domain()?,
            UnitKind::Import
            | UnitKind::Plan
            | UnitKind::Assignment
            | UnitKind::Review
            | UnitKind::Deployment
            | UnitKind::Preview => "",
        };
        let loader = Loader {
            store: &self.store,
            plans: self.clients.plans(),
            site_domain,
            rates: self.clients.rates(),
            has_credentials: self.clients.settings().credentials_secret_key.is_some(),
        };
        loader.work(unit, created_unix).await
    }

    /// Performs what the unit's journal lacks. Returns its end, the lines of it that are still being
    /// written, and the facts where they had to be listed.
    async fn to_its_end<'a>(
        &'a self,
        at_work: (&'a UnitRow, Start),
        (loaded, first): (Loaded, Option<Step>),
        claim: &Claim,
        journal: Journal,
    ) -> Result<(Ended, Telling<'a>, Option<Facts>), Trouble> {
        let (unit, start) = at_work;
        let repeat = claim.epoch > 1;
        if repeat {
            self.take_up(unit, &loaded.work, &journal, claim).await?;
        }
        let attempt = Attempt {
            unit: &unit.key,
            owner: &unit.owner,
            created_unix: start.created_unix,
            repeat,
        };
        let from = (&loaded.work, first);
        let performer = |ledger| {
            Performer::new(
                &self.craft.skills,
                self.clients,
                &self.store,
                attempt,
                ledger,
            )
            .redacting(self.redactor())
            .knowing(loaded.credentials.clone())
        };
        let mut telling = Telling::default();
        let end = match loaded.work.budget_micro_usd() {
            None => {
                let performer = performer(None);
                self.effects(at_work, from, journal, claim, &performer, &mut telling)
                    .await
            }
            Some(limit) => {
                let earlier = repeat.then(|| journal.clone());
                let patience = self.patience(loaded.work.speed());
                let ledger = self.ledger(limit, unit, earlier.as_ref(), patience).await?;
                let performer = performer(Some(&ledger));
                let end = self
                    .effects(at_work, from, journal, claim, &performer, &mut telling)
                    .await;
                // What was spent must be known before the unit ends, and before another goes
                // on.
                if end.as_ref().is_ok_and(|ended| ended.end.is_cancelled()) {
                    ledger.abandon().await?;
                }
                ledger.flush().await?;
                end
            }
        };
        match end {
            Ok(end) => Ok((end, telling, loaded.facts)),
            Err(trouble) => {
                // Whoever goes on makes up for a line that is missing.
                let _ = telling.finish().await;
                Err(trouble)
            }
        }
    }

    /// The task leaves `pending` when its first unit is taken up. Returns what was last seen of
    /// the task's row.
    async fn show_start(&self, unit: &UnitRow) -> Result<Option<TaskStamp>, Trouble> {
        let known = unit.task_stamp();
        let is_first = match unit.key.kind {
            UnitKind::Import => unit.key.generation == IMPORTED_GENERATION,
            UnitKind::Plan => unit.key.generation <= FIRST_GENERATION && unit.base().is_none(),
            UnitKind::Assignment
            | UnitKind::Review
            | UnitKind::Release
            | UnitKind::Deployment
            | UnitKind::Preview => false,
        };
        if !is_first {
            return Ok(known);
        }
        let facts = Facts::none(unit.key.task.clone(), unit.owner.clone());
        let projection = advance(&facts, None).projection;
        let check_after = self.clients.settings().check_after_seconds;
        project(&self.store, &unit.key.task, &projection, check_after, known)
            .await
            .map(Some)
    }

    /// The ledger of a task with a budget: each model call is reserved for before it is made.
    async fn ledger(
        &self,
        limit: u64,
        unit: &UnitRow,
        earlier: Option<&Journal>,
        patience: Patience,
    ) -> Result<Ledger<'_>, Trouble> {
        let (who, execution) = ((&unit.key, unit.owner.as_str()), &self.execution_id);
        Ledger::open(&self.store, who, execution, limit, earlier, patience).await
    }

    /// How long to wait for calls of others. What they have handed in may take a day.
    fn patience(&self, speed: Speed) -> Patience {
        match speed {
            Speed::Normal => Patience {
                until: self.slice_end,
                then: None,
            },
            Speed::Economy => {
                let settings = self.clients.settings();
                Patience {
                    until: self.slice_end.min(clock::monotonic() + SHORT_WAIT),
                    then: Some(Duration::from_secs(settings.collect_after_seconds)),
                }
            }
        }
    }

    fn feed<'a>(&'a self, unit: &'a UnitRow) -> Feed<'a> {
        Feed {
            store: &self.store,
            redactor: self.redactor(),
            unit,
        }
    }

    fn redactor(&self) -> &Redactor {
        self.log.redactor()
    }

    /// Facts that were listed before the own result was recorded are good for a unit that
    /// moves the task on: a command of the owner that came meanwhile has changed the task's
    /// row, or will see what this changed.
    async fn advance(
        &self,
        unit: &UnitRow,
        facts: Option<Facts>,
        seen: Option<TaskStamp>,
        repeat: bool,
    ) -> Result<(), Trouble> {
        let check_after = self.clients.settings().check_after_seconds;
        let finished = (!repeat).then_some(&unit.key);
        if let (None, Some(finished), Some(siblings)) = (&facts, finished, self.store.siblings()) {
            let ended = Finished {
                unit: finished.clone(),
                seen: seen.clone(),
            };
            let advance =
                |ended| advance_all(&self.store, siblings, &unit.owner, ended, check_after);
            let joined = siblings.advancing.join(ended, usize::MAX, advance);
            if joined.await == Some(true) {
                return Ok(());
            }
        }
        let facts = match facts {
            Some(facts) => facts,
            None => load::facts(&self.store, &unit.key.task, &unit.owner).await?,
        };
        advance_task(&self.store, facts, finished, seen, check_after).await
    }
}
