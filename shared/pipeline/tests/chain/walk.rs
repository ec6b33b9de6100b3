//! The systematic walk: every fault at every effect and at every unit's end of many kinds of
//! runs, one at a time. The end is always the one of the run without a fault.

pub(crate) mod runs;
pub(crate) mod walker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use pipeline::effect::Change;
use pipeline::messages::Line;
use pipeline::{Fact, Outcome, Status, UnitKind};
use serde_json::Value;

use crate::simulation::figures::ACTIONS;
use runs::{Run, all};
use walker::{At, EFFECT_FAULTS, END_FAULTS, Fault, Walker};

/// What was struck, where, and how often.
type Struck = BTreeMap<(&'static str, At), usize>;

/// What must be the same whatever happened on the way.
#[derive(Debug, PartialEq)]
struct Outside {
    status: Status,
    manifest: String,
    repositories: BTreeSet<String>,
    commits: BTreeSet<String>,
    deployments: BTreeSet<(String, String)>,
    /// By branch.
    pull_requests: Vec<String>,
    changes: Vec<Change>,
}

/// What must be the same, too, where nothing has failed for good.
#[derive(Debug, PartialEq)]
struct Inside {
    units: Vec<String>,
    /// In any order.
    done: Vec<String>,
    commands: Vec<String>,
    /// In any order.
    told: Vec<String>,
}

fn outside(walker: &Walker) -> Outside {
    let world = &walker.world;
    Outside {
        status: world.status(),
        manifest: world.workspace().manifest_hash(),
        repositories: world.repositories.clone(),
        commits: world.commits.clone(),
        deployments: world.deployments.clone(),
        pull_requests: world.pull_requests.keys().cloned().collect(),
        changes: world.changes.clone(),
    }
}

fn inside(walker: &Walker) -> Inside {
    let world = &walker.world;
    let json = |fact: &Fact| serde_json::to_string(fact).unwrap();
    let done = world.facts.log.iter();
    let done = done.filter(|fact| matches!(fact, Fact::Done(_)));
    let mut done: Vec<String> = done.map(json).collect();
    done.sort();
    let commands = world.facts.commands();
    // What was read by an execution that died is handed in again.
    let is_handed_in = |line: &Line| {
        ["submitted", "lost"]
            .map(Value::from)
            .contains(&line.data["kind"])
    };
    let told = world.told.iter().filter(|(_, line)| !is_handed_in(line));
    let mut told: Vec<String> = told.map(|it| format!("{it:?}")).collect();
    told.sort();
    Inside {
        units: world.units.keys().cloned().collect(),
        done,
        commands: commands.map(|it| it.as_str().to_owned()).collect(),
        told,
    }
}

/// The steps that ended with a result, in any order, whatever their generation.
fn succeeded(walker: &Walker) -> Vec<(UnitKind, u32, String)> {
    let done = walker.world.facts.done();
    let done = done.filter(|done| !matches!(done.outcome, Outcome::Failed(_)));
    let mut done: Vec<_> = done
        .map(|done| (done.unit.kind, done.unit.round, done.unit.name.clone()))
        .collect();
    done.sort();
    done
}

/// Walks `run` with one fault and compares its end with that of the run without.
fn compare(run: &Run, plain: &Walker, moments: &[Walker], fault: Fault) -> (&'static str, At) {
    let mut walker = fault.before(moments);
    walker.run();
    let place = format!("{}: {fault:?} of {:?}", run.name, walker.struck);
    let struck = walker.struck.take().expect(&place);
    assert_eq!(outside(&walker), outside(plain), "{place}");
    let further = walker.retries.saturating_sub(run.retries);
    if fault.at == At::Permanent {
        assert!(walker.retries > 0 && further <= 1, "{place}");
        assert_eq!(succeeded(&walker), succeeded(plain), "{place}");
        assert!(walker.world.calls.values().all(|it| *it == 1), "{place}");
    } else {
        assert_eq!(walker.retries, run.retries, "{place}");
        assert_eq!(inside(&walker), inside(plain), "{place}");
        let mut calls = plain.world.calls.clone();
        if matches!(fault.at, At::Twice | At::Performed)
            && struck.is_paid_twice
            && let Some(count) = calls.get_mut(&struck.call)
        {
            *count += 1;
        }
        assert_eq!(walker.world.calls, calls, "{place}");
    }
    (struck.what, fault.at)
}

/// Walks `run` with each fault at each of its places.
fn walk(run: &Run) -> Struck {
    let mut plain = Walker::of(run);
    let moments = plain.run();
    assert_eq!(plain.world.status(), Status::Completed, "{}", run.name);
    assert_eq!(plain.retries, run.retries, "{}", run.name);
    let effects = (0..plain.effects).flat_map(|index| EFFECT_FAULTS.map(|at| Fault { index, at }));
    let ends = plain.ends.iter().enumerate();
    let ends = ends.flat_map(|(index, created)| {
        let faults = END_FAULTS.into_iter();
        let faults = faults.filter(|at| *at != At::Created || *created > 0);
        faults.map(move |at| Fault { index, at })
    });
    let mut struck = Struck::new();
    for fault in effects.chain(ends) {
        *struck
            .entry(compare(run, &plain, &moments, fault))
            .or_default() += 1;
    }
    struck
}

fn walk_all(runs: &[Run]) -> Struck {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut struck = Struck::new();
        while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            for (pair, count) in walk(run) {
                *struck.entry(pair).or_default() += count;
            }
        }
        struck
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut struck = Struck::new();
        for worker in workers {
            for (pair, count) in worker.join().unwrap() {
                *struck.entry(pair).or_default() += count;
            }
        }
        struck
    })
}

#[test]
fn every_fault_everywhere_reaches_same_end() {
    let struck = walk_all(&all());
    let effects = ACTIONS
        .into_iter()
        .flat_map(|what| EFFECT_FAULTS.map(|at| (what, at)));
    let ends = UnitKind::ALL
        .map(UnitKind::as_str)
        .into_iter()
        .flat_map(|what| END_FAULTS.map(|at| (what, at)));
    let wanted: BTreeSet<_> = effects.chain(ends).collect();
    let hit: BTreeSet<_> = struck.keys().copied().collect();
    assert_eq!(hit, wanted);
    println!("{} faults walked", struck.values().sum::<usize>());
}
