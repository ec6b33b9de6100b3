//! Queries: Appwrite's `{"method","attribute","values"}`.
//!
//! [`parse`] reads them, [`sql`] turns them into SQL, [`matches`] asks them of
//! an object (Realtime).

pub mod listing;
mod matches;
pub mod sql;

use serde::Deserialize;
use serde_json::Value;

use crate::error::ApiError;

pub use matches::matches;

/// Most queries of one request.
pub const QUERIES_MAX: usize = 100;
/// Longest query, in characters.
pub const QUERY_CHARS_MAX: usize = 4_096;
/// Most values of one comparison (Appwrite 1.9.6, source).
pub const VALUES_MAX: usize = 500;
/// Rows of a page when no limit is given.
pub const LIMIT_DEFAULT: i64 = 25;
/// Deepest nesting of `and` and `or`.
const DEPTH_MAX: usize = 8;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// One of the values.
    Equal,
    /// None of the values.
    NotEqual,
    /// Less than the value.
    LessThan,
    /// At most the value.
    LessThanEqual,
    /// More than the value.
    GreaterThan,
    /// At least the value.
    GreaterThanEqual,
    /// From the first to the second value, both included.
    Between,
    /// Outside of that.
    NotBetween,
    /// Has no value.
    IsNull,
    /// Has a value.
    IsNotNull,
    /// Holds one of the values, as an element or as a part of the text.
    Contains,
    /// Holds none of them.
    NotContains,
    /// The text begins so.
    StartsWith,
    /// The text does not begin so.
    NotStartsWith,
    /// The text ends so.
    EndsWith,
    /// The text does not end so.
    NotEndsWith,
    /// The list holds all of the values.
    ContainsAll,
    /// The text has every word of the value.
    Search,
    /// The text lacks a word of the value.
    NotSearch,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// One comparison.
    Compare {
        /// What is compared.
        attribute: String,
        /// How.
        op: Op,
        /// With what; the right number of values for `op`.
        values: Vec<Value>,
    },
    /// All of them.
    And(Vec<Self>),
    /// One of them.
    Or(Vec<Self>),
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// Behind the row of this id.
    After(String),
    /// Ends before the row of this id.
    Before(String),
}

/// An order; `None` is random.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What is ordered by.
    pub attribute: String,
    /// Greatest first.
    pub descending: bool,
}

/// All queries of one list request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Queries {
    /// Conditions, all of which hold.
    pub filters: Vec<Filter>,
    /// Columns to answer with; empty means all.
    pub select: Vec<String>,
    /// Orders, first one first.
    pub orders: Vec<Order>,
    /// Whether the order is random.
    pub random: bool,
    /// Rows at most.
    pub limit: Option<i64>,
    /// Rows to leave out.
    pub offset: Option<i64>,
    /// Where the page begins.
    pub cursor: Option<Cursor>,
}

#[derive(Deserialize)]
struct Raw {
    method: Option<Value>,
    #[serde(default)]
    attribute: Option<Value>,
    #[serde(default)]
    values: Option<Value>,
}

/// 400 `general_query_invalid`.
#[must_use]
pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("general_query_invalid", message)
}

/// Reads the queries of a request.
///
/// # Errors
/// 400 `general_query_invalid`; `general_argument_invalid` for too many or too
/// long ones.
pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Queries, ApiError> {
    if texts.len() > QUERIES_MAX {
        return Err(ApiError::argument(format!(
            "Invalid `queries` param: Value must a valid array no longer than {QUERIES_MAX} items"
        )));
    }
    let mut queries = Queries::default();
    for text in texts.iter().map(AsRef::as_ref) {
        if text.is_empty() || text.chars().count() > QUERY_CHARS_MAX {
            return Err(ApiError::argument(format!(
                "Invalid `queries` param: Value must be a valid string and at least 1 chars and no longer than \
                 {QUERY_CHARS_MAX} chars"
            )));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|_| invalid("Invalid query: Syntax error"))?;
        add(&mut queries, value)?;
    }
    Ok(queries)
}

fn add(queries: &mut Queries, value: Value) -> Result<(), ApiError> {
    let (method, attribute, values) = open(value)?;
    match method.as_str() {
        "select" => queries.select.extend(strings(&values, "select")?),
        "orderAsc" | "orderDesc" => {
            let attribute = if attribute.is_empty() {
                "$sequence".to_owned()
            } else {
                attribute
            };
            queries.orders.push(Order {
                attribute,
                descending: method == "orderDesc",
            });
        }
        "orderRandom" => queries.random = true,
        "limit" => queries.limit = Some(bounded(&values, "limit", 1)?),
        "offset" => queries.offset = Some(bounded(&values, "offset", 0)?),
        "cursorAfter" => queries.cursor = Some(Cursor::After(cursor(&values)?)),
        "cursorBefore" => queries.cursor = Some(Cursor::Before(cursor(&values)?)),
        _ => queries.filters.push(filter(&method, attribute, values, 0)?),
    }
    Ok(())
}

fn open(value: Value) -> Result<(String, String, Vec<Value>), ApiError> {
    let kind = type_name(&value);
    let Ok(Raw {
        method,
        attribute,
        values,
    }) = serde_json::from_value(value)
    else {
        return Err(invalid(format!(
            "Invalid query. Must be an array, got {kind}"
        )));
    };
    let Some(Value::String(method)) = method else {
        return Err(invalid("Invalid query method. Must be a string"));
    };
    let attribute = match attribute {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(attribute)) => attribute,
        Some(other) => {
            return Err(invalid(format!(
                "Invalid query attribute. Must be a string, got {}",
                type_name(&other)
            )));
        }
    };
    let values = match values {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values,
        Some(other) => {
            return Err(invalid(format!(
                "Invalid query values. Must be an array, got {}",
                type_name(&other)
            )));
        }
    };
    Ok((method, attribute, values))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn strings(values: &[Value], method: &str) -> Result<Vec<String>, ApiError> {
    let all: Option<Vec<String>> = values
        .iter()
        .map(|value| value.as_str().map(str::to_owned))
        .collect();
    all.filter(|all| !all.is_empty())
        .ok_or_else(|| invalid(format!("Invalid query: No values for {method}")))
}

fn bounded(values: &[Value], method: &str, least: i64) -> Result<i64, ApiError> {
    let value = values
        .first()
        .and_then(Value::as_i64)
        .filter(|value| *value >= least);
    let range =
        format!("Value must be a valid range between {least} and 9,223,372,036,854,775,807");
    value.ok_or_else(|| invalid(format!("Invalid query: Invalid {method}: {range}")))
}

fn cursor(values: &[Value]) -> Result<String, ApiError> {
    let id = values
        .first()
        .and_then(Value::as_str)
        .filter(|id| crate::ids::is_custom(id));
    id.map(str::to_owned)
        .ok_or_else(|| invalid("Invalid query: Invalid cursor: UID must be a valid id"))
}

fn filter(
    method: &str,
    attribute: String,
    values: Vec<Value>,
    depth: usize,
) -> Result<Filter, ApiError> {
    if matches!(method, "and" | "or") {
        return group(method, values, depth);
    }
    if let Some((attribute, op)) = shorthand(method) {
        return compare(method, attribute.to_owned(), op, values);
    }
    let op = match method {
        "equal" => Op::Equal,
        "notEqual" => Op::NotEqual,
        "lessThan" => Op::LessThan,
        "lessThanEqual" => Op::LessThanEqual,
        "greaterThan" => Op::GreaterThan,
        "greaterThanEqual" => Op::GreaterThanEqual,
        "between" => Op::Between,
        "notBetween" => Op::NotBetween,
        "isNull" => Op::IsNull,
        "isNotNull" => Op::IsNotNull,
        "contains" | "containsAny" => Op::Contains,
        "notContains" => Op::NotContains,
        "startsWith" => Op::StartsWith,
        "notStartsWith" => Op::NotStartsWith,
        "endsWith" => Op::EndsWith,
        "notEndsWith" => Op::NotEndsWith,
        "containsAll" => Op::ContainsAll,
        "search" => Op::Search,
        "notSearch" => Op::NotSearch,
        _ => return Err(invalid(format!("Invalid query method: {method}"))),
    };
    compare(method, attribute, op, values)
}

/// Methods that name their attribute themselves.
fn shorthand(method: &str) -> Option<(&'static str, Op)> {
    Some(match method {
        "createdBefore" => ("$createdAt", Op::LessThan),
        "createdAfter" => ("$createdAt", Op::GreaterThan),
        "createdBetween" => ("$createdAt", Op::Between),
        "updatedBefore" => ("$updatedAt", Op::LessThan),
        "updatedAfter" => ("$updatedAt", Op::GreaterThan),
        "updatedBetween" => ("$updatedAt", Op::Between),
        _ => return None,
    })
}

fn compare(
    method: &str,
    attribute: String,
    op: Op,
    values: Vec<Value>,
) -> Result<Filter, ApiError> {
    let title = || format!("{}{} queries", method[..1].to_uppercase(), &method[1..]);
    let problem = match op {
        Op::IsNull | Op::IsNotNull => None,
        Op::Between | Op::NotBetween => {
            (values.len() != 2).then_some("require exactly two values.")
        }
        Op::Equal | Op::Contains | Op::NotContains | Op::ContainsAll => {
            values.is_empty().then_some("require at least one value.")
        }
        Op::NotEqual
        | Op::LessThan
        | Op::LessThanEqual
        | Op::GreaterThan
        | Op::GreaterThanEqual
        | Op::StartsWith
        | Op::NotStartsWith
        | Op::EndsWith
        | Op::NotEndsWith
        | Op::Search
        | Op::NotSearch => (values.len() != 1).then_some("require exactly one value."),
    };
    if values.len() > VALUES_MAX {
        return Err(invalid(format!(
            "Invalid query: Query on attribute has greater than {VALUES_MAX} values: {attribute}"
        )));
    }
    match problem {
        Some(problem) => Err(invalid(format!("Invalid query: {} {problem}", title()))),
        None => Ok(Filter::Compare {
            attribute,
            op,
            values,
        }),
    }
}

fn group(method: &str, values: Vec<Value>, depth: usize) -> Result<Filter, ApiError> {
    if depth >= DEPTH_MAX {
        return Err(invalid("Invalid query: Too deeply nested"));
    }
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        // SDKs nest objects; older ones nest strings of JSON.
        let value = if let Value::String(text) = value {
            serde_json::from_str(&text).map_err(|_| invalid("Invalid query: Syntax error"))?
        } else {
            value
        };
        let (method, attribute, values) = open(value)?;
        parts.push(filter(&method, attribute, values, depth + 1)?);
    }
    if parts.len() < 2 {
        return Err(invalid(format!(
            "Invalid query: {method} queries require at least two queries"
        )));
    }
    Ok(if method == "and" {
        Filter::And(parts)
    } else {
        Filter::Or(parts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> &'static str {
        parse(&[text]).unwrap_err().kind
    }

    #[test]
    fn broken_queries_are_named_invalid() {
        for text in [
            "not json",
            r#"{"method":"equal","attribute":"a","values":"queued"}"#,
            r#"{"method":"limit","values":[0]}"#,
            r#"{"method":"limit","values":[-1]}"#,
            r#"{"method":"between","attribute":"a","values":[1]}"#,
            r#"{"method":"nope","attribute":"a","values":[1]}"#,
            r#"{"attribute":"a"}"#,
            "[]",
        ] {
            assert_eq!(kind(text), "general_query_invalid", "{text}");
        }
    }

    #[test]
    fn groups_nest() {
        let text = r#"{"method":"or","values":[{"method":"equal","attribute":"a","values":[1]},
            {"method":"and","values":[{"method":"isNull","attribute":"b"},{"method":"isNotNull","attribute":"c"}]}]}"#;
        let Filter::Or(parts) = parse(&[text]).unwrap().filters.swap_remove(0) else {
            panic!()
        };
        assert!(matches!(&parts[1], Filter::And(inner) if inner.len() == 2));
    }

    #[test]
    fn more_values_than_allowed_are_refused() {
        let with = |count| {
            let values = vec!["1"; count].join(",");
            parse(&[format!(
                r#"{{"method":"equal","attribute":"a","values":[{values}]}}"#
            )])
        };
        assert!(with(VALUES_MAX).is_ok());
        assert_eq!(
            with(VALUES_MAX + 1).unwrap_err().kind,
            "general_query_invalid"
        );
    }

    #[test]
    fn endless_nesting_is_refused() {
        let leaf = r#"{"method":"isNull","attribute":"a"}"#.to_owned();
        let text = (0..20).fold(leaf.clone(), |inner, _| {
            format!(r#"{{"method":"and","values":[{inner},{leaf}]}}"#)
        });
        assert!(parse(&[text]).is_err());
    }
}
