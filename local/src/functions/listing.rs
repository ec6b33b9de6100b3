//! Lists of stored documents: the `queries` parameter of executions, deployments, sites and rules.
//!
//! Rows of databases have an engine of their own; the lists here are short, so the order is
//! computed for all matches and a page cut out of it.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde::Deserialize;
use serde_json::Value;

use crate::error::ApiError;
use crate::server::query_pairs;

/// Most queries of one request.
const QUERIES_MAX: usize = 100;
/// Longest query, in characters.
const QUERY_CHARS_MAX: usize = 4_096;
/// Entries of a page when no limit is given.
const LIMIT_DEFAULT: usize = 25;
/// Highest total that is counted.
const TOTAL_MAX: usize = 5_000;

/// A parsed `queries` parameter.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Listing {
    filters: Vec<Filter>,
    orders: Vec<(String, Direction)>,
    limit: Option<usize>,
    offset: usize,
    cursor: Option<(Side, String)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Filter {
    attribute: String,
    operator: Operator,
    values: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    StartsWith,
    Contains,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Direction {
    Ascending,
    Descending,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    After,
    Before,
}

/// One query on the wire (Appwrite 1.9.6, measured).
#[derive(Deserialize)]
struct Wire {
    method: String,
    #[serde(default)]
    attribute: Option<String>,
    #[serde(default)]
    values: Value,
}

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

impl Listing {
    /// Parses the query string of a list request. Only `attributes` may be filtered and ordered by.
    ///
    /// # Errors
    /// 400 `general_argument_invalid` for malformed parameters, `general_query_invalid` for
    /// queries that cannot be read or are not supported here.
    pub(crate) fn parse(query: Option<&str>, attributes: &[&str]) -> Result<Self, ApiError> {
        let mut listing = Self::default();
        let pairs: Vec<_> = query
            .map(|query| query_pairs(query).collect())
            .unwrap_or_default();
        let texts: Vec<&String> = pairs
            .iter()
            .filter(|(name, _)| name.starts_with("queries["))
            .map(|(_, text)| text)
            .collect();
        let bare = pairs.iter().any(|(name, _)| name == "queries");
        let wrong = |text: &&&String| text.is_empty() || text.chars().count() > QUERY_CHARS_MAX;
        if bare || texts.len() > QUERIES_MAX || texts.iter().any(|text| wrong(&text)) {
            return Err(ApiError::argument(format!(
                "Invalid `queries` param: Value must a valid array no longer than {QUERIES_MAX} \
                 items and Value must be a valid string and at least 1 chars and no longer than \
                 {QUERY_CHARS_MAX} chars"
            )));
        }
        for text in texts {
            listing.add(text, attributes)?;
        }
        Ok(listing)
    }

    fn add(&mut self, text: &str, attributes: &[&str]) -> Result<(), ApiError> {
        let wire: Wire =
            serde_json::from_str(text).map_err(|_| invalid("Invalid query: Syntax error"))?;
        let Wire {
            method,
            attribute,
            values,
        } = wire;
        let values = match values {
            Value::Array(values) => values,
            Value::Null => Vec::new(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                return Err(invalid("Invalid query values. Must be an array"));
            }
        };
        let attribute = attribute.filter(|attribute| !attribute.is_empty());
        if let Some(unknown) = attribute.as_deref().filter(|it| !attributes.contains(it)) {
            return Err(invalid(format!(
                "Invalid query: Attribute not found in schema: {unknown}"
            )));
        }
        match method.as_str() {
            "limit" => self.limit = Some(number(&values, 1, "limit")?),
            "offset" => self.offset = number(&values, 0, "offset")?,
            "orderAsc" => self.order(attribute, Direction::Ascending),
            "orderDesc" => self.order(attribute, Direction::Descending),
            "cursorAfter" => self.cursor = Some((Side::After, word(&values)?)),
            "cursorBefore" => self.cursor = Some((Side::Before, word(&values)?)),
            other => {
                let operator = operator(other)
                    .ok_or_else(|| invalid(format!("Invalid query method: {other}")))?;
                let attribute = attribute
                    .ok_or_else(|| invalid("Invalid query: Attribute not found in schema: "))?;
                if values.is_empty() {
                    return Err(invalid(format!(
                        "Invalid query: {other} queries require at least one value."
                    )));
                }
                self.filters.push(Filter {
                    attribute,
                    operator,
                    values,
                });
            }
        }
        Ok(())
    }

    fn order(&mut self, attribute: Option<String>, direction: Direction) {
        self.orders.push((
            attribute.unwrap_or_else(|| "$sequence".to_owned()),
            direction,
        ));
    }
}

fn operator(method: &str) -> Option<Operator> {
    Some(match method {
        "equal" => Operator::Equal,
        "notEqual" => Operator::NotEqual,
        "lessThan" => Operator::Less,
        "lessThanEqual" => Operator::LessOrEqual,
        "greaterThan" => Operator::Greater,
        "greaterThanEqual" => Operator::GreaterOrEqual,
        "startsWith" => Operator::StartsWith,
        "contains" => Operator::Contains,
        _ => return None,
    })
}

fn number(values: &[Value], least: u64, what: &str) -> Result<usize, ApiError> {
    let number = values
        .first()
        .and_then(Value::as_u64)
        .filter(|number| *number >= least);
    number
        .and_then(|number| usize::try_from(number).ok())
        .ok_or_else(|| {
            invalid(format!(
                "Invalid query: Invalid {what}: Value must be a valid range between {least} and \
             9,223,372,036,854,775,807"
            ))
        })
}

fn word(values: &[Value]) -> Result<String, ApiError> {
    let word = values.first().and_then(Value::as_str);
    word.map(str::to_owned)
        .ok_or_else(|| invalid("Invalid query: Invalid cursor"))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("general_query_invalid", message)
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
    let (conditions, parameters) = conditions(source, &listing.filters);
    let sql = format!(
        "SELECT id FROM {} WHERE {conditions} ORDER BY {}",
        source.table,
        order(&listing.orders)
    );
    let mut statement = db.prepare(&sql)?;
    let ids = statement
        .query_map(rusqlite::params_from_iter(parameters), |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    let documents = cut(&ids, listing)?
        .iter()
        .map(|id| {
            let sql = format!("SELECT document FROM {} WHERE id = ?1", source.table);
            let text: String = db.prepare_cached(&sql)?.query_row([id], |row| row.get(0))?;
            Ok(serde_json::from_str(&text)?)
        })
        .collect::<Result<Vec<Value>, ApiError>>()?;
    Ok((ids.len().min(TOTAL_MAX), documents))
}

fn cut<'a>(ids: &'a [String], listing: &Listing) -> Result<&'a [String], ApiError> {
    let limit = listing.limit.unwrap_or(LIMIT_DEFAULT);
    let range = match &listing.cursor {
        None => 0..ids.len(),
        Some((side, cursor)) => {
            let position = ids.iter().position(|id| id == cursor).ok_or_else(|| {
                let message = format!("Cursor '{cursor}' not found");
                ApiError::bad_request("general_cursor_not_found", message)
            })?;
            match side {
                Side::After => position + 1..ids.len(),
                Side::Before => position.saturating_sub(limit)..position,
            }
        }
    };
    let rest = ids.get(range).unwrap_or_default();
    let rest = rest.get(listing.offset..).unwrap_or_default();
    Ok(rest.get(..limit).unwrap_or(rest))
}

fn conditions(source: &Source, filters: &[Filter]) -> (String, Vec<Sql>) {
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
        parameters.extend(
            roles
                .iter()
                .map(|role| Sql::Text(format!("read(\"{role}\")"))),
        );
    }
    for filter in filters {
        let field = field(&filter.attribute);
        let one = match filter.operator {
            Operator::Equal => format!("{field} = ?"),
            Operator::NotEqual => format!("{field} <> ?"),
            Operator::Less => format!("{field} < ?"),
            Operator::LessOrEqual => format!("{field} <= ?"),
            Operator::Greater => format!("{field} > ?"),
            Operator::GreaterOrEqual => format!("{field} >= ?"),
            Operator::StartsWith => format!("substr({field}, 1, length(?)) = ?"),
            Operator::Contains => format!("instr({field}, ?) > 0"),
        };
        let twice = filter.operator == Operator::StartsWith;
        let any = vec![one; filter.values.len()].join(" OR ");
        all.push(format!("({any})"));
        for value in &filter.values {
            parameters.extend(std::iter::repeat_n(sql(value), if twice { 2 } else { 1 }));
        }
    }
    (all.join(" AND "), parameters)
}

fn order(orders: &[(String, Direction)]) -> String {
    let mut parts: Vec<String> = orders
        .iter()
        .map(|(attribute, direction)| {
            let word = match direction {
                Direction::Ascending => "ASC",
                Direction::Descending => "DESC",
            };
            format!("{} {word}", field(attribute))
        })
        .collect();
    parts.push("sequence ASC".to_owned());
    parts.join(", ")
}

/// The SQL of an attribute; its name was found in a list of ours, so it holds no quotes.
fn field(attribute: &str) -> String {
    match attribute {
        "$sequence" => "sequence".to_owned(),
        name => format!("json_extract(document, '$.\"{name}\"')"),
    }
}

fn sql(value: &Value) -> Sql {
    match value {
        Value::Null => Sql::Null,
        Value::Bool(truth) => Sql::Integer(i64::from(*truth)),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Sql::Integer(integer),
            None => Sql::Real(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Sql::Text(text.clone()),
        Value::Array(_) | Value::Object(_) => Sql::Text(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ATTRIBUTES: &[&str] = &["$id", "status", "size", "active"];

    fn list(queries: &[Value]) -> Result<Vec<String>, ApiError> {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE things (sequence INTEGER PRIMARY KEY, id, document)")
            .unwrap();
        for (id, status, size) in [("a", "ready", 3), ("b", "failed", 1), ("c", "ready", 2)] {
            let document = json!({"$id": id, "status": status, "size": size, "active": size > 1,
                       "$permissions": [format!("read(\"user:{id}\")")]});
            db.execute(
                "INSERT INTO things (id, document) VALUES (?1, ?2)",
                (id, document.to_string()),
            )
            .unwrap();
        }
        let encoded: Vec<String> = queries
            .iter()
            .map(|query| {
                let text = query.to_string();
                let text = percent_encoding::utf8_percent_encode(
                    &text,
                    percent_encoding::NON_ALPHANUMERIC,
                );
                format!("queries%5B%5D={text}")
            })
            .collect();
        let listing = Listing::parse(Some(&encoded.join("&")), ATTRIBUTES)?;
        let source = Source {
            table: "things",
            scope: Vec::new(),
            readers: None,
        };
        let (_, documents) = page(&db, &source, &listing)?;
        Ok(documents
            .iter()
            .map(|it| it["$id"].as_str().unwrap().to_owned())
            .collect())
    }

    #[test]
    fn filters_orders_and_pages_combine() {
        let equal = json!({"method": "equal", "attribute": "status", "values": ["ready"]});
        let descending = json!({"method": "orderDesc", "attribute": "size", "values": []});
        let ascending = json!({"method": "orderAsc", "attribute": "size"});
        let limit = json!({"method": "limit", "values": [1]});
        let after = json!({"method": "cursorAfter", "values": ["b"]});
        assert_eq!(list(&[]).unwrap(), ["a", "b", "c"]);
        assert_eq!(list(std::slice::from_ref(&equal)).unwrap(), ["a", "c"]);
        assert_eq!(
            list(&[equal.clone(), ascending.clone()]).unwrap(),
            ["c", "a"]
        );
        assert_eq!(list(&[equal, descending, limit.clone()]).unwrap(), ["a"]);
        assert_eq!(list(&[ascending, after, limit]).unwrap(), ["c"]);
        let truth = json!({"method": "equal", "attribute": "active", "values": [true]});
        assert_eq!(list(&[truth]).unwrap(), ["a", "c"]);
        let either = json!({"method": "equal", "attribute": "$id", "values": ["a", "b"]});
        assert_eq!(list(&[either]).unwrap(), ["a", "b"]);
    }

    #[test]
    fn bad_queries_are_refused_with_appwrites_types() {
        let kind = |query: Value| list(&[query]).unwrap_err().kind;
        assert_eq!(kind(json!("limit(1)")), "general_query_invalid");
        assert_eq!(
            kind(json!({"method": "limit", "values": [0]})),
            "general_query_invalid"
        );
        assert_eq!(
            kind(json!({"method": "equal", "attribute": "x'\"", "values": [1]})),
            "general_query_invalid"
        );
        assert_eq!(
            kind(json!({"method": "cursorAfter", "values": ["zz"]})),
            "general_cursor_not_found"
        );
        let bare = Listing::parse(Some("queries=x"), ATTRIBUTES).unwrap_err();
        assert_eq!(bare.kind, "general_argument_invalid");
    }

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
