//! Exports: everything that is recorded of tasks, in one file, and back.
//!
//! A task is read so that what comes later in the file holds all that comes before tells of, and
//! written so that nobody sees it before it is whole. Claims are leases of executions that run
//! somewhere: they are left out, and an import leaves one of its own on every unit.

pub(crate) mod archive;
mod known;
pub(crate) mod operator;
pub(crate) mod reader;
pub(crate) mod writer;

use pipeline::UnitKind;

/// The tables of a task's machinery and results that start no function, in the order in which an
/// import writes them. The task's own row comes last of all.
const PLAIN: [&str; 6] = ["briefs", "journal", "ledger", "gates", "files", "progress"];

/// Rows of one page: as large as the rows of the table may be, a page fits an answer of Appwrite.
const fn rows_a_page(table: &str) -> u32 {
    match table.as_bytes() {
        b"plans" => 10,
        b"journal" | b"deployments" => 20,
        b"files" => 50,
        _ => 100,
    }
}

/// Whether `table` starts a function by a new row.
fn is_trigger(table: &str) -> bool {
    UnitKind::TABLES.contains(&table)
}
