//! Names of row events: what function subscriptions and Realtime see.

mod names;

pub use names::{
    Names, RowEvent, committed_names, function_names, is_function_name, legacy_realtime_names,
    realtime_names,
};

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// A new row by POST.
    Create,
    /// A change by PATCH, an increment or a transaction.
    Update,
    /// PUT, whether it made a row or changed one.
    Upsert,
    /// The row is gone.
    Delete,
}

impl Verb {
    /// The last word of the event's name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Upsert => "upsert",
            Self::Delete => "delete",
        }
    }
}

/// A row's place.
#[derive(Debug, Clone, Copy)]
pub struct RowPath<'a> {
    /// The database's id.
    pub database: &'a str,
    /// The table's id.
    pub table: &'a str,
    /// The row's id.
    pub row: &'a str,
}

/// One way of writing a row's event.
#[derive(Debug, Clone, Copy)]
struct Spelling {
    root: &'static str,
    table: &'static str,
    row: &'static str,
}

const TABLESDB: Spelling = Spelling {
    root: "tablesdb",
    table: "tables",
    row: "rows",
};
const COLLECTIONS: Spelling = Spelling {
    root: "databases",
    table: "collections",
    row: "documents",
};
const TABLES: Spelling = Spelling {
    root: "databases",
    table: "tables",
    row: "rows",
};

/// Realtime channels of a row event: 8, and each with the verb behind it.
#[must_use]
pub fn channels(path: RowPath<'_>, verb: Verb) -> Vec<String> {
    let RowPath {
        database,
        table,
        row,
    } = path;
    let mut channels = vec!["documents".to_owned()];
    let of = |s: Spelling| format!("{}.{database}.{}.{table}.{}", s.root, s.table, s.row);
    channels.extend([
        of(COLLECTIONS),
        format!("{}.{row}", of(COLLECTIONS)),
        "rows".to_owned(),
    ]);
    for spelling in [TABLES, TABLESDB] {
        channels.extend([of(spelling), format!("{}.{row}", of(spelling))]);
    }
    let with_verb: Vec<String> = channels
        .iter()
        .map(|channel| format!("{channel}.{}", verb.word()))
        .collect();
    channels.extend(with_verb);
    channels
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: RowPath<'_> = RowPath {
        database: "main",
        table: "tasks",
        row: "r1",
    };

    /// The published list: first block functions, second block Realtime.
    fn published() -> (Vec<&'static str>, Vec<&'static str>) {
        let text = include_str!("../tests/fixtures/event-names.txt");
        let mut blocks = text.split("\n\n").map(|block| {
            block
                .lines()
                .filter(|line| !line.starts_with('#'))
                .collect()
        });
        (blocks.next().unwrap(), blocks.next().unwrap())
    }

    #[test]
    fn names_equal_the_published_list() {
        let (functions, realtime) = published();
        let created = RowEvent::new(PATH, Verb::Create);
        assert_eq!(function_names(&created, false).list(), functions);
        assert_eq!(realtime_names(&created).list(), realtime);
    }

    #[test]
    fn single_changes_are_spelled_with_tables() {
        let first = |verb, bulk| {
            let names = function_names(&RowEvent::new(PATH, verb), bulk);
            names.list()[0].clone()
        };
        assert_eq!(
            first(Verb::Update, false),
            "databases.main.tables.tasks.rows.r1.update"
        );
        assert_eq!(
            first(Verb::Update, true),
            "databases.main.collections.tasks.documents.r1.update"
        );
        assert_eq!(
            first(Verb::Upsert, false),
            "databases.main.tables.tasks.rows.r1.upsert"
        );
    }

    #[test]
    fn a_name_is_among_them_exactly_where_the_list_has_it() {
        let places =
            ["r1", "r.1", "r", "rows", "rows.r1", "r1.create"].map(|row| RowPath { row, ..PATH });
        let other = RowPath {
            database: "main.tables",
            table: "tasks.rows",
            row: "r1",
        };
        let all: Vec<Names> = places
            .into_iter()
            .chain([other])
            .flat_map(|path| [Verb::Create, Verb::Update].map(|verb| RowEvent::new(path, verb)))
            .flat_map(|event| [function_names(&event, false), realtime_names(&event)])
            .collect();
        let mut seen = 0;
        for names in &all {
            for name in all.iter().flat_map(Names::list) {
                assert_eq!(names.contains(name), names.list().contains(name), "{name}");
                seen += 1;
            }
        }
        assert!(seen > 10_000);
        for name in [
            "",
            "databases",
            "databases.",
            "databases.main.",
            "databases.main.tables",
            "users.*",
            "databases.main2",
        ] {
            assert!(!all[0].contains(name), "{name}");
        }
    }

    #[test]
    fn channels_equal_the_recorded_ones() {
        let recorded = [
            "documents",
            "databases.main.collections.tasks.documents",
            "databases.main.collections.tasks.documents.r1",
            "rows",
            "databases.main.tables.tasks.rows",
            "databases.main.tables.tasks.rows.r1",
            "tablesdb.main.tables.tasks.rows",
            "tablesdb.main.tables.tasks.rows.r1",
        ];
        let channels = channels(PATH, Verb::Update);
        assert_eq!(channels[..8], recorded);
        assert_eq!(
            channels[8..],
            recorded.map(|channel| format!("{channel}.update"))
        );
    }
}
