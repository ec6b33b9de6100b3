//! What the orchestrator adds to the time that the services take, for one task and for many at
//! once. The shape: one call plans, eight agents make three calls each side by side, one call
//! reviews, one publishes, one deploys, each [`LATENCY`](crate::services::LATENCY) long.

use std::time::Duration;

use local::store::Durability;

use crate::disk;
use crate::orchestrator::{Orchestrator, PARALLELISM, SLOTS, Services};
use crate::quiet;
use crate::services::LATENCY;
use crate::table::{Goal, Table};

/// Calls one after the other.
const CALLS_IN_A_ROW: u32 = 1 + 3 + 1 + 1 + 1;
/// Tasks that are measured one by one.
const ALONE: usize = 15;
/// Tasks at once.
const TOGETHER: usize = 50;
const FULL_GOAL_MS: f64 = 56.0;
const NORMAL_GOAL_MS: f64 = 30.0;
const TOGETHER_WALL_GOAL_S: f64 = 0.96;
const TOGETHER_CPU_GOAL_S: f64 = 0.87;
/// About what a commit of the platform appends to its log.
const COMMIT_BYTES: usize = 8 * 1024;

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Measures and tells.
pub(crate) async fn measure(table: &mut Table) -> anyhow::Result<()> {
    let path = LATENCY * CALLS_IN_A_ROW;
    table.add("slots", "slots of the platform", f64::from(SLOTS), "", None);
    table.add(
        "parallelism",
        "agents of a task at once",
        PARALLELISM as f64,
        "",
        None,
    );
    table.add(
        "path_ms",
        "the services' own time on the critical path",
        ms(path),
        "ms",
        None,
    );
    let each = 1e3 / disk::fsyncs_per_second(COMMIT_BYTES)?;
    table.add(
        "fdatasync_ms",
        "an fdatasync of this disk",
        each,
        "ms",
        None,
    );
    let quiet = quiet::measure().await?;
    table.add(
        "row_us",
        "a row created right after another",
        quiet.at_once_us,
        "us",
        None,
    );
    table.add(
        "row_after_quiet_us",
        "  after as much quiet as a call leaves",
        quiet.after_quiet_us,
        "us",
        None,
    );
    alone(table, Durability::Full, path).await?;
    alone(table, Durability::Normal, path).await?;
    together(table).await
}

async fn alone(table: &mut Table, sync: Durability, path: Duration) -> anyhow::Result<()> {
    let services = Services::start(PARALLELISM)?;
    let data = tempfile::tempdir()?;
    let orchestrator = Orchestrator::start(data.path(), sync, &services)?;
    let person = orchestrator.user()?;
    let first = person.run(1).await?.into_iter().sum::<Duration>();
    let mut took = Vec::new();
    for _ in 0..ALONE {
        took.extend(person.run(1).await?);
    }
    took.sort();
    let median = took.get(took.len() / 2).copied().unwrap_or_default();
    let above = |time: Duration| ms(time) - ms(path);
    let (key, what, goal, cold, cold_what) = match sync {
        Durability::Full => (
            "overhead_ms_full",
            "one task above it, --sync full, median",
            FULL_GOAL_MS,
            "overhead_ms_full_cold",
            "  the first task, with seven cold starts",
        ),
        Durability::Normal => (
            "overhead_ms_normal",
            "one task above it, --sync normal, median",
            NORMAL_GOAL_MS,
            "overhead_ms_normal_cold",
            "  the first task, with seven cold starts",
        ),
    };
    table.add(key, what, above(median), "ms", Some(Goal::AtMost(goal)));
    table.add(cold, cold_what, above(first), "ms", None);
    Ok(())
}

async fn together(table: &mut Table) -> anyhow::Result<()> {
    let services = Services::start(PARALLELISM)?;
    let data = tempfile::tempdir()?;
    let orchestrator = Orchestrator::start(data.path(), Durability::Normal, &services)?;
    let person = orchestrator.user()?;
    person.run(1).await?;
    let before = (orchestrator.cpu(), services.cpu());
    let took = person.run(TOGETHER).await?;
    let after = (orchestrator.cpu(), services.cpu());
    let wall = took.last().copied().unwrap_or_default().as_secs_f64();
    let cpu = (after.0.saturating_sub(before.0)).as_secs_f64();
    let outside = (after.1.saturating_sub(before.1)).as_secs_f64();
    let (platform, functions) = orchestrator.memory();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let goal = |most| Some(Goal::AtMost(most));
    table.add(
        "fifty_wall_s",
        "50 tasks at once, until the last is done",
        wall,
        "s",
        goal(TOGETHER_WALL_GOAL_S),
    );
    table.add(
        "fifty_cpu_s",
        "  processor time of platform and functions",
        cpu,
        "s",
        goal(TOGETHER_CPU_GOAL_S),
    );
    table.add(
        "fifty_services_cpu_s",
        "  processor time of the measured services",
        outside,
        "s",
        None,
    );
    table.add(
        "fifty_platform_mb",
        "  memory of the platform",
        megabytes(platform),
        "MB",
        None,
    );
    table.add(
        "fifty_functions_mb",
        "  memory of all functions",
        megabytes(functions),
        "MB",
        None,
    );
    Ok(())
}
