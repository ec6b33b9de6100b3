//! Names of row events: what function subscriptions and Realtime see.

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
#[derive(Clone, Copy)]
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

/// Which of (database, table, row) are named; the others are `*`. The order is
/// Appwrite's (1.9.6, measured).
const ROW_MASKS: [(bool, bool, bool); 8] = [
    (true, true, true),
    (false, false, false),
    (true, false, true),
    (false, false, true),
    (false, true, true),
    (true, true, false),
    (false, true, false),
    (true, false, false),
];
const TABLE_MASKS: [(bool, bool); 4] = [(true, true), (false, false), (true, false), (false, true)];

/// Names that function subscriptions are matched against: 42 of them.
///
/// The first is the header `x-appwrite-event`: Appwrite spells it with
/// `collections` for a creation and for every bulk write, with `tables`
/// otherwise (measured).
#[must_use]
pub fn function_names(path: RowPath<'_>, verb: Verb, bulk: bool) -> Vec<String> {
    if bulk || verb == Verb::Create {
        names(path, verb, &[COLLECTIONS, TABLES])
    } else {
        names(path, verb, &[TABLES, COLLECTIONS])
    }
}

/// The same for a change that a transaction brought: the first name is always
/// spelled with `tables` (measured).
#[must_use]
pub fn committed_names(path: RowPath<'_>, verb: Verb) -> Vec<String> {
    names(path, verb, &[TABLES, COLLECTIONS])
}

/// Names that Realtime sends: 64 of them.
#[must_use]
pub fn realtime_names(path: RowPath<'_>, verb: Verb) -> Vec<String> {
    names(path, verb, &[TABLESDB, COLLECTIONS, TABLES])
}

fn names(path: RowPath<'_>, verb: Verb, spellings: &[Spelling]) -> Vec<String> {
    fn pick(named: bool, id: &str) -> &str {
        if named { id } else { "*" }
    }
    let mut names = Vec::with_capacity(64);
    for suffix in [format!(".{}", verb.word()), String::new()] {
        for (d, t, r) in ROW_MASKS {
            for s in spellings {
                let (d, t, r) = (
                    pick(d, path.database),
                    pick(t, path.table),
                    pick(r, path.row),
                );
                names.push(format!(
                    "{}.{d}.{}.{t}.{}.{r}{suffix}",
                    s.root, s.table, s.row
                ));
            }
        }
    }
    for (d, t) in TABLE_MASKS {
        for s in spellings {
            names.push(format!(
                "{}.{}.{}.{}",
                s.root,
                pick(d, path.database),
                s.table,
                pick(t, path.table)
            ));
        }
    }
    for named in [true, false] {
        for s in spellings {
            let name = format!("{}.{}", s.root, pick(named, path.database));
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// The same for a database that was made in the older spelling: 42 of them.
#[must_use]
pub fn legacy_realtime_names(path: RowPath<'_>, verb: Verb) -> Vec<String> {
    names(path, verb, &[COLLECTIONS, TABLES])
}

/// Whether a function's pattern may be among the names of a row's event. Says yes in doubt: it
/// is for not making the names that nobody asks for.
#[must_use]
pub fn may_name(pattern: &str, path: RowPath<'_>) -> bool {
    let ids = [path.database, path.table, path.row];
    // Ids may hold the dots that part the names.
    if ids.iter().any(|id| id.contains('.')) {
        return true;
    }
    let mut parts = pattern.split('.');
    let of_rows = matches!(parts.next(), Some("databases" | "tablesdb"));
    let mut named = parts.step_by(2);
    of_rows
        && ids
            .iter()
            .all(|id| named.next().is_none_or(|part| part == "*" || part == *id))
}

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
        assert_eq!(function_names(PATH, Verb::Create, false), functions);
        assert_eq!(realtime_names(PATH, Verb::Create), realtime);
    }

    #[test]
    fn single_changes_are_spelled_with_tables() {
        let first = |verb, bulk| function_names(PATH, verb, bulk).swap_remove(0);
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
    fn no_name_of_an_event_is_ruled_out() {
        for row in ["r1", "r.1"] {
            let path = RowPath { row, ..PATH };
            for name in function_names(path, Verb::Create, false) {
                assert!(may_name(&name, path), "{name}");
            }
        }
        for other in [
            "users.*",
            "databases.other.tables.*.rows.*",
            "databases.main.tables.x.rows.*.create",
        ] {
            assert!(!may_name(other, PATH), "{other}");
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
