//! Lists that are short enough to be looked at whole: all but those of rows, buckets and files.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Cursor, Filter, LIMIT_DEFAULT, Queries, matches};
use crate::error::ApiError;
use crate::server::{query_list, query_value};

/// Highest total that is counted.
const TOTAL_MAX: usize = 5_000;
/// What everything may be filtered and ordered by.
const INTERNAL: &[&str] = &["$id", "$createdAt", "$updatedAt", "$sequence"];

/// What a request for a list asks for: `queries[]`, `search` and `total`.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    queries: Queries,
    search: String,
    counts: bool,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            queries: Queries::default(),
            search: String::new(),
            counts: true,
        }
    }
}

impl Listing {
    /// Parses a query string. Only `attributes` and what every resource has may be filtered and
    /// ordered by.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`: unlike the queries of rows, these are checked with the
    /// parameters (Appwrite 1.9.6, source).
    pub fn parse(query: Option<&str>, attributes: &[&str]) -> Result<Self, ApiError> {
        let query = query.unwrap_or_default();
        let queries = parse(query)?;
        let known = |name: &str| attributes.contains(&name) || INTERNAL.contains(&name);
        let mut named: Vec<&str> = queries.orders.iter().map(|it| &*it.attribute).collect();
        queries.filters.iter().for_each(|it| names(it, &mut named));
        if let Some(unknown) = named.iter().find(|name| !known(name)) {
            return Err(ApiError::argument(format!(
                "Invalid `queries` param: Invalid query: Attribute not found in schema: {unknown}"
            )));
        }
        if !queries.select.is_empty() {
            return Err(ApiError::argument(
                "Invalid `queries` param: Invalid query method: select",
            ));
        }
        Ok(Self {
            queries,
            search: query_value(query, "search")
                .unwrap_or_default()
                .to_lowercase(),
            counts: counts(query),
        })
    }

    /// Whether every item is wanted, in the order they were made.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        self.queries.filters.is_empty()
            && self.queries.orders.is_empty()
            && !self.queries.random
            && self.search.is_empty()
    }

    /// Cuts a page out of `items`, oldest first. Cursors name `id_key`; `search` looks into
    /// `searched`. Returns the number of matches, at most 5,000, and the page.
    ///
    /// # Errors
    /// 400 `general_cursor_not_found`.
    pub fn page(
        &self,
        mut items: Vec<Value>,
        id_key: &str,
        searched: &[&str],
    ) -> Result<(usize, Vec<Value>), ApiError> {
        let asked = &self.queries;
        items.retain(|item| {
            self.finds(item, searched) && asked.filters.iter().all(|filter| matches(filter, item))
        });
        items.sort_by(|one, other| self.compare(one, other));
        let limit = count(asked.limit.unwrap_or(LIMIT_DEFAULT));
        let at = |id: &str| {
            let place = items
                .iter()
                .position(|item| item.get(id_key).and_then(Value::as_str) == Some(id));
            place.ok_or_else(|| {
                let message = format!("'{id}' for the 'cursor' value not found.");
                ApiError::bad_request("general_cursor_not_found", message)
            })
        };
        let (start, end) = match &asked.cursor {
            None => (0, items.len()),
            Some(Cursor::After(id)) => (at(id)? + 1, items.len()),
            Some(Cursor::Before(id)) => {
                let end = at(id)?;
                (end.saturating_sub(limit), end)
            }
        };
        let total = if self.counts {
            items.len().min(TOTAL_MAX)
        } else {
            0
        };
        let start = start.saturating_add(count(asked.offset.unwrap_or(0)));
        let page = items.drain(start.min(end)..end).take(limit).collect();
        Ok((total, page))
    }

    fn finds(&self, item: &Value, searched: &[&str]) -> bool {
        self.search.is_empty()
            || searched.iter().any(|key| {
                let text = item.get(key).and_then(Value::as_str).unwrap_or_default();
                text.to_lowercase().contains(&self.search)
            })
    }

    fn compare(&self, one: &Value, other: &Value) -> Ordering {
        for order in &self.queries.orders {
            // Without a number of its own an item is as new as its place says, which sorting keeps.
            let of = |item: &Value| item.get(&order.attribute).cloned().unwrap_or_default();
            let found = rank(&of(one), &of(other));
            let found = if order.descending {
                found.reverse()
            } else {
                found
            };
            if found != Ordering::Equal {
                return found;
            }
        }
        Ordering::Equal
    }
}

/// Reads the queries of a list whose queries are checked with the parameters.
///
/// # Errors
/// 400 `general_argument_invalid`.
pub fn parse(query: &str) -> Result<Queries, ApiError> {
    super::parse(&query_list(query, "queries")?).map_err(refused)
}

/// What is wrong with a query as what is wrong with a parameter.
#[must_use]
pub fn refused(error: ApiError) -> ApiError {
    if error.kind == "general_query_invalid" {
        ApiError::argument(format!("Invalid `queries` param: {}", error.message))
    } else {
        error
    }
}

/// Whether the total is wanted; else it is answered as 0. In an address the word `false` is true to
/// the measured server, as any text but `0` is.
#[must_use]
pub fn counts(query: &str) -> bool {
    query_value(query, "total").as_deref() != Some("0")
}

fn names<'a>(filter: &'a Filter, named: &mut Vec<&'a str>) {
    match filter {
        Filter::Compare { attribute, .. } => named.push(attribute),
        Filter::And(parts) | Filter::Or(parts) => {
            parts.iter().for_each(|part| names(part, named));
        }
    }
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// Nothing comes first; what differs in kind is equal.
fn rank(one: &Value, other: &Value) -> Ordering {
    match (one.is_null(), other.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => super::matches::order(one, other).unwrap_or(Ordering::Equal),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listing(queries: &[Value], rest: &str) -> Result<Listing, ApiError> {
        let encode = |query: &Value| {
            let text = query.to_string();
            let text = percent_encoding::percent_encode(
                text.as_bytes(),
                percent_encoding::NON_ALPHANUMERIC,
            );
            format!("queries%5B%5D={text}&")
        };
        let query: String = queries.iter().map(encode).collect();
        Listing::parse(Some(&(query + rest)), &["status", "size", "active"])
    }

    fn list(queries: &[Value], rest: &str) -> Result<(usize, Vec<String>), ApiError> {
        let things = [("a", "ready", 3), ("b", "failed", 1), ("c", "ready", 2)];
        let things = things.map(|(id, status, size)| {
            json!({"$id": id, "status": status, "size": size, "active": size > 1})
        });
        let (total, page) = listing(queries, rest)?.page(things.to_vec(), "$id", &["status"])?;
        let ids = page.iter().map(|it| it["$id"].as_str().unwrap().to_owned());
        Ok((total, ids.collect()))
    }

    #[test]
    fn filters_orders_and_pages_combine() {
        let ids = |queries: &[Value], rest: &str| list(queries, rest).unwrap().1;
        let equal = json!({"method": "equal", "attribute": "status", "values": ["ready"]});
        let descending = json!({"method": "orderDesc", "attribute": "size", "values": []});
        let ascending = json!({"method": "orderAsc", "attribute": "size"});
        let limit = json!({"method": "limit", "values": [1]});
        let after = json!({"method": "cursorAfter", "values": ["b"]});
        assert_eq!(ids(&[], ""), ["a", "b", "c"]);
        assert_eq!(ids(&[equal.clone(), ascending.clone()], ""), ["c", "a"]);
        assert_eq!(ids(&[equal.clone(), descending, limit.clone()], ""), ["a"]);
        assert_eq!(ids(&[ascending, after, limit], ""), ["c"]);
        let either = json!({"method": "or", "values": [equal,
            {"method": "between", "attribute": "size", "values": [1, 1]}]});
        assert_eq!(ids(&[either], ""), ["a", "b", "c"]);
        assert_eq!(ids(&[], "search=FAIL"), ["b"]);
        assert_eq!(list(&[], "total=0").unwrap().0, 0);
    }

    #[test]
    fn bad_queries_are_bad_arguments() {
        for query in [
            json!("limit(1)"),
            json!({"method": "limit", "values": [0]}),
            json!({"method": "equal", "attribute": "x'\"", "values": [1]}),
            json!({"method": "select", "values": ["status"]}),
        ] {
            let kind = list(std::slice::from_ref(&query), "").unwrap_err().kind;
            assert_eq!(kind, "general_argument_invalid", "{query}");
        }
        let kind = |rest: &str| list(&[], rest).unwrap_err().kind;
        assert_eq!(kind("queries=x"), "general_argument_invalid");
        assert_eq!(kind("queries[]="), "general_argument_invalid");
        let after = json!({"method": "cursorAfter", "values": ["zz"]});
        assert_eq!(
            list(&[after], "").unwrap_err().kind,
            "general_cursor_not_found"
        );
    }
}
