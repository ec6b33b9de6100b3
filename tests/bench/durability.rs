//! Whether a write that was answered is kept, whatever happens to the platform.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use local::store::Durability;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::client::Client;
use crate::load::{Written, clients, row_id};
use crate::platform::{Process, ROWS};
use crate::table::{Goal, Table};

/// Rows of one page of the check.
const PAGE_ROWS: usize = 1_000;

/// What came of it.
pub(crate) struct Report {
    answered: u32,
    /// Answered rows that are not there.
    lost: u32,
    /// Answers other than 201.
    refused: u32,
    /// Connections that ended although the platform ran.
    cut: usize,
}

impl Report {
    /// Whether nothing was lost, refused or cut, and something was written.
    pub(crate) fn is_sound(&self) -> bool {
        self.answered > 0 && self.lost == 0 && self.refused == 0 && self.cut == 0
    }

    /// Adds the figures.
    pub(crate) fn tell(&self, table: &mut Table) {
        let cut = u32::try_from(self.cut).unwrap_or(u32::MAX);
        let none = || Some(Goal::AtMost(0.0));
        table.add(
            "answered",
            "rows answered, with a kill -9 in the middle",
            self.answered.into(),
            "",
            None,
        );
        table.add("lost", "  lost", self.lost.into(), "", none());
        table.add("refused", "  refused", self.refused.into(), "", none());
        table.add(
            "cut",
            "  connections cut without a kill",
            cut.into(),
            "",
            none(),
        );
    }
}

/// Lets `number` clients write for half of `span`, kills the platform among them, looks, and does
/// the other half on what was kept.
pub(crate) async fn run(number: usize, span: Duration) -> anyhow::Result<Report> {
    let folder = tempfile::tempdir()?;
    eprintln!("==> {number} clients for {span:?}, with a kill -9 in the middle");
    let mut process = Process::start(folder.path(), Durability::Normal, 0)?;
    let first = vec![0; number];
    // The clients do not know of the kill: they would go on for much longer.
    let writing = clients(process.port, &first, Instant::now() + 10 * span);
    let killing = async {
        tokio::time::sleep(span / 2).await;
        process.kill()
    };
    let (before, killed) = tokio::join!(writing, killing);
    killed?;
    ensure!(
        before.iter().all(|client| client.cut),
        "the platform was killed and still answered"
    );
    let mut process = Process::start(folder.path(), Durability::Normal, 0)?;
    let lost_by_kill = lost(process.port, &before).await?;
    // The row that was under way at the kill may be there: go on behind it.
    let first: Vec<u32> = before.iter().map(|client| client.rows.end + 1).collect();
    let after = clients(process.port, &first, Instant::now() + span / 2).await;
    let lost =
        lost_by_kill + lost(process.port, &before).await? + lost(process.port, &after).await?;
    process.kill()?;
    require_whole(folder.path())?;
    let all = || before.iter().chain(&after);
    Ok(Report {
        answered: all()
            .map(|client| client.rows.end - client.rows.start)
            .sum(),
        lost,
        refused: all().map(|client| client.refused).sum(),
        cut: after.iter().filter(|client| client.cut).count(),
    })
}

/// Counts the answered rows that the platform does not list.
async fn lost(port: u16, written: &[Written]) -> anyhow::Result<u32> {
    let listed = ids(port).await?;
    let mut lost = 0;
    for (client, written) in written.iter().enumerate() {
        for number in written.rows.clone() {
            lost += u32::from(!listed.contains(&row_id(client, number)));
        }
    }
    Ok(lost)
}

/// The ids of all rows, page by page.
async fn ids(port: u16) -> anyhow::Result<HashSet<String>> {
    let mut client = Client::connect(port).await?;
    let mut ids = HashSet::new();
    let mut last: Option<String> = None;
    loop {
        let mut queries = vec![
            json!({"method": "limit", "values": [PAGE_ROWS]}),
            json!({"method": "select", "values": ["$id"]}),
        ];
        queries.extend(last.map(|id| json!({"method": "cursorAfter", "values": [id]})));
        let encode =
            |query: &Value| utf8_percent_encode(&query.to_string(), NON_ALPHANUMERIC).to_string();
        let queries: Vec<String> = queries
            .iter()
            .map(|query| format!("queries[]={}", encode(query)))
            .collect();
        let page = client.get(&format!("{ROWS}?{}", queries.join("&"))).await?;
        let rows = page["rows"].as_array().context("a page has no rows")?;
        let found = rows
            .iter()
            .filter_map(|row| row["$id"].as_str().map(str::to_owned));
        let found: Vec<String> = found.collect();
        let count = found.len();
        last = found.last().cloned();
        ids.extend(found);
        if count < PAGE_ROWS {
            return Ok(ids);
        }
    }
}

/// Refuses a database that SQLite finds broken.
fn require_whole(data: &Path) -> anyhow::Result<()> {
    let path = data.join("platform").join(local::kernel::DATABASE_FILE);
    let found: String =
        Connection::open(path)?.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(found == "ok", "the database is broken: {found}");
    Ok(())
}
