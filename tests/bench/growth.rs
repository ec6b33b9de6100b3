//! What one more task costs as tasks grow, and as the database does: requests, rows, bytes and
//! time. Per assignment the first three, and per task all of them, shall stay what they were.

use std::time::Duration;

use local::store::Durability;

use crate::orchestrator::{Orchestrator, Person, Services, Work};
use crate::table::{Goal, Table};

/// Assignments of the tasks that are compared.
const ASSIGNMENTS: [usize; 3] = [1, 8, 64];
/// Tasks in the database at which another one is measured.
const TASKS: [usize; 3] = [10, 100, 1_000];
/// Tasks that are handed in at once to fill the database.
const BATCH: usize = 30;
/// Tasks measured at each size; their median time counts.
const MEASURED: usize = 5;
/// What the thousandth task may cost more than the tenth; and an assignment of 64 more than one
/// of 8.
const GROWTH_GOAL: f64 = 1.25;

/// What one task cost.
struct Cost {
    work: Work,
    time: Duration,
}

/// Measures and tells.
pub(crate) async fn measure(table: &mut Table) -> anyhow::Result<()> {
    by_assignments(table).await?;
    by_tasks(table).await
}

async fn by_assignments(table: &mut Table) -> anyhow::Result<()> {
    let mut each = Vec::new();
    for count in ASSIGNMENTS {
        let services = Services::start(count)?;
        let data = tempfile::tempdir()?;
        let mut orchestrator = Orchestrator::start(data.path(), Durability::Normal, &services)?;
        let person = orchestrator.user()?.with_assignments(count);
        person.run(1).await?;
        let cost = one(&mut orchestrator, &person).await?;
        let (requests, rows, bytes) = cost.work.per(count);
        let (keys, what): ([&str; 4], &str) = match count {
            1 => (
                ["requests_1", "rows_1", "bytes_1", "ms_1"],
                "a task of 1 assignment: requests",
            ),
            8 => (
                ["requests_8", "rows_8", "bytes_8", "ms_8"],
                "for each of 8 assignments: requests",
            ),
            _ => (
                ["requests_64", "rows_64", "bytes_64", "ms_64"],
                "for each of 64 assignments: requests",
            ),
        };
        table.add(keys[0], what, requests, "", None);
        table.add(keys[1], "  rows", rows, "", None);
        table.add(keys[2], "  bytes of the database", bytes, "B", None);
        table.add(
            keys[3],
            "  milliseconds of the whole task",
            cost.time.as_secs_f64() * 1e3,
            "ms",
            None,
        );
        each.push((requests, rows));
    }
    if let [_, eight, sixty_four] = each.as_slice() {
        let goal = || Some(Goal::AtMost(GROWTH_GOAL));
        table.add(
            "requests_growth",
            "requests for an assignment, of 64 to of 8",
            sixty_four.0 / eight.0,
            "",
            goal(),
        );
        table.add(
            "rows_growth",
            "rows for an assignment, of 64 to of 8",
            sixty_four.1 / eight.1,
            "",
            goal(),
        );
    }
    Ok(())
}

async fn by_tasks(table: &mut Table) -> anyhow::Result<()> {
    let services = Services::start(1)?;
    let data = tempfile::tempdir()?;
    let mut orchestrator = Orchestrator::start(data.path(), Durability::Normal, &services)?;
    let person = orchestrator.user()?.with_assignments(1);
    let mut there = 0;
    let mut times = Vec::new();
    for wanted in TASKS {
        while there < wanted {
            let batch = BATCH.min(wanted - there);
            person.run(batch).await?;
            there += batch;
        }
        let mut costs = Vec::new();
        for _ in 0..MEASURED {
            costs.push(one(&mut orchestrator, &person).await?);
            there += 1;
        }
        costs.sort_by_key(|cost| cost.time);
        let Some(median) = costs.get(MEASURED / 2) else {
            continue;
        };
        let (requests, _, _) = median.work.per(1);
        let ms = median.time.as_secs_f64() * 1e3;
        let (keys, what): ([&str; 2], &str) = match wanted {
            10 => (
                ["requests_at_10", "ms_at_10"],
                "one more task with 10 in the database: requests",
            ),
            100 => (
                ["requests_at_100", "ms_at_100"],
                "one more task with 100 in the database: requests",
            ),
            _ => (
                ["requests_at_1000", "ms_at_1000"],
                "one more task with 1,000 in the database: requests",
            ),
        };
        table.add(keys[0], what, requests, "", None);
        table.add(keys[1], "  milliseconds", ms, "ms", None);
        times.push(ms);
    }
    if let [first, _, last] = times.as_slice() {
        let goal = Some(Goal::AtMost(GROWTH_GOAL));
        table.add(
            "ms_growth",
            "time of a task, with 1,000 to with 10",
            last / first,
            "",
            goal,
        );
    }
    Ok(())
}

async fn one(orchestrator: &mut Orchestrator, person: &Person) -> anyhow::Result<Cost> {
    let before = orchestrator.work()?;
    let time = person.run(1).await?.into_iter().sum();
    let after = orchestrator.work()?;
    Ok(Cost {
        work: after.since(&before),
        time,
    })
}
