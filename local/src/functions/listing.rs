//! Lists of documents that are stored as JSON: executions, deployments, sites and rules.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

use crate::error::ApiError;

pub(crate) use crate::queries::listing::Listing;

/// What `search` looks into, where a document has it.
const SEARCHED: &[&str] = &["$id", "name", "domain", "trigger", "status", "type"];

/// Where the documents of a list are: a table with the columns `sequence`, `id` and `document`.
#[derive(Debug)]
pub(crate) struct Source {
    /// Name of the table.
    pub(crate) table: &'static str,
    /// Columns that must have a value.
    pub(crate) scope: Vec<(&'static str, String)>,
    /// Roles of which one must be allowed to read; `None` for callers who may read everything.
    pub(crate) readers: Option<Vec<String>>,
}

/// Reads one page. Returns the number of all matches, at most 5,000, and the documents.
///
/// # Errors
/// 400 `general_cursor_not_found`; 500 when the store fails.
pub(crate) fn page(
    db: &Connection,
    source: &Source,
    listing: &Listing,
) -> Result<(usize, Vec<Value>), ApiError> {
    let (conditions, parameters) = conditions(source);
    let table = source.table;
    let one = format!("SELECT document FROM {table} WHERE id = ?1");
    // Documents are read only where something in them decides.
    let sql = format!("SELECT id FROM {table} WHERE {conditions} ORDER BY sequence");
    let mut statement = db.prepare_cached(&sql)?;
    let ids = statement
        .query_map(rusqlite::params_from_iter(parameters), |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    let document = |id: &str| -> Result<Value, ApiError> {
        let text: String = db.prepare_cached(&one)?.query_row([id], |row| row.get(0))?;
        Ok(serde_json::from_str(&text)?)
    };
    if !listing.takes_all() {
        let all = ids.iter().map(|id| document(id));
        return listing.page(all.collect::<Result<_, _>>()?, "$id", SEARCHED);
    }
    let ids = ids.into_iter().map(|id| json!({"$id": id})).collect();
    let (total, page) = listing.page(ids, "$id", SEARCHED)?;
    let ids = page.iter().filter_map(|item| item["$id"].as_str());
    Ok((total, ids.map(document).collect::<Result<_, _>>()?))
}

fn conditions(source: &Source) -> (String, Vec<Sql>) {
    let mut parameters: Vec<Sql> = Vec::new();
    let mut all = vec!["1".to_owned()];
    for (column, value) in &source.scope {
        all.push(format!("{column} = ?"));
        parameters.push(Sql::Text(value.clone()));
    }
    if let Some(roles) = &source.readers {
        let marks = vec!["?"; roles.len()].join(",");
        all.push(format!(
            "EXISTS (SELECT 1 FROM json_each(document, '$.\"$permissions\"') WHERE value IN ({marks}))"
        ));
        let reads = roles.iter().map(|role| format!("read(\"{role}\")"));
        parameters.extend(reads.map(Sql::Text));
    }
    (all.join(" AND "), parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_only_what_a_role_of_theirs_may_read() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            r#"CREATE TABLE things (sequence INTEGER PRIMARY KEY, id, document);
            INSERT INTO things VALUES (1, 'a', '{"$id":"a","$permissions":["read(\"user:u\")"]}');
            INSERT INTO things VALUES (2, 'b', '{"$id":"b","$permissions":[]}');"#,
        )
        .unwrap();
        let readers = Some(vec!["any".to_owned(), "user:u".to_owned()]);
        let source = Source {
            table: "things",
            scope: Vec::new(),
            readers,
        };
        let (total, documents) = page(&db, &source, &Listing::default()).unwrap();
        assert_eq!((total, documents[0]["$id"].as_str()), (1, Some("a")));
    }
}
