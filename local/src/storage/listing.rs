//! Pages of buckets and of files: queries, permissions, order and cursor.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use crate::error::ApiError;
use crate::queries::listing::refused;
use crate::queries::sql::{Attribute, Conditions};
use crate::queries::{Cursor, LIMIT_DEFAULT, Queries, invalid};
use crate::schema::{Kind, TextFormat};

/// Highest total that is counted.
const TOTAL_MAX: usize = 5_000;

const TEXT: Kind = Kind::Text {
    chars: 4_096,
    format: TextFormat::Plain,
};
const NUMBER: Kind = Kind::Integer {
    min: i64::MIN,
    max: i64::MAX,
};

/// What buckets and files alike may be asked for: name, SQL and kind.
type Known = (&'static str, &'static str, Kind);
const SHARED: &[Known] = &[
    ("$id", "id", TEXT),
    ("$sequence", "sequence", NUMBER),
    (
        "$createdAt",
        "json_extract(document, '$.createdMs')",
        Kind::Datetime,
    ),
    (
        "$updatedAt",
        "json_extract(document, '$.updatedMs')",
        Kind::Datetime,
    ),
    (
        "name",
        "json_extract(document, '$.name') COLLATE NOCASE",
        TEXT,
    ),
];
const OF_BUCKETS: &[Known] = &[
    (
        "enabled",
        "json_extract(document, '$.enabled')",
        Kind::Boolean,
    ),
    (
        "fileSecurity",
        "json_extract(document, '$.fileSecurity')",
        Kind::Boolean,
    ),
    (
        "maximumFileSize",
        "json_extract(document, '$.maximumFileSize')",
        NUMBER,
    ),
    (
        "encryption",
        "json_extract(document, '$.encryption')",
        Kind::Boolean,
    ),
    (
        "antivirus",
        "json_extract(document, '$.antivirus')",
        Kind::Boolean,
    ),
    (
        "transformations",
        "json_extract(document, '$.transformations')",
        Kind::Boolean,
    ),
    (
        "compression",
        "json_extract(document, '$.compression')",
        TEXT,
    ),
];
const OF_FILES: &[Known] = &[
    ("signature", "json_extract(document, '$.signature')", TEXT),
    ("mimeType", "json_extract(document, '$.mimeType')", TEXT),
    (
        "sizeOriginal",
        "json_extract(document, '$.sizeOriginal')",
        NUMBER,
    ),
    (
        "sizeActual",
        "json_extract(document, '$.sizeActual')",
        NUMBER,
    ),
    (
        "chunksTotal",
        "json_extract(document, '$.chunksTotal')",
        NUMBER,
    ),
    (
        "chunksUploaded",
        "json_extract(document, '$.chunksUploaded')",
        NUMBER,
    ),
];

/// What is listed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Listed<'a> {
    Buckets,
    /// Files of the bucket with this number; those that give read to one of the roles, if any
    /// are named.
    Files {
        bucket: i64,
        readers: Option<&'a [String]>,
    },
}

impl Listed<'_> {
    fn table(self) -> &'static str {
        match self {
            Self::Buckets => "storage_buckets",
            Self::Files { .. } => "storage_files",
        }
    }

    fn find(self, name: &str) -> Option<Attribute> {
        let own = match self {
            Self::Buckets => OF_BUCKETS,
            Self::Files { .. } => OF_FILES,
        };
        let mut all = SHARED.iter().chain(own);
        let (_, sql, kind) = all.find(|(known, ..)| *known == name)?;
        Some(Attribute {
            sql: (*sql).to_owned(),
            kind: *kind,
            array: false,
        })
    }

    fn conditions(self) -> Conditions {
        let mut conditions = Conditions::default();
        let Self::Files { bucket, readers } = self else {
            return conditions;
        };
        conditions.parts.push("bucket = ?".to_owned());
        conditions.params.push(Sql::Integer(bucket));
        if let Some(roles) = readers {
            let marks = vec!["?"; roles.len()].join(", ");
            conditions.parts.push(format!(
                "EXISTS (SELECT 1 FROM json_each(document, '$.permissions') WHERE value IN ({marks}))"
            ));
            let reads = roles.iter().map(|role| format!("read(\"{role}\")"));
            conditions.params.extend(reads.map(Sql::Text));
        }
        conditions
    }
}

/// Reads one page: the number of all matches, at most 5,000, and each record's number and
/// document.
///
/// # Errors
/// 400 `general_query_invalid` or `general_cursor_not_found`.
pub(super) fn page(
    db: &Connection,
    listed: Listed<'_>,
    queries: &Queries,
    search: Option<&str>,
) -> Result<(usize, Vec<(i64, String)>), ApiError> {
    let mut conditions = listed.conditions();
    for filter in &queries.filters {
        let added = conditions.add(filter, &|name| listed.find(name));
        added.map_err(refused)?;
    }
    if let Some(words) = search.filter(|words| !words.is_empty()) {
        let name = "instr(lower(json_extract(document, '$.name') || ' ' || id), lower(?)) > 0";
        conditions.parts.push(name.to_owned());
        conditions.params.push(Sql::Text(words.to_owned()));
    }
    let (table, order) = (listed.table(), order(listed, queries)?);
    let sql = format!(
        "SELECT sequence, id FROM {table}{}{order}",
        conditions.clause()
    );
    let mut statement = db.prepare_cached(&sql)?;
    let matches = statement
        .query_map(rusqlite::params_from_iter(&conditions.params), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<Result<Vec<(i64, String)>, _>>()?;
    let sql = format!("SELECT document FROM {table} WHERE sequence = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    let mut records = Vec::new();
    for (number, _) in cut(&matches, queries)? {
        records.push((*number, statement.query_row([number], |row| row.get(0))?));
    }
    Ok((matches.len().min(TOTAL_MAX), records))
}

fn order(listed: Listed<'_>, queries: &Queries) -> Result<String, ApiError> {
    if queries.random {
        return Ok(" ORDER BY random()".to_owned());
    }
    let mut parts = Vec::with_capacity(queries.orders.len() + 1);
    for order in &queries.orders {
        let unknown = || {
            refused(invalid(format!(
                "Invalid query: Attribute not found in schema: {}",
                order.attribute
            )))
        };
        let sql = listed.find(&order.attribute).ok_or_else(unknown)?.sql;
        parts.push(format!(
            "{sql} {}",
            if order.descending { "DESC" } else { "ASC" }
        ));
    }
    parts.push("sequence ASC".to_owned());
    Ok(format!(" ORDER BY {}", parts.join(", ")))
}

fn cut<'a>(
    matches: &'a [(i64, String)],
    queries: &Queries,
) -> Result<&'a [(i64, String)], ApiError> {
    let whole = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    let limit = whole(queries.limit.unwrap_or(LIMIT_DEFAULT));
    let position = |wanted: &String| {
        let found = matches
            .iter()
            .position(|(_, id)| id.eq_ignore_ascii_case(wanted));
        found.ok_or_else(|| {
            let message = format!("'{wanted}' for the 'cursor' value not found.");
            ApiError::bad_request("general_cursor_not_found", message)
        })
    };
    let rest = match &queries.cursor {
        None => matches,
        Some(Cursor::After(id)) => matches.get(position(id)? + 1..).unwrap_or_default(),
        Some(Cursor::Before(id)) => {
            let end = position(id)?;
            matches
                .get(end.saturating_sub(limit)..end)
                .unwrap_or_default()
        }
    };
    let rest = rest
        .get(whole(queries.offset.unwrap_or(0))..)
        .unwrap_or_default();
    Ok(rest.get(..limit).unwrap_or(rest))
}
