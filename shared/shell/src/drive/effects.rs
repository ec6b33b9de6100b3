//! The steps of a unit: what is decided is performed and recorded, until nothing is left to do.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, join_all};
use futures::stream::{FuturesUnordered, StreamExt as _};
use pipeline::effect::{Action, Effect, Entry};
use pipeline::messages::Line;
use pipeline::rows::{self, UnitRow};
use pipeline::unit::{Journal, Recorded};
use pipeline::{Status, Step, UnitKind, Work, advance, progress};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Drive;
use super::end::Ended;
use super::limit::within_limit;
use super::start::Start;
use crate::claim::Claim;
use crate::clock;
use crate::load;
use crate::perform::Performer;
use crate::store::Created;
use crate::trouble::Trouble;

/// Steps of one unit. More than any journal can hold: passing it is a defect.
const STEPS_MAX: usize = 1_000;

/// How often lines are written: agents that end a turn at about the same time tell of it in one
/// request, after they have gone on.
const BEAT: Duration = Duration::from_millis(10);

/// Lines for the task's feed that are being written. What a person is shown holds nothing up but
/// the unit's own end: nobody writes a line that is missing after that.
#[derive(Default)]
pub(super) struct Telling<'a> {
    under_way: FuturesUnordered<BoxFuture<'a, Result<(), Trouble>>>,
    failed: Option<Trouble>,
    earlier: Earlier,
}

/// The lines that are being written, for who is to write after them.
#[derive(Clone, Default)]
struct Earlier {
    hurry: CancellationToken,
    /// Those that wait for their beat.
    waiting: TaskTracker,
    lines: TaskTracker,
}

impl Earlier {
    /// Has them written at once, and `last` after them. Somebody must go on with
    /// [`Telling::beside`] meanwhile.
    async fn and_then<T>(&self, last: impl Future<Output = T>) -> T {
        self.hurry.cancel();
        self.waiting.close();
        self.lines.close();
        // The last comes after them, or in one request with them.
        self.waiting.wait().await;
        futures::future::join(last, self.lines.wait()).await.0
    }
}

impl<'a> Telling<'a> {
    /// Does `telling` at the next beat.
    fn add(&self, telling: BoxFuture<'a, Result<(), Trouble>>) {
        let (hurry, wait) = (self.earlier.hurry.clone(), clock::until_beat(BEAT));
        let is_waiting = self.earlier.waiting.token();
        let at_the_beat = async move {
            // Either way it is time.
            let _ = tokio::time::timeout(wait, hurry.cancelled()).await;
            drop(is_waiting);
            telling.await
        };
        let tracked = self.earlier.lines.track_future(at_the_beat);
        self.under_way.push(tracked.boxed());
    }

    /// Does `work`, and goes on writing meanwhile.
    async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(told) = self.under_way.next() => self.failed = self.failed.take().or(told.err()),
            }
        }
    }

    /// Writes what is left, at once.
    ///
    /// # Errors
    /// The first line that could not be written: the unit's next execution makes up for it.
    pub(super) async fn finish(mut self) -> Result<(), Trouble> {
        self.earlier.hurry.cancel();
        while let Some(told) = self.under_way.next().await {
            self.failed = self.failed.take().or(told.err());
        }
        self.failed.map_or(Ok(()), Err)
    }
}

impl Drive<'_> {
    /// Takes steps until the unit has ended. Lines that are then still being written are in
    /// `telling`.
    pub(super) async fn effects<'a>(
        &'a self,
        (unit, start): (&'a UnitRow, Start),
        (work, first): (&Work, Option<Step>),
        mut journal: Journal,
        claim: &Claim,
        performer: &Performer<'_>,
        telling: &mut Telling<'a>,
    ) -> Result<Ended, Trouble> {
        let mut ahead = first.map(Ahead::of);
        for step in 0..STEPS_MAX {
            let next = ahead.take();
            let next = next.unwrap_or_else(|| Ahead::of(self.craft.law.decide(work, &journal)));
            match next.step {
                Step::Done(end) => {
                    return Ok(Ended {
                        end: *end,
                        files_are_there: next.files_are_there,
                        row_is_written: next.row_is_written,
                    });
                }
                Step::Do(_) if claim.is_stopped() => {
                    if self.is_cancelled(unit).await? {
                        let law = &self.craft.law;
                        let end = law.cancelled(work, &journal, performer.dropped());
                        return Ok(Ended::of(end));
                    }
                    if claim.leave(&self.store).await? {
                        return Err(Trouble::Stopped);
                    }
                    ahead = Some(Ahead::of(next.step));
                }
                // Every execution takes one step at least, so the unit comes forward.
                Step::Do(_) if step > 0 && clock::monotonic() >= self.slice_end => {
                    return Err(Trouble::SliceOver);
                }
                Step::Do(effects) => {
                    let is_alone = effects.len() == 1;
                    let earlier = telling.earlier.clone();
                    let performed = effects.iter().map(|effect| {
                        let (at_work, given) = ((unit, start, work), (&journal, &earlier));
                        self.effect(at_work, given, (effect, is_alone), performer, claim)
                    });
                    // What one has paid for is recorded, whatever becomes of the others.
                    let performed = telling.beside(join_all(performed)).await;
                    for taken in Trouble::first(performed)?.into_iter().flatten() {
                        telling.add(taken.telling);
                        if !taken.is_own {
                            journal.share();
                        }
                        journal.insert(taken.key, taken.recorded);
                        ahead = taken.ahead;
                    }
                }
            }
        }
        Err(Trouble::Row(format!(
            "unit {} did not end in {STEPS_MAX} steps",
            unit.key
        )))
    }

    /// Waits until it is heard that the owner has cancelled the task. A pause lets a turn end.
    async fn hears_of_cancelling(&self, unit: &UnitRow, claim: &Claim) -> Result<(), Trouble> {
        loop {
            claim.hears().await;
            if self.is_cancelled(unit).await? {
                return Ok(());
            }
        }
    }

    async fn is_cancelled(&self, unit: &UnitRow) -> Result<bool, Trouble> {
        let facts = load::facts(&self.store, &unit.key.task, &unit.owner).await?;
        Ok(advance(&facts, None).projection.status == Status::Cancelled)
    }

    /// Performs one effect and appends its entry. If another execution was first, its
    /// entry counts. `None` if it is a model call that was dropped, because the owner has
    /// cancelled the task: that closes the connection, and so stops the model.
    ///
    /// While the entry is written, its line is made, and, if the effect `is_alone` in its step, what
    /// follows from it is decided: another execution is hardly ever first. If the unit ends then, its
    /// files follow the entry at once.
    async fn effect<'a>(
        &'a self,
        (unit, start, work): (&'a UnitRow, Start, &Work),
        (journal, earlier): (&Journal, &Earlier),
        (effect, is_alone): (&Effect, bool),
        performer: &Performer<'_>,
        claim: &Claim,
    ) -> Result<Option<Taken<'a>>, Trouble> {
        let performing = performer.perform(effect);
        let answer = if let Action::Ask(_) = effect.action {
            tokio::select! {
                answer = performing => answer?,
                heard = self.hears_of_cancelling(unit, claim) => {
                    heard?;
                    return Ok(None);
                }
            }
        } else {
            performing.await?
        };
        let law = &self.craft.law;
        let (entry, _) = law.record(work, journal, effect, answer);
        let mut entry = within_limit(entry);
        if let Entry::Failed(failure) = &mut entry {
            // A service may tell what it was sent.
            failure.message = self.redactor().clean(&failure.message).into_owned();
        }
        let recorded = Arc::new(Recorded {
            fingerprint: effect.action.fingerprint(),
            entry,
        });
        let row = rows::entry(&unit.key.task, &unit.key.id(), &effect.key, &recorded);
        let row_id = row.id.clone();
        let next = OnceLock::new();
        let deciding = async {
            let step = is_alone.then(|| {
                let journal = journal.with(effect.key.clone(), Arc::clone(&recorded));
                law.decide(work, &journal)
            });
            let step = next.get_or_init(|| step).as_ref();
            let line = progress::line(law, work, journal, effect, &recorded.entry, step);
            let at_work = (unit, start, earlier);
            let told = self.ahead(at_work, step, line.as_ref()).await;
            (told, line)
        };
        let creating = async {
            let created = self.store.create(row).await?;
            let ends = next.get().and_then(Option::as_ref).and_then(Step::end);
            let files_are_there = match (&created, ends) {
                (Created::New, Some(end)) => self.write_files(unit, end).await.map(|()| true)?,
                (Created::New | Created::Exists, _) => false,
            };
            Ok::<_, Trouble>((created, files_are_there))
        };
        let (created, ((is_told, row_is_written), line)) =
            futures::future::join(creating, deciding).await;
        let (created, files_are_there) = created?;
        let ahead = next.into_inner().flatten().map(|step| Ahead {
            step,
            files_are_there,
            row_is_written,
        });
        let (recorded, is_own, line) = match created {
            Created::New => (recorded, true, line),
            Created::Exists => {
                let theirs = Arc::new(self.theirs(&row_id, &effect.key).await?);
                let line = progress::line(law, work, journal, effect, &theirs.entry, None);
                (theirs, false, line)
            }
        };
        let told_before = is_told && is_own;
        let ahead = ahead.filter(|_| is_own);
        let feed = self.feed(unit);
        let telling = async move {
            let is_told = match &line {
                Some(_) if told_before => true,
                Some(line) if is_own => feed.tell(line).await?,
                Some(_) => false,
                None => true,
            };
            match is_told {
                true => Ok(()),
                // Whoever told of it before has lost the entry: this one counts.
                false => feed.correct(line.as_slice()).await,
            }
        };
        Ok(Some(Taken {
            key: effect.key.clone(),
            recorded,
            is_own,
            ahead,
            telling: telling.boxed(),
        }))
    }

    /// What follows if the entry that is being written counts. If the unit ends then, its last line
    /// is written meanwhile, and its row if only people read that. Whoever ends it otherwise, after
    /// all, corrects the line, and writes the row anew before its result. Returns whether the line is
    /// told and whether the row is written: a failure is met again, and told of, by whoever records
    /// the end.
    async fn ahead(
        &self,
        (unit, start, earlier): (&UnitRow, Start, &Earlier),
        step: Option<&Step>,
        line: Option<&Line>,
    ) -> (bool, bool) {
        let Some(end) = step.and_then(Step::end) else {
            return (false, false);
        };
        // In the order in which people are to read them.
        let last = async {
            match line {
                Some(line) => matches!(self.feed(unit).tell(line).await, Ok(true)),
                None => false,
            }
        };
        let is_told = earlier.and_then(last).await;
        let row_is_written =
            !is_input(unit.key.kind) && self.write_row(unit, end, start).await.is_ok();
        (is_told, row_is_written)
    }

    /// The entry that another execution has recorded for the effect `wanted`.
    async fn theirs(&self, row_id: &str, wanted: &str) -> Result<Recorded, Trouble> {
        let theirs = self.store.get("journal", row_id).await?;
        let theirs = theirs
            .ok_or_else(|| Trouble::Row(format!("journal entry `{row_id}` is there and is not")))?;
        let (key, recorded) = load::read_entry(&theirs)?;
        if key != wanted {
            return Err(Trouble::Row(format!(
                "journal entry `{row_id}` belongs to `{key}`, not to `{wanted}`"
            )));
        }
        Ok(recorded)
    }
}

/// Whether other units read what stands in the row of one: the plan, and which release is served.
/// An end that does not count must never stand there.
fn is_input(kind: UnitKind) -> bool {
    match kind {
        UnitKind::Import | UnitKind::Plan | UnitKind::Deployment | UnitKind::Preview => true,
        UnitKind::Assignment | UnitKind::Review | UnitKind::Release => false,
    }
}

/// What a unit needs next.
struct Ahead {
    step: Step,
    /// Whether the files of this end are there already.
    files_are_there: bool,
    /// Whether the unit's own row holds this end already.
    row_is_written: bool,
}

impl Ahead {
    fn of(step: Step) -> Self {
        Self {
            step,
            files_are_there: false,
            row_is_written: false,
        }
    }
}

/// An effect that was performed and recorded.
struct Taken<'a> {
    key: String,
    recorded: Arc<Recorded>,
    /// Whether this execution recorded it.
    is_own: bool,
    /// What follows, if that is known.
    ahead: Option<Ahead>,
    /// Writes its line.
    telling: BoxFuture<'a, Result<(), Trouble>>,
}
