//! Queries to the embedded platform.

use std::cell::OnceCell;

use local::queries::listing::Listing;
use local::queries::sql::{Attribute, Conditions};
use local::queries::{Cursor, Filter, Op, Queries, matches, parse};
use local::schema::{Kind, TextFormat};
use rusqlite::{Connection, params_from_iter};
use serde_json::{Value, json};

const DEPTH_MAX: usize = 8;

thread_local! {
    static DATABASE: OnceCell<Connection> = const { OnceCell::new() };
}

/// Queries that are read survive being written, nest only so deep, and become SQL that SQLite
/// takes, with as many values as marks. The input is one query in each line.
pub fn run(data: &[u8]) {
    let text = crate::text(data);
    let _ = Listing::parse(Some(&text), &["status"]);
    let lines: Vec<&str> = text.lines().collect();
    let Ok(queries) = parse(&lines) else {
        return;
    };
    assert_eq!(parse(&written(&queries)).expect("queries"), queries);
    let object =
        json!({"status": "Running", "count": 3, "tags": ["a", 1], "due": null, "share": 0.5});
    let mut conditions = Conditions::default();
    for filter in &queries.filters {
        assert!(depth(filter) <= DEPTH_MAX + 1);
        let _ = matches(filter, &object);
        if conditions.add(filter, &find).is_err() {
            return;
        }
    }
    DATABASE.with(|database| ask(database.get_or_init(database_of_tests), &conditions));
}

fn database_of_tests() -> Connection {
    let database = Connection::open_in_memory().expect("memory");
    let table = "CREATE TABLE t (status TEXT, count INTEGER, share REAL, tags TEXT, done INTEGER, due INTEGER) STRICT;
        INSERT INTO t VALUES ('Running', 3, 0.5, '[\"a\"]', 1, NULL)";
    database.execute_batch(table).expect("a table");
    database
}

fn find(name: &str) -> Option<Attribute> {
    let text = Kind::Text {
        chars: 100,
        format: TextFormat::Plain,
    };
    let (sql, kind, array) = match name {
        "status" => ("\"status\"", text, false),
        "count" => (
            "\"count\"",
            Kind::Integer {
                min: i64::MIN,
                max: i64::MAX,
            },
            false,
        ),
        "share" => (
            "\"share\"",
            Kind::Double {
                min: f64::MIN,
                max: f64::MAX,
            },
            false,
        ),
        "tags" => ("\"tags\"", text, true),
        "done" => ("\"done\"", Kind::Boolean, false),
        "$createdAt" | "due" => ("\"due\"", Kind::Datetime, false),
        _ => return None,
    };
    Some(Attribute {
        sql: sql.to_owned(),
        kind,
        array,
    })
}

fn ask(database: &Connection, conditions: &Conditions) {
    let sql = format!("SELECT count(*) FROM t{}", conditions.clause());
    let mut statement = database.prepare(&sql).expect("SQL");
    assert_eq!(statement.parameter_count(), conditions.params.len());
    let count: i64 = statement
        .query_row(params_from_iter(&conditions.params), |row| row.get(0))
        .expect("an answer");
    assert!((0..=1).contains(&count));
}

fn depth(filter: &Filter) -> usize {
    match filter {
        Filter::Compare { .. } => 1,
        Filter::And(parts) | Filter::Or(parts) => {
            1 + parts.iter().map(depth).max().unwrap_or_default()
        }
    }
}

fn written(queries: &Queries) -> Vec<String> {
    let query = |method: &str, attribute: &str, values: Value| {
        json!({"method": method, "attribute": attribute, "values": values}).to_string()
    };
    let mut all: Vec<String> = queries
        .filters
        .iter()
        .map(|it| condition(it).to_string())
        .collect();
    if !queries.select.is_empty() {
        all.push(query("select", "", json!(queries.select)));
    }
    for order in &queries.orders {
        let method = if order.descending {
            "orderDesc"
        } else {
            "orderAsc"
        };
        all.push(query(method, &order.attribute, json!([])));
    }
    if queries.random {
        all.push(query("orderRandom", "", json!([])));
    }
    all.extend(
        queries
            .limit
            .map(|limit| query("limit", "", json!([limit]))),
    );
    all.extend(
        queries
            .offset
            .map(|offset| query("offset", "", json!([offset]))),
    );
    all.extend(queries.cursor.as_ref().map(|cursor| match cursor {
        Cursor::After(id) => query("cursorAfter", "", json!([id])),
        Cursor::Before(id) => query("cursorBefore", "", json!([id])),
    }));
    all
}

fn condition(filter: &Filter) -> Value {
    match filter {
        Filter::Compare {
            attribute,
            op,
            values,
        } => {
            json!({"method": method(*op), "attribute": attribute, "values": values})
        }
        Filter::And(parts) => {
            json!({"method": "and", "values": parts.iter().map(condition).collect::<Vec<_>>()})
        }
        Filter::Or(parts) => {
            json!({"method": "or", "values": parts.iter().map(condition).collect::<Vec<_>>()})
        }
    }
}

fn method(op: Op) -> String {
    let name = format!("{op:?}");
    name[..1].to_lowercase() + &name[1..]
}
