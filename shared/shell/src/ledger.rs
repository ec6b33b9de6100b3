//! The ledger of a task with a budget: what `pipeline::ledger` decides is written as rows.

use std::time::{Duration, Instant};

use appwrite::Query;
use pipeline::ledger::{self, Book, Exhausted, LedgerRow, Purse, Reserve};
use pipeline::unit::Journal;
use pipeline::{TaskId, UnitKey, rows};
use tokio::sync::Mutex;

use crate::clock;
use crate::load;
use crate::store::{Created, Store};
use crate::trouble::Trouble;

/// Rows of a task's ledger, or of what it gained meanwhile, that are read at most.
const ROWS_MAX: usize = 10_000;
/// How often it is looked whether others have settled what they reserved.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The ledger as one execution of a unit uses it.
pub struct Ledger<'a> {
    store: &'a Store,
    task: TaskId,
    owner: String,
    /// What the brief allows.
    brief_limit: u64,
    patience: Patience,
    purse: Mutex<Purse>,
}

/// How long an execution waits for calls of others to be settled.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until this moment.
    pub until: Instant,
    /// Then it leaves it for so long, and for the next execution at once if `None`.
    pub then: Option<Duration>,
}

/// A reservation: what the call may cost, and where it stands in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    number: u64,
    /// What was reserved, in millionths of a US dollar.
    pub micro_usd: u64,
}

impl<'a> Ledger<'a> {
    /// Opens the ledger of the task of `unit`. With `journal`, earlier executions of the unit
    /// were at work: what they reserved is taken over.
    ///
    /// # Errors
    /// What the store could not mend.
    pub async fn open(
        store: &'a Store,
        (unit, owner): (&UnitKey, &str),
        execution_id: &str,
        limit: u64,
        journal: Option<&Journal>,
        patience: Patience,
    ) -> Result<Self, Trouble> {
        let newest = vec![
            Query::equal("taskId", unit.task.as_str()),
            Query::order_desc("number"),
        ];
        let newest = read(store.list("ledger", newest, 1).await?)?;
        let book = newest.first().map_or(Book::default(), |row| row.book);
        let mut purse = Purse::new(unit.id(), execution_id.to_owned(), limit, book);
        if let Some(journal) = journal {
            let own = vec![
                Query::equal("unitId", unit.id().as_str()),
                Query::order_asc("number"),
            ];
            let own = read(store.list("ledger", own, ROWS_MAX).await?)?;
            purse.take_over(&own, &journal.bills());
        }
        Ok(Self {
            store,
            task: unit.task.clone(),
            owner: owner.to_owned(),
            brief_limit: limit,
            patience,
            purse: Mutex::new(purse),
        })
    }

    /// Reserves the worst case of the call of effect `key`. Waits while the rest of the budget
    /// is reserved by calls of others.
    ///
    /// # Errors
    /// [`Trouble::Exhausted`] if it can not fit, [`Trouble::SliceOver`] or
    /// [`Trouble::Unanswered`] if it waited for too long, and what the store could not mend.
    pub async fn reserve(&self, key: &str, micro_usd: u64) -> Result<Ticket, Trouble> {
        loop {
            if let Some(number) = self.try_reserve(key, micro_usd).await? {
                return Ok(Ticket { number, micro_usd });
            }
            if clock::monotonic() >= self.patience.until {
                return Err(match self.patience.then {
                    Some(wait) => Trouble::Unanswered { wait },
                    None => Trouble::SliceOver,
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
            self.catch_up(&mut *self.purse.lock().await).await?;
        }
    }

    /// The reservation's number, or `None` if the rest is reserved by others.
    async fn try_reserve(&self, key: &str, micro_usd: u64) -> Result<Option<u64>, Trouble> {
        let mut purse = self.purse.lock().await;
        loop {
            match purse.reserve(key, micro_usd) {
                Reserve::Write(row) => {
                    if self.write(&mut purse, &row).await? {
                        return Ok(Some(row.book.number));
                    }
                }
                // What this one has settled may be what the others wait for.
                Reserve::Wait => match purse.flush() {
                    None => return Ok(None),
                    Some(row) => {
                        self.write(&mut purse, &row).await?;
                    }
                },
                Reserve::Exhausted(call) => self.raised(&mut purse, call).await?,
            }
        }
    }

    /// Looks whether the owner has raised the budget.
    async fn raised(&self, purse: &mut Purse, call: Exhausted) -> Result<(), Trouble> {
        let facts = load::facts(self.store, &self.task, &self.owner).await?;
        let limit = ledger::limit(Some(self.brief_limit), &facts).unwrap_or_default();
        if limit <= purse.limit() {
            return Err(Trouble::Exhausted(call));
        }
        purse.raise(limit);
        Ok(())
    }

    /// The call of `ticket` is over. It stands in the ledger with the next row.
    pub async fn settle(&self, ticket: Ticket, micro_usd: u64) {
        self.purse.lock().await.settle(ticket.number, micro_usd);
    }

    /// The call that was handed in under `key` is answered and cost this much.
    pub async fn settle_handed_in(&self, key: &str, micro_usd: u64) {
        self.purse.lock().await.settle_handed_in(key, micro_usd);
    }

    /// The call that an earlier execution handed in under `key` was found at its service.
    pub async fn reopen(&self, key: &str) {
        self.purse.lock().await.reopen(key);
    }

    /// Calls under way were dropped: each counts at its worst.
    ///
    /// # Errors
    /// What the store could not mend. The unit's next execution takes it over.
    pub async fn abandon(&self) -> Result<(), Trouble> {
        let mut purse = self.purse.lock().await;
        // A reservation may have been dropped after it was written and before that was known.
        self.catch_up(&mut purse).await?;
        purse.abandon();
        Ok(())
    }

    /// Writes down what was not settled yet.
    ///
    /// # Errors
    /// What the store could not mend. The unit's next execution takes it over.
    pub async fn flush(&self) -> Result<(), Trouble> {
        let mut purse = self.purse.lock().await;
        while let Some(row) = purse.flush() {
            self.write(&mut purse, &row).await?;
        }
        Ok(())
    }

    /// Creates a row; false if its number was taken: then the purse knows who was first.
    async fn write(&self, purse: &mut Purse, row: &LedgerRow) -> Result<bool, Trouble> {
        if let Created::New = self.store.create(rows::ledger(&self.task, row)).await? {
            purse.learn(row);
            return Ok(true);
        }
        self.catch_up(purse).await?;
        Ok(false)
    }

    async fn catch_up(&self, purse: &mut Purse) -> Result<(), Trouble> {
        let since = vec![
            Query::equal("taskId", self.task.as_str()),
            Query::greater_than("number", purse.number()),
            Query::order_asc("number"),
        ];
        for row in read(self.store.list("ledger", since, ROWS_MAX).await?)? {
            purse.learn(&row);
        }
        Ok(())
    }
}

fn read(rows: Vec<appwrite::Row>) -> Result<Vec<LedgerRow>, Trouble> {
    let read = |row: &appwrite::Row| rows::read_ledger(&row.data).map_err(Trouble::Row);
    rows.iter().map(read).collect()
}
