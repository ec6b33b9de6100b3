//! What a request takes after a quiet time. Each call of the overhead's shape leaves one, in which
//! the processor sleeps and other work takes its caches: the same work takes longer then.

use std::ops::Range;
use std::time::Duration;

use anyhow::ensure;
use http::StatusCode;
use local::store::Durability;
use serde_json::json;

use crate::client::Client;
use crate::load::median_us;
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
    let (warm, at_once) = (WARM_UP, WARM_UP + TIMED);
    rows(&mut client, 0..warm, None).await?;
    Ok(Times {
        at_once_us: rows(&mut client, warm..at_once, None).await?,
        after_quiet_us: rows(&mut client, at_once..at_once + TIMED, Some(LATENCY)).await?,
    })
}

/// Creates the rows of these numbers, each after so much quiet. Returns the median.
async fn rows(
    client: &mut Client,
    numbers: Range<usize>,
    quiet: Option<Duration>,
) -> anyhow::Result<f64> {
    let mut times = Vec::with_capacity(numbers.len());
    for number in numbers {
        if let Some(quiet) = quiet {
            tokio::time::sleep(quiet).await;
        }
        let body = json!({"rowId": format!("r{number}"), "data": {"title": "Quiet"}}).to_string();
        let (took, status) = client.post(ROWS, body).await?;
        ensure!(status == StatusCode::CREATED, "a row was answered {status}");
        times.push(took);
    }
    Ok(median_us(times.into_iter()))
}
