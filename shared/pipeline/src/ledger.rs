//! Money is reserved before it is spent, so that parallel agents can not overspend together.
//!
//! A task's ledger is a chain of rows: row `n` says what was spent and reserved after it, and
//! can be created by one only, so it is the compare-and-swap. A row settles calls that have
//! been answered and reserves the worst case of the next one. Whoever finds his row's number
//! taken first learns what the others wrote, so nothing is settled twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::facts::{Fact, Facts};
use crate::ids::UnitId;
use crate::limits::SUM_MAX;
use crate::unit::Bill;

/// What stands in the ledger after one of its rows. Amounts are millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// The row's number, 0 before the first.
    pub number: u64,
    /// What answered calls cost, and lost ones at their worst.
    pub spent: u64,
    /// The worst case of calls that are under way.
    pub reserved: u64,
}

/// One row of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// What stands in the ledger after it.
    pub book: Book,
    /// The unit that wrote it.
    pub unit: UnitId,
    /// The execution that wrote it: two of one unit never write the same row.
    pub execution: String,
    /// Reservations that it settles.
    pub settled: Vec<Settled>,
    /// What it reserves. The row's number is the reservation's.
    pub reserved: Option<Reserved>,
}

/// A reservation that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// Number of the row that made it.
    pub number: u64,
    /// What the call cost.
    pub micro_usd: u64,
}

/// The worst case of a call that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reserved {
    /// The effect's key.
    pub key: String,
    /// What the call can cost at most.
    pub micro_usd: u64,
}

/// The fact that a call did not fit into a task's budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Exhausted {
    /// The budget as it was.
    pub limit_micro_usd: u64,
    /// What was spent.
    pub spent_micro_usd: u64,
    /// What the next call can cost at most.
    pub needed_micro_usd: u64,
}

/// What to do to reserve the worst case of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserve {
    /// Create this row.
    Write(Box<LedgerRow>),
    /// The rest of the budget is reserved by calls under way: wait until they are settled.
    Wait,
    /// It can never fit.
    Exhausted(Exhausted),
}

/// The ledger as one execution of a unit knows it.
#[derive(Clone, Debug)]
pub struct Purse {
    unit: UnitId,
    execution: String,
    limit: u64,
    book: Book,
    /// The unit's own reservations, by number.
    open: BTreeMap<u64, Open>,
}

#[derive(Clone, Debug)]
struct Open {
    /// The effect that it is for.
    key: String,
    micro_usd: u64,
    /// What the call cost, once that is known.
    cost: Option<u64>,
}

impl Purse {
    /// A purse with what the ledger's newest row says.
    pub fn new(unit: UnitId, execution: String, limit: u64, book: Book) -> Self {
        Self {
            unit,
            execution,
            limit,
            book,
            open: BTreeMap::new(),
        }
    }

    /// Number of the newest row it knows.
    pub fn number(&self) -> u64 {
        self.book.number
    }

    /// The budget.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The owner has raised the budget.
    pub fn raise(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
    }

    /// Takes over what earlier executions of the unit reserved and did not settle, given all
    /// rows that the unit has written. `bills` are those of the recorded calls, by key; a
    /// call without one may have been billed and is settled at its worst.
    pub fn take_over(&mut self, rows: &[LedgerRow], bills: &BTreeMap<String, Bill>) {
        let mut bills = bills.clone();
        for row in rows {
            if let Some(reserved) = &row.reserved {
                let micro_usd = reserved.micro_usd;
                let cost = match bills.remove(&reserved.key) {
                    Some(Bill::Cost(cost)) => Some(cost),
                    Some(Bill::Open) => None,
                    None => Some(micro_usd),
                };
                let open = Open {
                    key: reserved.key.clone(),
                    micro_usd,
                    cost,
                };
                self.open.insert(row.book.number, open);
            }
        }
        for settled in rows.iter().flat_map(|row| &row.settled) {
            self.open.remove(&settled.number);
        }
    }

    /// How to reserve `need` for the call of effect `key`.
    pub fn reserve(&self, key: &str, need: u64) -> Reserve {
        let row = self.row(Some(Reserved {
            key: key.to_owned(),
            micro_usd: need,
        }));
        if row.book.spent.saturating_add(row.book.reserved) <= self.limit {
            return Reserve::Write(Box::new(row));
        }
        if row.book.spent.saturating_add(need) <= self.limit {
            return Reserve::Wait;
        }
        Reserve::Exhausted(Exhausted {
            limit_micro_usd: self.limit,
            spent_micro_usd: row.book.spent,
            needed_micro_usd: need,
        })
    }

    /// The row that settles what is known and was not settled yet, if there is anything.
    pub fn flush(&self) -> Option<LedgerRow> {
        let row = self.row(None);
        (!row.settled.is_empty()).then_some(row)
    }

    fn row(&self, reserved: Option<Reserved>) -> LedgerRow {
        let mut book = self.book;
        book.number += 1;
        let mut settled = Vec::new();
        for (number, open) in &self.open {
            if let Some(cost) = open.cost {
                book.reserved = book.reserved.saturating_sub(open.micro_usd);
                book.spent = book.spent.saturating_add(cost).min(SUM_MAX);
                settled.push(Settled {
                    number: *number,
                    micro_usd: cost,
                });
            }
        }
        if let Some(reserved) = &reserved {
            book.reserved = book.reserved.saturating_add(reserved.micro_usd);
        }
        LedgerRow {
            book,
            unit: self.unit.clone(),
            execution: self.execution.clone(),
            settled,
            reserved,
        }
    }

    /// Takes in the next row of the ledger, whoever wrote it. Rows must come in order,
    /// without a gap; others are ignored.
    pub fn learn(&mut self, row: &LedgerRow) {
        if row.book.number != self.book.number + 1 {
            return;
        }
        self.book = row.book;
        for settled in &row.settled {
            self.open.remove(&settled.number);
        }
        let is_own = row.unit == self.unit && row.execution == self.execution;
        if let (Some(reserved), true) = (&row.reserved, is_own) {
            let open = Open {
                key: reserved.key.clone(),
                micro_usd: reserved.micro_usd,
                cost: None,
            };
            self.open.insert(row.book.number, open);
        }
    }

    /// Its calls under way were dropped: each may have been billed and counts at its worst.
    pub fn abandon(&mut self) {
        for open in self.open.values_mut() {
            open.cost.get_or_insert(open.micro_usd);
        }
    }

    /// The call of reservation `number` is over and cost this much. It stands in the ledger
    /// with the next row; nothing happens if somebody has settled it meanwhile.
    pub fn settle(&mut self, number: u64, micro_usd: u64) {
        if let Some(open) = self.open.get_mut(&number) {
            open.cost = Some(micro_usd);
        }
    }

    /// What was taken for lost was handed in under `key`: its answer will tell what it cost.
    /// Nothing happens where that was written down already.
    pub fn reopen(&mut self, key: &str) {
        for open in self.open.values_mut().filter(|open| open.key == key) {
            open.cost = None;
        }
    }

    /// The call that was handed in under `key` is answered and cost this much.
    pub fn settle_handed_in(&mut self, key: &str, micro_usd: u64) {
        for open in self.open.values_mut().filter(|open| open.key == key) {
            if open.cost.is_none() {
                open.cost = Some(micro_usd);
            }
        }
    }
}

/// A task's budget: what the brief says, or what its owner raised it to.
pub fn limit(brief: Option<u64>, facts: &Facts) -> Option<u64> {
    brief.map(|limit| raised(facts).map_or(limit, |raised| raised.max(limit)))
}

/// What the owner raised the budget to, if at all.
fn raised(facts: &Facts) -> Option<u64> {
    let amounts = facts.commands().filter_map(|command| match command {
        Command::Budget { micro_usd } => Some(*micro_usd),
        Command::Approve {}
        | Command::Revise { .. }
        | Command::Edit { .. }
        | Command::FollowUp { .. }
        | Command::Pause {}
        | Command::Resume {}
        | Command::Cancel {}
        | Command::Rollback { .. }
        | Command::Retry {} => None,
    });
    amounts.max()
}

/// The call that did not fit, if the budget was not raised since.
pub fn exhausted(facts: &Facts) -> Option<&Exhausted> {
    let raised = raised(facts).unwrap_or_default();
    let calls = facts.log.iter().filter_map(|fact| match fact {
        Fact::Exhausted(exhausted) => Some(exhausted),
        Fact::Done(_) | Fact::Command(_) | Fact::Repository(_) | Fact::Closed(_) => None,
    });
    // Which one is shown must not depend on who came first.
    calls
        .filter(|call| call.limit_micro_usd >= raised)
        .max_by_key(|call| (call.needed_micro_usd, call.spent_micro_usd))
}

#[cfg(test)]
mod tests;
