//! Tables as they were found, known for as long as no declaration changes.
//!
//! The version of the declarations stands in the database itself, and the triggers of the schema
//! change it: so a transaction sees at once what it has declared, one that is undone takes the
//! version back, and a reader whose snapshot is older finds the version that belongs to it. A
//! version is random: what was undone must not have the number of what is done instead.

use std::cell::RefCell;
use std::collections::HashMap;

use rusqlite::Connection;

use super::Table;
use crate::error::ApiError;

/// Tables that a thread knows; beyond, it forgets all and begins anew.
const KNOWN_MAX: usize = 256;

/// What was found while the declarations had one version.
#[derive(Default)]
struct Known {
    version: i64,
    count: usize,
    /// By the ids of database and table, as they were asked for.
    tables: HashMap<String, HashMap<String, Table>>,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

/// Returns the table with these ids, by `look` where it is not known.
///
/// # Errors
/// Those of `look`, which are not remembered; 500 when the store fails.
pub(super) fn table(
    db: &Connection,
    database_id: &str,
    table_id: &str,
    look: impl FnOnce() -> Result<Table, ApiError>,
) -> Result<Table, ApiError> {
    let sql = "SELECT version FROM declarations";
    let version = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    let known = KNOWN.with_borrow(|known| {
        let tables = known.tables.get(database_id)?;
        let table = tables.get(table_id)?;
        (known.version == version).then(|| table.clone())
    });
    if let Some(table) = known {
        return Ok(table);
    }
    let table = look()?;
    KNOWN.with_borrow_mut(|known| {
        if known.version != version || known.count >= KNOWN_MAX {
            *known = Known {
                version,
                ..Known::default()
            };
        }
        let tables = known.tables.entry(database_id.to_owned()).or_default();
        tables.insert(table_id.to_owned(), table.clone());
        known.count += 1;
    });
    Ok(table)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::{TableConfig, save};
    use super::*;

    fn open(path: &std::path::Path) -> Connection {
        let db = Connection::open(path).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        db.execute_batch(crate::schema::SCHEMA).unwrap();
        db
    }

    fn config(name: &str) -> TableConfig {
        let json = json!({"$id": "t", "databaseId": "d", "name": name});
        serde_json::from_value(json).unwrap()
    }

    fn declare(db: &mut Connection, name: &str) {
        let tx = db.savepoint().unwrap();
        save(&tx, config(name)).unwrap();
        tx.commit().unwrap();
    }

    fn find(db: &Connection) -> Table {
        crate::schema::table(db, "d", "t").unwrap()
    }

    #[test]
    fn a_table_is_looked_up_once_for_each_declaration() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open(&folder.path().join("a.db"));
        declare(&mut db, "first");
        let first = find(&db);
        assert!(Arc::ptr_eq(&first.config, &find(&db).config));
        // What is as it was changes no version.
        declare(&mut db, "first");
        assert!(Arc::ptr_eq(&first.config, &find(&db).config));
        declare(&mut db, "second");
        assert_eq!(find(&db).config.name, "second");
        let mark = "INSERT INTO legacy_databases VALUES ('d')";
        db.execute(mark, []).unwrap();
        assert!(find(&db).legacy);
    }

    #[test]
    fn a_change_is_seen_where_it_is_made_and_no_more_when_it_is_undone() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open(&folder.path().join("a.db"));
        declare(&mut db, "kept");
        for name in ["undone", "undone too"] {
            let tx = db.savepoint().unwrap();
            save(&tx, config(name)).unwrap();
            assert_eq!(find(&tx).config.name, name);
            drop(tx);
            assert_eq!(find(&db).config.name, "kept");
        }
    }

    #[test]
    fn an_older_snapshot_has_the_older_declaration() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut db = open(&path);
        declare(&mut db, "old");
        let reader = open(&path);
        let snapshot = reader.unchecked_transaction().unwrap();
        assert_eq!(find(&snapshot).config.name, "old");
        declare(&mut db, "new");
        assert_eq!(find(&db).config.name, "new");
        assert_eq!(find(&snapshot).config.name, "old");
        drop(snapshot);
        assert_eq!(find(&reader).config.name, "new");
    }

    #[test]
    fn what_is_deleted_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open(&folder.path().join("a.db"));
        let gone = |db: &Connection| crate::schema::table(db, "d", "t").unwrap_err().kind;
        declare(&mut db, "a");
        find(&db);
        db.execute("DELETE FROM tables", []).unwrap();
        assert_eq!(gone(&db), "table_not_found");
        declare(&mut db, "a");
        find(&db);
        db.pragma_update(None, "foreign_keys", "ON").unwrap();
        db.execute("DELETE FROM databases", []).unwrap();
        assert_eq!(gone(&db), "database_not_found");
    }

    #[test]
    fn no_more_tables_are_known_than_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open(&folder.path().join("a.db"));
        declare(&mut db, "a");
        let one = find(&db);
        for number in 0..=KNOWN_MAX {
            let look = || Ok(one.clone());
            table(&db, "d", &number.to_string(), look).unwrap();
            let count = KNOWN.with_borrow(|known| {
                let tables: usize = known.tables.values().map(HashMap::len).sum();
                assert_eq!(known.count, tables);
                tables
            });
            assert!(count <= KNOWN_MAX);
        }
    }
}
