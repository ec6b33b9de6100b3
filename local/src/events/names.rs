//! All names of a row's event. There are over a hundred: whether one is among them is seen from
//! the row's place, and the list is made only for who reads it.

use std::sync::{Arc, OnceLock};

use super::{COLLECTIONS, RowPath, Spelling, TABLES, TABLESDB, Verb};

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

/// A change of a row, from which its names follow.
#[derive(Debug)]
pub struct RowEvent {
    database: String,
    table: String,
    row: String,
    verb: Verb,
}

impl RowEvent {
    /// What happened to the row at this place.
    #[must_use]
    pub fn new(path: RowPath<'_>, verb: Verb) -> Arc<Self> {
        Arc::new(Self {
            database: path.database.to_owned(),
            table: path.table.to_owned(),
            row: path.row.to_owned(),
            verb,
        })
    }

    fn path(&self) -> RowPath<'_> {
        RowPath {
            database: &self.database,
            table: &self.table,
            row: &self.row,
        }
    }
}

/// The names of one event.
#[derive(Debug, Clone)]
pub struct Names {
    of_row: Option<(Arc<RowEvent>, &'static [Spelling])>,
    list: OnceLock<Vec<String>>,
}

impl Names {
    fn of_row(event: &Arc<RowEvent>, spellings: &'static [Spelling]) -> Self {
        Self {
            of_row: Some((Arc::clone(event), spellings)),
            list: OnceLock::new(),
        }
    }

    /// All of them, most specific first.
    #[must_use]
    pub fn list(&self) -> &[String] {
        self.list.get_or_init(|| match &self.of_row {
            Some((event, spellings)) => names(event.path(), event.verb, spellings),
            None => Vec::new(),
        })
    }

    /// Whether a name is among them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match &self.of_row {
            Some((event, spellings)) => is_name(name, event.path(), event.verb, spellings),
            None => self.list().iter().any(|own| own == name),
        }
    }
}

impl From<Vec<String>> for Names {
    fn from(list: Vec<String>) -> Self {
        Self {
            of_row: None,
            list: OnceLock::from(list),
        }
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.list() == other.list()
    }
}

/// Names that function subscriptions are matched against: 42 of them.
///
/// The first is the header `x-appwrite-event`: Appwrite spells it with
/// `collections` for a creation and for every bulk write, with `tables`
/// otherwise (measured).
#[must_use]
pub fn function_names(event: &Arc<RowEvent>, bulk: bool) -> Names {
    if bulk || event.verb == Verb::Create {
        Names::of_row(event, &[COLLECTIONS, TABLES])
    } else {
        committed_names(event)
    }
}

/// The same for a change that a transaction brought: the first name is always
/// spelled with `tables` (measured).
#[must_use]
pub fn committed_names(event: &Arc<RowEvent>) -> Names {
    Names::of_row(event, &[TABLES, COLLECTIONS])
}

/// Whether a function's pattern is among the names of a row's event.
#[must_use]
pub fn is_function_name(pattern: &str, path: RowPath<'_>, verb: Verb) -> bool {
    is_name(pattern, path, verb, &[TABLES, COLLECTIONS])
}

/// Names that Realtime sends: 64 of them.
#[must_use]
pub fn realtime_names(event: &Arc<RowEvent>) -> Names {
    Names::of_row(event, &[TABLESDB, COLLECTIONS, TABLES])
}

/// The same for a database that was made in the older spelling: 42 of them.
#[must_use]
pub fn legacy_realtime_names(event: &Arc<RowEvent>) -> Names {
    Names::of_row(event, &[COLLECTIONS, TABLES])
}

fn names(path: RowPath<'_>, verb: Verb, spellings: &[Spelling]) -> Vec<String> {
    fn pick(named: bool, id: &str) -> &str {
        if named { id } else { "*" }
    }
    let mut names = Vec::with_capacity(64);
    for suffix in [[".", verb.word()].concat(), String::new()] {
        for (d, t, r) in ROW_MASKS {
            for s in spellings {
                let (d, t, r) = (
                    pick(d, path.database),
                    pick(t, path.table),
                    pick(r, path.row),
                );
                let parts = [s.root, ".", d, ".", s.table, ".", t, ".", s.row, ".", r];
                names.push([&parts.concat(), suffix.as_str()].concat());
            }
        }
    }
    for (d, t) in TABLE_MASKS {
        for s in spellings {
            let (d, t) = (pick(d, path.database), pick(t, path.table));
            names.push([s.root, ".", d, ".", s.table, ".", t].concat());
        }
    }
    for named in [true, false] {
        for s in spellings {
            let name = [s.root, ".", pick(named, path.database)].concat();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// Whether a name is among [`names`]: it follows a spelling, with `*` or the id at each place, and
/// ends behind one of the ids or behind the verb.
fn is_name(name: &str, path: RowPath<'_>, verb: Verb, spellings: &[Spelling]) -> bool {
    spellings.iter().any(|spelling| {
        let words = [spelling.root, spelling.table, spelling.row];
        let ids = [path.database, path.table, path.row];
        let mut rest = name;
        for (word, id) in words.into_iter().zip(ids) {
            let Some(behind) = place(rest, word, id) else {
                return false;
            };
            if behind.is_empty() {
                return true;
            }
            let Some(next) = behind.strip_prefix('.') else {
                return false;
            };
            rest = next;
        }
        rest == verb.word()
    })
}

/// What stands behind `word.id` or `word.*`.
fn place<'a>(name: &'a str, word: &str, id: &str) -> Option<&'a str> {
    let name = name.strip_prefix(word)?.strip_prefix('.')?;
    name.strip_prefix('*').or_else(|| name.strip_prefix(id))
}
