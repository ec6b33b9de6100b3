//! Everything that is recorded of a task, read from its rows.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::brief::Brief;
use crate::effect::Entry;
use crate::facts::Fact;
use crate::ids::{TaskId, UnitKey, UnitKind};
use crate::rows::{self, UnitRow};
use crate::stage::Status;
use crate::unit::Recorded;
use crate::work::{Generations, Known, Written};

/// A row as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRow {
    /// Its table.
    pub table: &'static str,
    /// Its id.
    pub id: String,
    /// Its number within the table: rows that were created later have a higher one.
    pub sequence: u64,
    /// When it was created, Unix seconds.
    pub created_unix: i64,
    /// Its columns.
    pub data: Map<String, Value>,
}

/// Everything that is recorded of a task.
#[derive(Clone, Debug)]
pub struct Record {
    pub(super) task: TaskId,
    pub(super) owner: String,
    pub(super) brief: Brief,
    /// In the order in which they were recorded.
    pub(super) facts: Vec<Fact>,
    pub(super) units: BTreeMap<UnitKey, UnitRecord>,
    /// In the order in which they were written.
    pub(super) files: Vec<FileRecord>,
    /// The columns of the task's row.
    pub(super) shown: Map<String, Value>,
    /// Rows that belong to no unit, in words.
    pub(super) strays: Vec<String>,
}

/// What is recorded of one unit.
#[derive(Clone, Debug)]
pub(super) struct UnitRecord {
    pub(super) row: UnitRow,
    pub(super) created_unix: i64,
    /// The entries with their keys, in the order in which they were recorded.
    pub(super) entries: Vec<(String, Recorded)>,
}

/// A row of a file.
#[derive(Clone, Debug)]
pub(super) struct FileRecord {
    pub(super) row_id: String,
    pub(super) path: String,
    pub(super) writer: UnitKey,
    pub(super) generation: u32,
    pub(super) data: Map<String, Value>,
}

impl Record {
    /// Reads the rows of `task`, in any order; of a task that goes on, the journal must have been
    /// read before the others, so that these hold all that it tells of: those of `tasks`, `briefs`, `plans`,
    /// `assignments`, `reviews`, `releases`, `deployments`, `files` and `journal`. Others are
    /// left aside.
    ///
    /// # Errors
    /// Which row is missing or can not be read. Not worth a retry.
    pub fn read(task: &TaskId, rows: &[StoredRow]) -> Result<Self, String> {
        let mut rows: Vec<&StoredRow> = rows.iter().collect();
        rows.sort_by_key(|row| row.sequence);
        let of = |table: &'static str| rows.iter().filter(move |row| row.table == table);
        let one = |table: &'static str| {
            let missing = || format!("there is no row of the task in `{table}`");
            of(table).next().ok_or_else(missing)
        };
        let (shown, brief) = (&one("tasks")?.data, one("briefs")?);
        let mut record = Self {
            task: task.clone(),
            owner: text(shown, "owner").to_owned(),
            brief: read(brief, "brief")?,
            facts: Vec::new(),
            units: BTreeMap::new(),
            files: Vec::new(),
            shown: shown.clone(),
            strays: Vec::new(),
        };
        for table in UnitKind::TABLES {
            for row in of(table) {
                let mut kinds = UnitKind::ALL.into_iter().rev();
                let Some(kind) = kinds.find(|kind| kind.table() == table) else {
                    continue;
                };
                let kind = kind.of_row(&row.id);
                let unit = UnitRow::parse(kind, &row.id, row.data.clone());
                let unit = unit.map_err(|cause| unreadable(row, &cause))?;
                let unit = UnitRecord {
                    row: unit,
                    created_unix: row.created_unix,
                    entries: Vec::new(),
                };
                record.units.insert(unit.row.key.clone(), unit);
            }
        }
        for row in of("journal") {
            record.take_entry(row)?;
        }
        record.files = of("files").map(|row| file(task, row)).collect();
        record.attribute();
        record.has_what_it_needs()?;
        Ok(record)
    }

    /// Whether nothing was removed some time after the task's end.
    fn has_what_it_needs(&self) -> Result<(), String> {
        let is_done = |fact: &Fact| matches!(fact, Fact::Done(_));
        if self.facts.iter().any(is_done) && self.units.values().all(|it| it.entries.is_empty()) {
            return Err("what its units recorded is not kept so long after its end".to_owned());
        }
        let is_closed = |fact: &Fact| matches!(fact, Fact::Closed(_));
        if self.facts.iter().any(is_closed) && self.files.is_empty() {
            return Err("its files are not kept so long after its end".to_owned());
        }
        Ok(())
    }

    /// The files of an existing repository are written by whoever reads it last: the others
    /// failed.
    fn attribute(&mut self) {
        let reader = |key: &&UnitKey| key.kind == UnitKind::Import;
        let Some(reader) = self.units.keys().rfind(reader).cloned() else {
            return;
        };
        for file in &mut self.files {
            if file.writer.kind == UnitKind::Import {
                file.writer = reader.clone();
            }
        }
    }

    fn take_entry(&mut self, row: &StoredRow) -> Result<(), String> {
        let kind = text(&row.data, "kind");
        let fact = rows::read_fact(kind, text(&row.data, "outcome"));
        if let Some(fact) = fact.map_err(|cause| unreadable(row, &cause.to_string()))? {
            self.facts.push(fact);
            return Ok(());
        }
        let (key, unit) = (text(&row.data, "key"), text(&row.data, "unitId"));
        let recorded = Recorded {
            fingerprint: text(&row.data, "fingerprint").to_owned(),
            entry: read(row, "outcome")?,
        };
        let mut units = self.units.values_mut();
        match units.find(|it| it.row.key.id().as_str() == unit) {
            Some(unit) => unit.entries.push((key.to_owned(), recorded)),
            None => self
                .strays
                .push(format!("entry `{key}` of a unit without a row, `{unit}`")),
        }
        Ok(())
    }

    /// Whether the task's row shows an end.
    pub(super) fn is_shown_as_ended(&self) -> bool {
        Status::parse(text(&self.shown, "status")).is_some_and(Status::is_final)
    }

    /// The plan that a unit's row holds.
    pub(super) fn plan(&self, key: &UnitKey) -> Result<Known, String> {
        let row = self.units.get(key);
        let row = row.ok_or_else(|| format!("the row of the plan {key} is missing"))?;
        rows::read_plan(row.row.text("plan"))
    }

    /// The files of `generations` that the units `ended` have written.
    pub(super) fn written(
        &self,
        generations: Generations,
        ended: &[UnitKey],
    ) -> Result<Vec<Written>, String> {
        let files = self
            .files
            .iter()
            .filter(|file| generations.contains(file.generation) && ended.contains(&file.writer));
        let read = |file: &FileRecord| {
            Ok(Written {
                generation: file.generation,
                row_id: file.row_id.clone(),
                version: rows::read_file(&file.data)?,
            })
        };
        files.map(read).collect()
    }

    /// Domain of the sites, without a port, as the address of one tells it.
    pub(super) fn site_domain(&self) -> Option<&str> {
        let entries = self.units.values().flat_map(|unit| &unit.entries);
        let mut urls = entries.filter_map(|(_, recorded)| {
            let Entry::Uploaded { url, .. } = &recorded.entry else {
                return None;
            };
            Some(url.as_str())
        });
        let (_, address) = urls.next()?.split_once("://")?;
        let host = address.split(['/', ':']).next()?;
        host.split_once('.').map(|(_, domain)| domain)
    }
}

fn text<'a>(data: &'a Map<String, Value>, column: &str) -> &'a str {
    data.get(column).and_then(Value::as_str).unwrap_or_default()
}

fn read<T: DeserializeOwned>(row: &StoredRow, column: &str) -> Result<T, String> {
    let text = text(&row.data, column);
    serde_json::from_str(text).map_err(|cause| unreadable(row, &cause.to_string()))
}

fn unreadable(row: &StoredRow, cause: &str) -> String {
    let StoredRow { table, id, .. } = row;
    format!("row `{id}` of `{table}` can not be read: {cause}")
}

fn file(task: &TaskId, row: &StoredRow) -> FileRecord {
    let writer = rows::file_writer(task, &row.id, &row.data);
    FileRecord {
        row_id: row.id.clone(),
        path: text(&row.data, "path").to_owned(),
        generation: writer.generation,
        writer,
        data: row.data.clone(),
    }
}
