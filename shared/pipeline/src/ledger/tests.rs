use super::*;
use crate::ids::{TaskId, UnitKey, UnitKind};

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn unit(name: &str) -> UnitId {
    UnitKey {
        task: TaskId::of_request("owner", "request"),
        kind: UnitKind::Assignment,
        generation: 1,
        round: 1,
        name: name.to_owned(),
    }
    .id()
}

fn purse(name: &str, limit: u64) -> Purse {
    Purse::new(unit(name), "e1".to_owned(), limit, Book::default())
}

/// Reserves and lets the purse learn its own row.
fn reserved(purse: &mut Purse, key: &str, need: u64) -> LedgerRow {
    let Reserve::Write(row) = purse.reserve(key, need) else {
        panic!("{key} does not fit");
    };
    purse.learn(&row);
    *row
}

#[test]
fn what_is_reserved_is_not_there_for_others() {
    let (mut a, mut b) = (purse("a", 100), purse("b", 100));
    let row = reserved(&mut a, "t0", 60);
    b.learn(&row);
    assert_eq!(b.reserve("t0", 60), Reserve::Wait);
    a.settle(row.book.number, 20);
    let settled = a.flush().unwrap();
    assert_eq!((settled.book.spent, settled.book.reserved), (20, 0));
    b.learn(&settled);
    assert!(matches!(b.reserve("t0", 60), Reserve::Write(_)));
}

#[test]
fn a_cost_that_no_call_has_stands_in_the_ledger_as_far_as_a_column_holds_it() {
    let mut a = purse("a", 100);
    let first = reserved(&mut a, "t0", 50);
    let second = reserved(&mut a, "t1", 50);
    a.settle(first.book.number, u64::MAX);
    a.settle(second.book.number, u64::MAX);
    let settled = a.flush().unwrap();
    assert_eq!((settled.book.spent, settled.book.reserved), (SUM_MAX, 0));
}

#[test]
fn a_row_settles_and_reserves_at_once() {
    let mut a = purse("a", 100);
    let first = reserved(&mut a, "t0", 60);
    a.settle(first.book.number, 20);
    let second = reserved(&mut a, "t1", 70);
    assert_eq!(
        second.settled,
        [Settled {
            number: 1,
            micro_usd: 20
        }]
    );
    assert_eq!(
        second.book,
        Book {
            number: 2,
            spent: 20,
            reserved: 70
        }
    );
}

#[test]
fn what_can_never_fit_is_said_and_not_waited_for() {
    let mut a = purse("a", 100);
    let row = reserved(&mut a, "t0", 60);
    a.settle(row.book.number, 60);
    let Reserve::Exhausted(call) = a.reserve("t1", 41) else {
        panic!("it fits");
    };
    assert_eq!((call.spent_micro_usd, call.needed_micro_usd), (60, 41));
    a.raise(101);
    assert!(matches!(a.reserve("t1", 41), Reserve::Write(_)));
}

#[test]
fn an_answer_that_was_lost_counts_at_its_worst() {
    let mut dead = purse("a", 100);
    let rows = [reserved(&mut dead, "t0", 30), reserved(&mut dead, "t1", 40)];
    let mut heir = Purse::new(unit("a"), "e2".to_owned(), 100, rows[1].book);
    heir.take_over(&rows, &BTreeMap::from([("t0".to_owned(), Bill::Cost(5))]));
    assert_eq!(heir.flush().unwrap().book.spent, 45);
}

#[test]
fn what_the_heir_has_settled_is_not_settled_again() {
    let mut old = purse("a", 100);
    let rows = [reserved(&mut old, "t0", 30)];
    let mut heir = Purse::new(unit("a"), "e2".to_owned(), 100, rows[0].book);
    heir.take_over(&rows, &BTreeMap::new());
    let settled = heir.flush().unwrap();
    // The old one was only slow.
    old.settle(1, 10);
    old.learn(&settled);
    assert_eq!(old.flush(), None);
}

#[test]
fn rows_out_of_order_teach_nothing() {
    let (mut a, mut b) = (purse("a", 100), purse("b", 100));
    reserved(&mut a, "t0", 1);
    let second = reserved(&mut a, "t1", 1);
    b.learn(&second);
    assert_eq!(b.number(), 0);
}

/// An agent of the property test: between its calls, waiting, or in one.
struct Agent {
    purse: Purse,
    execution: u32,
    in_call: Option<(u64, u64)>,
    calls: u64,
    is_over: bool,
}

/// The largest sum that was ever spent or could have been, over the limit, and the calls made.
fn overshoot(seed: u64, agents: u64) -> (u64, u64) {
    let mut dice = Dice(seed);
    let limit = 1_000 + dice.below(1_000_000);
    let mut rows: Vec<LedgerRow> = Vec::new();
    // What calls have cost, whether anybody learned of it or not, and what those under way can.
    let (mut charged, mut worst, mut made) = (0, 0, 0);
    let mut all: Vec<Agent> = (0..agents)
        .map(|number| Agent {
            purse: purse(&format!("a{number}"), limit),
            execution: 1,
            in_call: None,
            calls: 1 + dice.below(12),
            is_over: false,
        })
        .collect();
    while all.iter().any(|agent| !agent.is_over) {
        let place = usize::try_from(dice.below(agents)).unwrap();
        let agent = &mut all[place];
        if agent.is_over {
            continue;
        }
        match agent.in_call.take() {
            Some((_, need)) if dice.below(20) == 0 => {
                // It dies; what its call cost is never told. Another execution takes over.
                charged += dice.below(need + 1);
                agent.execution += 1;
                let execution = format!("e{}", agent.execution);
                let (id, book) = (unit(&format!("a{place}")), rows.last().unwrap().book);
                let own: Vec<_> = rows.iter().filter(|row| row.unit == id).cloned().collect();
                agent.purse = Purse::new(id, execution, limit, book);
                agent.purse.take_over(&own, &BTreeMap::new());
            }
            Some((number, need)) => {
                let cost = dice.below(need + 1);
                charged += cost;
                agent.purse.settle(number, cost);
            }
            None if agent.calls == 0 => match agent.purse.flush() {
                Some(row) => write(&mut rows, &mut agent.purse, &row),
                None => agent.is_over = true,
            },
            None => {
                let part = 1 + dice.below(64);
                let need = 1 + dice.below(1 + limit / part);
                match agent.purse.reserve("t", need) {
                    Reserve::Write(row) => {
                        write(&mut rows, &mut agent.purse, &row);
                        if agent.purse.number() == row.book.number && rows.last() == Some(&*row) {
                            agent.in_call = Some((row.book.number, need));
                            agent.calls -= 1;
                            made += 1;
                        }
                    }
                    Reserve::Wait => match agent.purse.flush() {
                        Some(row) => write(&mut rows, &mut agent.purse, &row),
                        None => catch_up(&rows, &mut agent.purse),
                    },
                    Reserve::Exhausted(_) => agent.calls = 0,
                }
            }
        }
        let under_way: u64 = all
            .iter()
            .filter_map(|agent| agent.in_call)
            .map(|(_, need)| need)
            .sum();
        worst = worst.max(charged + under_way);
    }
    let last = rows.last().unwrap().book;
    assert_eq!(last.reserved, 0, "everything is settled in the end");
    assert!(last.spent >= charged, "nothing that was charged is missing");
    (worst.max(last.spent).saturating_sub(limit), made)
}

/// Creates a row, unless its number is taken: then the purse learns who was first.
fn write(rows: &mut Vec<LedgerRow>, purse: &mut Purse, row: &LedgerRow) {
    if rows.len() as u64 + 1 == row.book.number {
        rows.push(row.clone());
    }
    catch_up(rows, purse);
}

fn catch_up(rows: &[LedgerRow], purse: &mut Purse) {
    for row in rows {
        purse.learn(row);
    }
}

#[test]
fn parallel_agents_never_overspend_together() {
    let (mut made, mut most) = (0, 0);
    for seed in 0..200 {
        let (over, calls) = overshoot(seed, 64);
        assert_eq!(over, 0, "seed {seed}");
        (made, most) = (made + calls, most.max(over));
    }
    println!("64 agents, {made} calls: overshoot {most} micro-USD");
    assert!(made > 20_000, "only {made} calls were made");
}

#[test]
fn what_is_dropped_counts_at_its_worst() {
    let mut a = purse("a", 100);
    let known = reserved(&mut a, "t0", 30);
    let dropped = reserved(&mut a, "t1", 50);
    a.settle(known.book.number, 10);
    a.abandon();
    let row = a.flush().unwrap();
    assert_eq!((row.book.spent, row.book.reserved), (60, 0));
    assert_eq!(row.settled.len(), 2);
    a.learn(&row);
    a.abandon();
    assert_eq!(a.flush(), None, "{dropped:?}");
}
