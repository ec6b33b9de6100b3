//! Queries as SQL conditions with bound parameters.

use rusqlite::types::Value as Sql;
use serde_json::Value;

use super::{Filter, Op, invalid};
use crate::error::ApiError;
use crate::schema::Kind;

/// Most values of all conditions of a statement: `SQLite` takes 32,766.
pub const PARAMS_MAX: usize = 32_000;
/// Most parts that are joined side by side: `SQLite` takes an expression 1,000 deep, and each part
/// makes it one deeper.
const PARTS_MAX: usize = 100;

/// What is known of an attribute that may be asked for.
pub struct Attribute {
    /// Its SQL expression.
    pub sql: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether it is a list, stored as JSON.
    pub array: bool,
}

/// Conditions joined by `AND` with their parameters, in order.
#[derive(Debug, Default)]
pub struct Conditions {
    /// Each in parentheses where needed.
    pub parts: Vec<String>,
    /// Values of the question marks.
    pub params: Vec<Sql>,
}

impl Conditions {
    /// ` WHERE …`, or nothing.
    #[must_use]
    pub fn clause(&self) -> String {
        if self.parts.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", joined(self.parts.clone(), " AND "))
        }
    }

    /// Adds a filter, looking its attributes up by `find`.
    ///
    /// # Errors
    /// 400 `general_query_invalid` for an unknown attribute, a value of
    /// another type, or more than [`PARAMS_MAX`] values.
    pub fn add(
        &mut self,
        filter: &Filter,
        find: &dyn Fn(&str) -> Option<Attribute>,
    ) -> Result<(), ApiError> {
        let part = self.part(filter, find)?;
        if self.params.len() > PARAMS_MAX {
            return Err(invalid("Invalid query: Too many values"));
        }
        self.parts.push(part);
        Ok(())
    }

    fn part(
        &mut self,
        filter: &Filter,
        find: &dyn Fn(&str) -> Option<Attribute>,
    ) -> Result<String, ApiError> {
        let (parts, word) = match filter {
            Filter::And(parts) => (parts, " AND "),
            Filter::Or(parts) => (parts, " OR "),
            Filter::Compare {
                attribute,
                op,
                values,
            } => {
                let unknown = || {
                    invalid(format!(
                        "Invalid query: Attribute not found in schema: {attribute}"
                    ))
                };
                let found = find(attribute).ok_or_else(unknown)?;
                return self.compare(attribute, &found, *op, values);
            }
        };
        let parts: Vec<String> = parts
            .iter()
            .map(|part| self.part(part, find))
            .collect::<Result<_, _>>()?;
        Ok(format!("({})", joined(parts, word)))
    }

    fn compare(
        &mut self,
        name: &str,
        attribute: &Attribute,
        op: Op,
        values: &[Value],
    ) -> Result<String, ApiError> {
        let sql = &attribute.sql;
        if attribute.array
            && !matches!(
                op,
                Op::Contains | Op::NotContains | Op::ContainsAll | Op::IsNull | Op::IsNotNull
            )
        {
            return Err(invalid(format!(
                "Invalid query: Cannot query {op:?} on attribute \"{name}\" because it is an array."
            )));
        }
        Ok(match op {
            Op::IsNull => format!("{sql} IS NULL"),
            Op::IsNotNull => format!("{sql} IS NOT NULL"),
            Op::Equal => self.each(name, attribute, values, " OR ", "= ?")?,
            Op::NotEqual => self.each(name, attribute, values, " AND ", "<> ?")?,
            Op::LessThan => self.each(name, attribute, values, " AND ", "< ?")?,
            Op::LessThanEqual => self.each(name, attribute, values, " AND ", "<= ?")?,
            Op::GreaterThan => self.each(name, attribute, values, " AND ", "> ?")?,
            Op::GreaterThanEqual => self.each(name, attribute, values, " AND ", ">= ?")?,
            Op::Between | Op::NotBetween => {
                self.push(name, attribute, values)?;
                let not = if op == Op::NotBetween { "NOT " } else { "" };
                format!("{sql} {not}BETWEEN ? AND ?")
            }
            Op::ContainsAll if attribute.array => {
                let each = values.iter().map(std::slice::from_ref);
                let parts = each.map(|value| self.elements(name, attribute, value));
                format!("({})", joined(parts.collect::<Result<_, _>>()?, " AND "))
            }
            Op::ContainsAll => return Err(misfit(name)),
            Op::Contains if attribute.array => self.elements(name, attribute, values)?,
            Op::NotContains if attribute.array => {
                format!("NOT {}", self.elements(name, attribute, values)?)
            }
            Op::Contains => self.like(name, attribute, values, |v| format!("%{v}%"))?,
            Op::NotContains => format!(
                "NOT {}",
                self.like(name, attribute, values, |v| format!("%{v}%"))?
            ),
            Op::StartsWith => self.starts_with(name, attribute, values)?,
            Op::NotStartsWith => format!(
                "NOT {}",
                self.like(name, attribute, values, |v| format!("{v}%"))?
            ),
            Op::EndsWith => self.like(name, attribute, values, |v| format!("%{v}"))?,
            Op::NotEndsWith => format!(
                "NOT {}",
                self.like(name, attribute, values, |v| format!("%{v}"))?
            ),
            Op::Search => self.search(name, attribute, values)?,
            Op::NotSearch => format!("NOT {}", self.search(name, attribute, values)?),
        })
    }

    fn each(
        &mut self,
        name: &str,
        a: &Attribute,
        values: &[Value],
        word: &str,
        test: &str,
    ) -> Result<String, ApiError> {
        self.push(name, a, values)?;
        let parts: Vec<String> = values.iter().map(|_| format!("{} {test}", a.sql)).collect();
        Ok(format!("({})", joined(parts, word)))
    }

    fn push(
        &mut self,
        name: &str,
        attribute: &Attribute,
        values: &[Value],
    ) -> Result<(), ApiError> {
        for value in values {
            self.params
                .push(attribute.kind.operand(value).ok_or_else(|| misfit(name))?);
        }
        Ok(())
    }

    fn elements(
        &mut self,
        name: &str,
        attribute: &Attribute,
        values: &[Value],
    ) -> Result<String, ApiError> {
        for value in values {
            let known = attribute.kind.operand(value).ok_or_else(|| misfit(name))?;
            // Instants are stored in lists as they are answered.
            let known = match (attribute.kind, known) {
                (Kind::Datetime, Sql::Integer(ms)) => Sql::Text(crate::clock::format_ms(ms)),
                (_, other) => other,
            };
            self.params.push(known);
        }
        let marks = vec!["?"; values.len()].join(", ");
        Ok(format!(
            "EXISTS (SELECT 1 FROM json_each({}) WHERE value COLLATE NOCASE IN ({marks}))",
            attribute.sql
        ))
    }

    fn like(
        &mut self,
        name: &str,
        attribute: &Attribute,
        values: &[Value],
        pattern: fn(&str) -> String,
    ) -> Result<String, ApiError> {
        let mut parts = Vec::with_capacity(values.len());
        for value in values {
            let text = value
                .as_str()
                .filter(|_| is_text(attribute))
                .ok_or_else(|| misfit(name))?;
            self.params.push(Sql::Text(pattern(&escape(text))));
            parts.push(format!("{} LIKE ? ESCAPE '\\'", attribute.sql));
        }
        Ok(format!("({})", joined(parts, " OR ")))
    }

    /// A pattern that is bound cannot choose an index, so the range that it lies in stands beside
    /// it: from the text itself to the next one that does not begin with it.
    fn starts_with(
        &mut self,
        name: &str,
        attribute: &Attribute,
        values: &[Value],
    ) -> Result<String, ApiError> {
        let like = |v: &str| format!("{v}%");
        let [Value::String(text)] = values else {
            return self.like(name, attribute, values, like);
        };
        let like = self.like(name, attribute, values, like)?;
        let Some(behind) = behind(text) else {
            return Ok(like);
        };
        self.params.push(Sql::Text(text.clone()));
        self.params.push(Sql::Text(behind));
        let sql = &attribute.sql;
        Ok(format!(
            "({like} AND {sql} COLLATE NOCASE >= ? AND {sql} COLLATE NOCASE < ?)"
        ))
    }

    fn search(
        &mut self,
        name: &str,
        attribute: &Attribute,
        values: &[Value],
    ) -> Result<String, ApiError> {
        let text = values
            .first()
            .and_then(Value::as_str)
            .filter(|_| is_text(attribute))
            .ok_or_else(|| misfit(name))?;
        let mut parts = vec!["1".to_owned()];
        for word in text.split_whitespace() {
            self.params.push(Sql::Text(format!("%{}%", escape(word))));
            parts.push(format!("{} LIKE ? ESCAPE '\\'", attribute.sql));
        }
        Ok(format!("({})", joined(parts, " AND ")))
    }
}

/// Joins conditions, in groups where they are many.
fn joined(mut parts: Vec<String>, word: &str) -> String {
    while parts.len() > PARTS_MAX {
        let groups = parts.chunks(PARTS_MAX);
        parts = groups
            .map(|group| format!("({})", group.join(word)))
            .collect();
    }
    parts.join(word)
}

/// A text behind all that begin with `start`, where the case of ASCII does not count; `None` where
/// there is none.
fn behind(start: &str) -> Option<String> {
    // SQLite ends a pattern at this character, but not a text.
    if start.contains('\0') {
        return None;
    }
    let mut text = start.to_ascii_lowercase();
    while let Some(last) = text.pop() {
        // Characters have the order of their bytes.
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

fn is_text(attribute: &Attribute) -> bool {
    matches!(attribute.kind, Kind::Text { .. })
}

fn misfit(name: &str) -> ApiError {
    invalid(format!(
        "Invalid query: Query value is invalid for attribute \"{name}\""
    ))
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, params_from_iter};
    use serde_json::json;

    use super::*;
    use crate::queries::{VALUES_MAX, parse};
    use crate::schema::TextFormat;

    fn find(_: &str) -> Option<Attribute> {
        Some(Attribute {
            sql: "a".to_owned(),
            kind: Kind::Text {
                chars: 100,
                format: TextFormat::Plain,
            },
            array: false,
        })
    }

    fn conditions(queries: &[Value]) -> Result<Conditions, ApiError> {
        let texts: Vec<String> = queries.iter().map(Value::to_string).collect();
        let mut conditions = Conditions::default();
        for filter in &parse(&texts)?.filters {
            conditions.add(filter, &find)?;
        }
        Ok(conditions)
    }

    fn count(conditions: &Conditions) -> i64 {
        let database = Connection::open_in_memory().unwrap();
        let table = "CREATE TABLE t (a TEXT) STRICT; INSERT INTO t VALUES ('a')";
        database.execute_batch(table).unwrap();
        let sql = format!("SELECT count(*) FROM t{}", conditions.clause());
        let params = params_from_iter(&conditions.params);
        database.query_row(&sql, params, |row| row.get(0)).unwrap()
    }

    #[test]
    fn as_many_values_and_words_as_a_query_holds_are_asked_for() {
        let many = json!({"method": "equal", "attribute": "a", "values": vec!["a"; VALUES_MAX]});
        assert_eq!(count(&conditions(&[many]).unwrap()), 1);
        let words = json!({"method": "search", "attribute": "a", "values": ["a ".repeat(2_000)]});
        assert_eq!(count(&conditions(&[words]).unwrap()), 1);
    }

    #[test]
    fn a_beginning_is_found_by_the_index() {
        let all = [
            "",
            "a",
            "A_",
            "ab",
            "AB",
            "aBc",
            "a{",
            "b",
            "é",
            "éa",
            "Z",
            "z1",
            "[",
            "@",
            "@b",
            "\u{10ffff}x",
        ];
        let database = Connection::open_in_memory().unwrap();
        database
            .set_db_config(
                rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG,
                true,
            )
            .unwrap();
        let table = "CREATE TABLE t (a TEXT COLLATE NOCASE) STRICT; CREATE INDEX t_by_a ON t (a)";
        database.execute_batch(table).unwrap();
        for text in all {
            let sql = "INSERT INTO t VALUES (?1)";
            database.execute(sql, [text]).unwrap();
        }
        for start in all {
            let query = json!({"method": "startsWith", "attribute": "a", "values": [start]});
            let conditions = conditions(&[query]).unwrap();
            let params = || params_from_iter(&conditions.params);
            let read = |sql: &str, column: usize| {
                let mut statement = database.prepare(sql).unwrap();
                let found = statement.query_map(params(), |row| row.get::<_, String>(column));
                found.unwrap().map(Result::unwrap).collect::<Vec<_>>()
            };
            let sql = format!("SELECT a FROM t{} ORDER BY rowid", conditions.clause());
            let begins = |text: &&str| {
                let (text, start) = (text.to_ascii_lowercase(), start.to_ascii_lowercase());
                text.starts_with(&start)
            };
            let expected: Vec<&str> = all.into_iter().filter(begins).collect();
            assert_eq!(read(&sql, 0), expected, "{start}");
            let plan = read(&format!("EXPLAIN QUERY PLAN {sql}"), 3).join(", ");
            let by_index = plan.contains("USING COVERING INDEX t_by_a (a>? AND a<?)");
            assert_eq!(by_index, !start.is_empty(), "{start}: {plan}");
        }
    }

    #[test]
    fn more_values_than_a_statement_takes_are_refused() {
        let many = json!({"method": "equal", "attribute": "a", "values": vec!["a"; VALUES_MAX]});
        let (fits, too_many) = (PARAMS_MAX / VALUES_MAX, PARAMS_MAX / VALUES_MAX + 1);
        assert_eq!(count(&conditions(&vec![many.clone(); fits]).unwrap()), 1);
        let refused = conditions(&vec![many; too_many]).unwrap_err();
        assert_eq!(refused.kind, "general_query_invalid");
    }
}
