//! Columns and indexes of tables, as they come and go.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::same;

/// Sizes of the formatted texts, in characters, as the server itself makes them by their routes.
const ENUM_SIZE: u64 = 255;
const EMAIL_SIZE: u64 = 254;
const IP_SIZE: u64 = 39;
const URL_SIZE: u64 = 2000;

/// The type of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnKind {
    /// Text of at most this many characters, 1 to 1,073,741,824; the one plain text that a table
    /// can be created with.
    String {
        /// Most characters.
        size: u64,
    },
    /// Text of at most this many characters, 1 to 16,381, which counts to the row's width.
    Varchar {
        /// Most characters.
        size: u64,
    },
    /// Text of at most 65,535 bytes.
    Text,
    /// Text of at most 16,777,215 bytes.
    Mediumtext,
    /// A whole number of 64 bits.
    Integer {
        /// Least; `None` for any.
        min: Option<i64>,
        /// Greatest; `None` for any.
        max: Option<i64>,
    },
    /// A double.
    Float {
        /// Least; `None` for any.
        min: Option<f64>,
        /// Greatest; `None` for any.
        max: Option<f64>,
    },
    /// True or false.
    Boolean,
    /// A point in time.
    Datetime,
    /// One of these words: at most 100, each of 1 to 255 characters.
    Enum {
        /// The words.
        elements: Vec<String>,
    },
    /// An e-mail address.
    Email,
    /// An address on the web.
    Url,
    /// An IP address.
    Ip,
    /// A type that this client does not know; it can be read, not created.
    Other(String),
}

impl ColumnKind {
    /// The route that makes it; `None` for one that cannot be made.
    pub(crate) fn route(&self) -> Option<&'static str> {
        match self {
            Self::String { .. } => Some("string"),
            Self::Varchar { .. } => Some("varchar"),
            Self::Text => Some("text"),
            Self::Mediumtext => Some("mediumtext"),
            Self::Integer { .. } => Some("integer"),
            Self::Float { .. } => Some("float"),
            Self::Boolean => Some("boolean"),
            Self::Datetime => Some("datetime"),
            Self::Enum { .. } => Some("enum"),
            Self::Email => Some("email"),
            Self::Url => Some("url"),
            Self::Ip => Some("ip"),
            Self::Other(_) => None,
        }
    }

    /// Whether [`create_table`](crate::Databases::create_table) can make it in its one request:
    /// the server refuses `varchar` and the `text` kinds there (measured).
    pub fn is_inline(&self) -> bool {
        self.inline().is_some()
    }

    /// Type, format and size within the request for a table.
    fn inline(&self) -> Option<(&'static str, &'static str, Option<u64>)> {
        match self {
            Self::String { size } => Some(("string", "", Some(*size))),
            Self::Integer { .. } => Some(("integer", "", None)),
            Self::Float { .. } => Some(("double", "", None)),
            Self::Boolean => Some(("boolean", "", None)),
            Self::Datetime => Some(("datetime", "", None)),
            Self::Enum { .. } => Some(("string", "enum", Some(ENUM_SIZE))),
            Self::Email => Some(("string", "email", Some(EMAIL_SIZE))),
            Self::Url => Some(("string", "url", Some(URL_SIZE))),
            Self::Ip => Some(("string", "ip", Some(IP_SIZE))),
            Self::Varchar { .. } | Self::Text | Self::Mediumtext | Self::Other(_) => None,
        }
    }

    /// What the type takes besides its name.
    fn parameters(&self) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        match self {
            Self::String { size } | Self::Varchar { size } => put("size", Some(json!(size))),
            Self::Integer { min, max } => {
                put("min", min.map(Value::from));
                put("max", max.map(Value::from));
            }
            Self::Float { min, max } => {
                put("min", min.map(Value::from));
                put("max", max.map(Value::from));
            }
            Self::Enum { elements } => put("elements", Some(json!(elements))),
            Self::Text
            | Self::Mediumtext
            | Self::Boolean
            | Self::Datetime
            | Self::Email
            | Self::Url
            | Self::Ip
            | Self::Other(_) => {}
        }
        body
    }
}

/// How far a column or an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SchemaStatus {
    /// It can be used.
    Available,
    /// It is being made; 0.1 to 0.3 s (measured).
    Processing,
    /// It is being deleted.
    Deleting,
    /// It could not be deleted.
    Stuck,
    /// It could not be made.
    Failed,
}

/// A column as the server holds it.
///
/// Source: Appwrite 1.9.6 REST, tablesdb columns (measured). Fixtures: `column_created.json`,
/// `table_read.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "ColumnBody")]
pub struct Column {
    /// The key: its id within the table.
    pub key: String,
    /// The type.
    pub kind: ColumnKind,
    /// How far it is.
    pub status: SchemaStatus,
    /// Why it failed or is stuck; empty otherwise.
    pub error: String,
    /// Whether a new row must have it.
    pub required: bool,
    /// Whether it holds a list.
    pub array: bool,
    /// What a new row has that does not say; null for nothing.
    pub default: Value,
}

#[derive(Deserialize)]
struct ColumnBody {
    key: String,
    #[serde(rename = "type")]
    kind: String,
    status: SchemaStatus,
    #[serde(default)]
    error: Option<String>,
    required: bool,
    #[serde(default)]
    array: Option<bool>,
    #[serde(default)]
    default: Value,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    elements: Vec<String>,
    #[serde(default)]
    min: Value,
    #[serde(default)]
    max: Value,
}

impl From<ColumnBody> for Column {
    fn from(body: ColumnBody) -> Self {
        let size = body.size.unwrap_or_default();
        // A column without bounds of its own is answered with those of its type.
        let whole = |bound: &Value| {
            let bound = bound.as_i64()?;
            (bound != i64::MIN && bound != i64::MAX).then_some(bound)
        };
        let double = |bound: &Value| bound.as_f64().filter(|bound| bound.abs() < f64::MAX);
        let kind = match (
            body.kind.as_str(),
            body.format.as_deref().unwrap_or_default(),
        ) {
            ("string", "enum") => ColumnKind::Enum {
                elements: body.elements,
            },
            ("string", "email") => ColumnKind::Email,
            ("string", "url") => ColumnKind::Url,
            ("string", "ip") => ColumnKind::Ip,
            ("string", "") => ColumnKind::String { size },
            ("varchar", _) => ColumnKind::Varchar { size },
            ("text", _) => ColumnKind::Text,
            ("mediumtext", _) => ColumnKind::Mediumtext,
            ("integer", _) => ColumnKind::Integer {
                min: whole(&body.min),
                max: whole(&body.max),
            },
            ("double" | "float", _) => ColumnKind::Float {
                min: double(&body.min),
                max: double(&body.max),
            },
            ("boolean", _) => ColumnKind::Boolean,
            ("datetime", _) => ColumnKind::Datetime,
            (other, _) => ColumnKind::Other(other.to_owned()),
        };
        Self {
            key: body.key,
            kind,
            status: body.status,
            error: body.error.unwrap_or_default(),
            required: body.required,
            array: body.array.unwrap_or_default(),
            default: body.default,
        }
    }
}

/// A column to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewColumn {
    /// The key, at most 36 characters.
    pub key: String,
    /// The type.
    pub kind: ColumnKind,
    /// Whether a new row must have it. Rows that are there already lack it: add optional columns
    /// to a table in use.
    pub required: bool,
    /// Whether it holds a list.
    pub array: bool,
    /// What a new row has that does not say; null for nothing. Not for required ones or lists.
    pub default: Value,
}

impl NewColumn {
    /// An optional column without a default.
    pub fn new(key: impl Into<String>, kind: ColumnKind) -> Self {
        Self {
            key: key.into(),
            kind,
            required: false,
            array: false,
            default: Value::Null,
        }
    }

    /// What the column's own route takes.
    pub(crate) fn body(&self) -> Value {
        let mut body = self.kind.parameters();
        body.insert("key".to_owned(), json!(self.key));
        body.insert("required".to_owned(), json!(self.required));
        body.insert("array".to_owned(), json!(self.array));
        if !self.default.is_null() {
            body.insert("default".to_owned(), self.default.clone());
        }
        Value::Object(body)
    }

    /// What the request for a table takes; `None` for a type that it refuses.
    pub(crate) fn inline_body(&self) -> Option<Value> {
        let (kind, format, size) = self.kind.inline()?;
        let mut body = self.body();
        body["type"] = json!(kind);
        if !format.is_empty() {
            body["format"] = json!(format);
        }
        if let Some(size) = size {
            body["size"] = json!(size);
        }
        Some(body)
    }

    /// Says whether this made the column.
    pub(crate) fn made(&self, column: &Column) -> bool {
        self.key == column.key
            && self.kind == column.kind
            && self.required == column.required
            && self.array == column.array
            && same::value_is(&column.default, &self.default)
    }
}

/// The type of an index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum IndexKind {
    /// For filters and orders.
    Key,
    /// No two rows have the same values. Case-insensitive on `MariaDB`.
    Unique,
    /// For searches of words.
    Fulltext,
    /// A type that this client does not know.
    Other(String),
}

impl From<String> for IndexKind {
    fn from(name: String) -> Self {
        match name.as_str() {
            "key" => Self::Key,
            "unique" => Self::Unique,
            "fulltext" => Self::Fulltext,
            _ => Self::Other(name),
        }
    }
}

impl IndexKind {
    fn as_str(&self) -> &str {
        match self {
            Self::Key => "key",
            Self::Unique => "unique",
            Self::Fulltext => "fulltext",
            Self::Other(name) => name,
        }
    }
}

/// An index as the server holds it.
///
/// Source: Appwrite 1.9.6 REST, tablesdb indexes (measured). Fixture: `table_read.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Index {
    /// The key: its id within the table.
    pub key: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: IndexKind,
    /// How far it is.
    pub status: SchemaStatus,
    /// Why it failed or is stuck; empty otherwise.
    #[serde(default)]
    pub error: String,
    /// The columns, in order.
    pub columns: Vec<String>,
    /// `ASC` or `DESC` for each column; empty if none was asked for.
    #[serde(default)]
    pub orders: Vec<String>,
}

/// An index to be created. All its columns together may have 768 characters; a text of more is
/// refused, as is one on a text without a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIndex {
    /// The key, at most 36 characters.
    pub key: String,
    /// The type.
    pub kind: IndexKind,
    /// The columns, in order; `$createdAt` and its like too.
    pub columns: Vec<String>,
    /// `ASC` or `DESC` for each column; empty for none.
    pub orders: Vec<String>,
}

impl NewIndex {
    /// An index without orders.
    pub fn new(key: impl Into<String>, kind: IndexKind, columns: &[&str]) -> Self {
        Self {
            key: key.into(),
            kind,
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            orders: Vec::new(),
        }
    }

    /// What a request takes; within the one for a table the columns have the older name
    /// (measured).
    pub(crate) fn body(&self, columns: &str) -> Value {
        let mut body = json!({ "key": self.key, "type": self.kind.as_str() });
        body[columns] = json!(self.columns);
        if !self.orders.is_empty() {
            body["orders"] = json!(self.orders);
        }
        body
    }

    /// Says whether this made the index.
    pub(crate) fn made(&self, index: &Index) -> bool {
        self.key == index.key
            && self.kind == index.kind
            && self.columns == index.columns
            && (self.orders.is_empty() || self.orders == index.orders)
    }
}
