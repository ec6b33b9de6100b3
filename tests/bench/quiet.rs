//! What a request takes after a quiet time. Each call of the overhead's shape leaves one, in which
//! the processor sleeps and other work takes its caches: the same work takes longer then.

use anyhow::ensure;
use http::StatusCode;
use local::store::Durability;
use serde_json::json;

use crate::client::Client;
use crate::deliveries::post;
use crate::load::quantile;
use crate::platform::{Process, ROWS};
use crate::services::LATENCY;

/// Requests before those that are timed: the process starts.
const WARM_UP: usize = 200;
/// Requests of each kind that are timed.
const TIMED: usize = 60;

/// Medians for one row that is created, in microseconds.
pub(crate) struct Times {
    /// Right after another.
    pub(crate) at_once_us: f64,
    /// [`LATENCY`] after another.
    pub(crate) after_quiet_us: f64,
}

/// Measures both with nothing else under way.
pub(crate) async fn measure() -> anyhow::Result<Times> {
    let folder = tempfile::tempdir()?;
    let process = Process::start(folder.path(), Durability::Normal, 0)?;
    let mut client = Client::connect(process.port).await?;
    let mut times = Vec::with_capacity(WARM_UP + 2 * TIMED);
    for number in 0..WARM_UP + 2 * TIMED {
        if number >= WARM_UP + TIMED {
            tokio::time::sleep(LATENCY).await;
        }
        let body = json!({"rowId": format!("r{number}"), "data": {"title": "Quiet"}}).to_string();
        let (took, status) = post(&mut client, ROWS, body).await?;
        ensure!(status == StatusCode::CREATED, "a row was answered {status}");
        times.push(u32::try_from(took / 1_000).unwrap_or(u32::MAX));
    }
    let median = |first: usize| {
        let mut timed: Vec<u32> = times.iter().skip(first).take(TIMED).copied().collect();
        timed.sort_unstable();
        quantile(&timed, 50)
    };
    Ok(Times {
        at_once_us: median(WARM_UP),
        after_quiet_us: median(WARM_UP + TIMED),
    })
}
