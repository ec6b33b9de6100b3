//! The database of a project, as its plan describes it: tables that the deployed app uses,
//! with who may use them.

use serde::{Deserialize, Serialize};

use crate::limits::{
    COLUMNS_MAX, ELEMENTS_MAX, INDEXED_CHARS_MAX, INDEXES_MAX, ROW_CHARS_MAX, STRING_SIZE_MAX,
    TABLES_MAX, WORD_CHARS_MAX,
};
use crate::plan_rules::is_id;

mod migration;

pub use migration::{
    Change, LiveColumn, LiveIndex, LiveTable, Replaced, describe, migration, replaced,
};

/// A table of the app's database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its id, `^[a-z0-9][a-z0-9-]{0,31}$`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Who may use its rows.
    pub access: Access,
    /// What a row holds beside its id, its times and its permissions.
    pub columns: Vec<Column>,
    /// What rows are found by.
    pub indexes: Vec<Index>,
}

/// Who may use the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Whoever is signed in creates rows, and only who created one sees or changes it.
    Private,
    /// Whoever is signed in sees and changes all rows.
    Shared,
    /// Everybody sees all rows; whoever is signed in creates some, and changes only those.
    Public,
}

impl Access {
    /// Permissions of the table, in Appwrite's words.
    pub const fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Private => &[r#"create("users")"#],
            Self::Shared => &[
                r#"read("users")"#,
                r#"create("users")"#,
                r#"update("users")"#,
                r#"delete("users")"#,
            ],
            Self::Public => &[r#"read("any")"#, r#"create("users")"#],
        }
    }

    /// Whether a row has permissions of its own: those that Appwrite gives to who creates it.
    pub const fn row_security(self) -> bool {
        match self {
            Self::Private | Self::Public => true,
            Self::Shared => false,
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// `^[a-z][a-zA-Z0-9_]{0,31}$`.
    pub key: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: ColumnKind,
    /// Characters of a string; 0 for any other kind.
    pub size: u32,
    /// Whether a row must have it.
    pub required: bool,
    /// Whether it holds a list.
    pub array: bool,
    /// The words of an enumeration; none for any other kind.
    pub elements: Vec<String>,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// Text of a bounded length.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// Yes or no.
    Boolean,
    /// A time.
    Datetime,
    /// One word of several.
    Enum,
    /// An address for mail.
    Email,
    /// A link.
    Url,
}

impl ColumnKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::String,
        Self::Integer,
        Self::Float,
        Self::Boolean,
        Self::Datetime,
        Self::Enum,
        Self::Email,
        Self::Url,
    ];

    /// Its word in a plan.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Datetime => "datetime",
            Self::Enum => "enum",
            Self::Email => "email",
            Self::Url => "url",
        }
    }
}

/// An index of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// As a column's.
    pub key: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: IndexKind,
    /// The columns, in order; ascending.
    pub columns: Vec<String>,
}

/// What an index is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum IndexKind {
    /// Finding and ordering.
    Key,
    /// No two rows have the same.
    Unique,
    /// Finding words in texts.
    Fulltext,
}

impl IndexKind {
    /// Its word in a plan, and Appwrite's.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Unique => "unique",
            Self::Fulltext => "fulltext",
        }
    }
}

/// Everything that is wrong with `tables`, as sentences for whoever planned them.
pub fn violations(tables: &[Table]) -> Vec<String> {
    let mut found = Vec::new();
    if tables.len() > TABLES_MAX {
        found.push(format!(
            "there are {} tables, the limit is {TABLES_MAX}",
            tables.len()
        ));
    }
    for (place, table) in tables.iter().enumerate() {
        let id = &table.id;
        if !is_id(id) {
            found.push(format!(
                "table id `{id}` must match ^[a-z0-9][a-z0-9-]{{0,31}}$"
            ));
        }
        if tables.iter().take(place).any(|other| other.id == *id) {
            found.push(format!("table id `{id}` is used twice"));
        }
        let name = table.name.trim();
        if name.is_empty() || name.chars().count() > WORD_CHARS_MAX {
            found.push(format!(
                "the name of table `{id}` must have 1 to {WORD_CHARS_MAX} characters"
            ));
        }
        columns(table, &mut found);
        indexes(table, &mut found);
    }
    found
}

fn columns(table: &Table, found: &mut Vec<String>) {
    let (id, count) = (&table.id, table.columns.len());
    if !(1..=COLUMNS_MAX).contains(&count) {
        found.push(format!(
            "table `{id}` has {count} columns; it must have 1 to {COLUMNS_MAX}"
        ));
    }
    for (place, column) in table.columns.iter().enumerate() {
        let key = &column.key;
        let mut broken = |rule: &str| found.push(format!("column `{key}` of table `{id}` {rule}"));
        if !is_key(key) {
            broken("must match ^[a-z][a-zA-Z0-9_]{0,31}$");
        }
        if table.columns[..place].iter().any(|other| other.key == *key) {
            broken("is there twice");
        }
        let is_string = column.kind == ColumnKind::String;
        if is_string && !(1..=STRING_SIZE_MAX).contains(&column.size) {
            broken(&format!("must have a size of 1 to {STRING_SIZE_MAX}"));
        }
        if !is_string && column.size != 0 {
            broken("has a size, which only a string has: set 0");
        }
        let is_word = |word: &String| (1..=WORD_CHARS_MAX).contains(&word.chars().count());
        match column.kind {
            ColumnKind::Enum => {
                let words = &column.elements;
                if !(1..=ELEMENTS_MAX).contains(&words.len()) || !words.iter().all(is_word) {
                    broken(&format!(
                        "must have 1 to {ELEMENTS_MAX} elements of 1 to {WORD_CHARS_MAX} characters"
                    ));
                }
            }
            ColumnKind::String
            | ColumnKind::Integer
            | ColumnKind::Float
            | ColumnKind::Boolean
            | ColumnKind::Datetime
            | ColumnKind::Email
            | ColumnKind::Url => {
                if !column.elements.is_empty() {
                    broken("has elements, which only an enum has");
                }
            }
        }
    }
    let chars = chars_of(&table.columns);
    if chars > ROW_CHARS_MAX {
        found.push(format!(
            "the strings of table `{id}` have {chars} characters together, the limit is {ROW_CHARS_MAX}"
        ));
    }
}

fn indexes(table: &Table, found: &mut Vec<String>) {
    let id = &table.id;
    if table.indexes.len() > INDEXES_MAX {
        found.push(format!("table `{id}` has more than {INDEXES_MAX} indexes"));
    }
    for (place, index) in table.indexes.iter().enumerate() {
        let key = &index.key;
        let mut broken = |rule: &str| found.push(format!("index `{key}` of table `{id}` {rule}"));
        if !is_key(key) {
            broken("must match ^[a-z][a-zA-Z0-9_]{0,31}$");
        }
        if table.indexes[..place].iter().any(|other| other.key == *key) {
            broken("is there twice");
        }
        let find = |key: &String| table.columns.iter().find(|column| column.key == *key);
        let columns: Vec<&Column> = index.columns.iter().filter_map(find).collect();
        if columns.is_empty() || columns.len() < index.columns.len() {
            broken("must name columns of its table");
        }
        if columns.iter().any(|column| column.array) {
            broken("must not have a list among its columns");
        }
        let is_text = |column: &&Column| column.kind == ColumnKind::String;
        match index.kind {
            IndexKind::Fulltext if !columns.iter().all(is_text) => {
                broken("is fulltext, which only strings can have");
            }
            IndexKind::Key | IndexKind::Unique
                if chars_of(columns.iter().copied()) > INDEXED_CHARS_MAX =>
            {
                broken(&format!(
                    "has strings of more than {INDEXED_CHARS_MAX} characters together"
                ));
            }
            IndexKind::Fulltext | IndexKind::Key | IndexKind::Unique => {}
        }
    }
}

/// The characters of columns together; sizes are not checked yet, so the largest number stands for
/// all beyond it.
fn chars_of<'a>(columns: impl IntoIterator<Item = &'a Column>) -> u32 {
    let sizes = columns.into_iter().map(|column| column.size);
    sizes.fold(0, u32::saturating_add)
}

/// Whether `key` is `^[a-z][a-zA-Z0-9_]{0,31}$`.
fn is_key(key: &str) -> bool {
    let first = key.bytes().next();
    key.len() <= 32
        && first.is_some_and(|byte| byte.is_ascii_lowercase())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests;
