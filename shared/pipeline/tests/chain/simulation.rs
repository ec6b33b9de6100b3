//! Whole tasks under seeded misfortune: events lost, doubled, delayed, stale and out of
//! order, executions that overlap and die between any two of their steps, records whose
//! writer does not learn of them, clocks that differ, agents that get stuck, builds that
//! break, and an owner who approves, revises, pauses, resumes, retries and cancels at any
//! moment.
//!
//! A schedule is made from its seed alone: `SIMULATION_SEED=n` runs that one again.
//! `SIMULATION_SCHEDULES=n` runs so many.

mod claims;
mod dice;
pub(crate) mod figures;
mod schedule;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use figures::Figures;
use schedule::Schedule;

/// Schedules of the test, unless the environment says otherwise.
const SCHEDULES: u64 = 1_000;

/// Of so many schedules one is decided once more from its rows: it costs as much as the run.
const REPLAYED_EVERY: u64 = 10;

fn number(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a person names the seeds to run")]
    std::env::var(name).ok()?.parse().ok()
}

/// Runs one schedule. One that does not end, or not well, counts as unfinished.
fn run(seed: u64) -> Figures {
    let mut schedule = Schedule::of(seed);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let status = schedule.run();
        if let Some(status) = status {
            schedule.check(status);
            if seed.is_multiple_of(REPLAYED_EVERY) {
                crate::replay::assert_same(&schedule.world);
            }
        }
        status
    }));
    let mut figures = schedule.figures;
    figures.schedules = 1;
    if !matches!(ended, Ok(Some(_))) || figures.repeated_steps + figures.duplicates > 0 {
        figures.unfinished.push(seed);
    }
    figures
}

fn run_all(seeds: std::ops::Range<u64>) -> Figures {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut figures = Figures::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return figures;
            }
            figures.add(run(seed));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut figures = Figures::default();
        for worker in workers {
            figures.add(worker.join().unwrap());
        }
        figures
    })
}

#[test]
fn every_schedule_ends_well() {
    let seeds = match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_SCHEDULES").unwrap_or(SCHEDULES),
    };
    let figures = run_all(seeds);
    let (schedules, faults) = (figures.schedules, figures.faults);
    println!(
        "figures: {{\"schedules\":{schedules},\"faults\":{faults},\"duplicates\":{},\"unfinished\":{},\"repeatedSteps\":{}}}",
        figures.duplicates,
        figures.unfinished.len(),
        figures.repeated_steps,
    );
    println!(
        "{} tasks cancelled, {} steps done by two at once",
        figures.cancelled, figures.overlaps
    );
    if let Some(seed) = figures.unfinished.iter().min() {
        panic!("repeat with SIMULATION_SEED={seed}");
    }
    assert_eq!((figures.duplicates, figures.repeated_steps), (0, 0));
    if schedules >= SCHEDULES {
        assert_eq!(figures.missed(), [], "never struck");
    }
}
