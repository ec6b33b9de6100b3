//! Queries and pages.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::server::{Reply, Rows, Seen, Server};
use super::{client, counts, tasks};
use crate::{Error, NewRow, Query, ROWS_PER_CREATE_MAX};

#[test]
fn queries_are_appwrite_json() {
    for (query, expected) in [
        (
            Query::equal("a", "x"),
            r#"{"attribute":"a","method":"equal","values":["x"]}"#,
        ),
        (
            Query::equal("a", vec![1, 2]),
            r#"{"attribute":"a","method":"equal","values":[1,2]}"#,
        ),
        (
            Query::not_equal("a", true),
            r#"{"attribute":"a","method":"notEqual","values":[true]}"#,
        ),
        (
            Query::less_than("n", 5),
            r#"{"attribute":"n","method":"lessThan","values":[5]}"#,
        ),
        (
            Query::less_than_equal("n", 5),
            r#"{"attribute":"n","method":"lessThanEqual","values":[5]}"#,
        ),
        (
            Query::greater_than("n", 0.5),
            r#"{"attribute":"n","method":"greaterThan","values":[0.5]}"#,
        ),
        (
            Query::greater_than_equal("n", 5),
            r#"{"attribute":"n","method":"greaterThanEqual","values":[5]}"#,
        ),
        (
            Query::is_null("due"),
            r#"{"attribute":"due","method":"isNull"}"#,
        ),
        (
            Query::is_not_null("due"),
            r#"{"attribute":"due","method":"isNotNull"}"#,
        ),
        (
            Query::order_asc("$createdAt"),
            r#"{"attribute":"$createdAt","method":"orderAsc"}"#,
        ),
        (
            Query::order_desc("n"),
            r#"{"attribute":"n","method":"orderDesc"}"#,
        ),
        (
            Query::select(&["a", "b"]),
            r#"{"method":"select","values":["a","b"]}"#,
        ),
        (Query::limit(1), r#"{"method":"limit","values":[1]}"#),
        (Query::offset(2), r#"{"method":"offset","values":[2]}"#),
        (
            Query::cursor_after("id"),
            r#"{"method":"cursorAfter","values":["id"]}"#,
        ),
    ] {
        assert_eq!(query.to_json(), expected);
    }
}

fn queries_of(seen: &Seen) -> Vec<Value> {
    let query = seen.path.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("queries%5B%5D="))
        .map(|text| {
            let text = percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .unwrap();
            serde_json::from_str(&text).unwrap()
        })
        .collect()
}

/// Serves `count` rows named by number, in pages as asked for.
fn paged(count: usize) -> Server {
    let rows: Mutex<Rows> = Mutex::default();
    Server::start(move |seen, _| {
        let queries = queries_of(seen);
        let value = |method: &str| {
            let found = queries.iter().find(|query| query["method"] == method);
            found.map(|query| query["values"][0].clone())
        };
        let limit = usize::try_from(value("limit").unwrap().as_u64().unwrap()).unwrap();
        let first = value("cursorAfter").map_or(0, |id| {
            id.as_str().unwrap()[1..].parse::<usize>().unwrap() + 1
        });
        let rows = rows.lock().unwrap();
        let page: Vec<Value> = (first..count.min(first + limit))
            .map(|number| rows.put(&format!("r{number}"), &json!({})))
            .collect();
        Reply::Json(200, json!({"total": count, "rows": page}))
    })
}

#[test]
fn all_pages_are_read_behind_a_cursor() {
    let server = paged(230);
    let client = client(&server.endpoint());
    let all = tasks(&client)
        .list_all(&[Query::equal("a", "é&=")], 1000)
        .unwrap();
    assert_eq!((all.total, all.rows.len()), (230, 230));
    assert_eq!(all.rows[229].id, "r229");
    assert_eq!(counts(&client), [("rows.list", 3)]);
    let first = queries_of(&server.seen()[0]);
    assert_eq!(
        first[0],
        json!({"method": "equal", "attribute": "a", "values": ["é&="]})
    );
}

#[test]
fn pages_end_at_the_callers_limit() {
    let server = paged(230);
    let client = client(&server.endpoint());
    let all = tasks(&client).list_all(&[], 150).unwrap();
    assert_eq!((all.total, all.rows.len()), (230, 150));
    assert_eq!(counts(&client), [("rows.list", 2)]);
}

#[test]
fn pages_refuse_a_foreign_cursor() {
    let client = client("http://127.0.0.1:9");
    for query in [Query::limit(1), Query::offset(1), Query::cursor_after("x")] {
        let error = tasks(&client).list_all(&[query], 10).unwrap_err();
        assert!(matches!(error, Error::Argument { .. }), "{error}");
    }
}

#[test]
fn too_many_rows_are_refused_and_none_cost_nothing() {
    let client = client("http://127.0.0.1:9");
    let rows: Vec<NewRow> = (0..=ROWS_PER_CREATE_MAX)
        .map(|number| NewRow::new(format!("r{number}"), &json!({}), &[]).unwrap())
        .collect();
    let error = tasks(&client).create_many(&rows).unwrap_err();
    assert!(matches!(error, Error::Argument { .. }), "{error}");
    assert!(tasks(&client).create_many(&[]).unwrap().is_empty());
    assert!(client.counts().is_empty());
}

#[test]
fn data_that_is_no_object_is_refused() {
    let client = client("http://127.0.0.1:9");
    let error = tasks(&client).create("x", &json!([1]), &[]).unwrap_err();
    assert!(matches!(error, Error::Argument { .. }), "{error}");
    assert!(NewRow::new("x", &json!([1]), &[]).is_err());
}

#[test]
fn long_look_ups_are_split() {
    // 100 ids of 36 characters do not fit into one query of 4,096.
    let rows: Vec<NewRow> = (0..100)
        .map(|number| NewRow::new(format!("{number:036}"), &json!({}), &[]).unwrap())
        .collect();
    let server = Server::start(|seen, _| match seen.method.as_str() {
        "POST" => Reply::Close,
        _ => {
            let ids = queries_of(seen)[0]["values"].clone();
            let rows = Rows::default();
            let found: Vec<Value> = ids
                .as_array()
                .unwrap()
                .iter()
                .rev()
                .map(|id| rows.put(id.as_str().unwrap(), &json!({})))
                .collect();
            Reply::Json(200, json!({"total": found.len(), "rows": found}))
        }
    });
    let client = client(&server.endpoint());
    let created = tasks(&client).create_many(&rows).unwrap();
    assert_eq!(created.len(), 100);
    assert_eq!(created[1].id, rows[1].id);
    assert_eq!(counts(&client), [("rows.create_many", 1), ("rows.list", 2)]);
    let longest = server
        .seen()
        .iter()
        .flat_map(queries_of)
        .map(|query| query.to_string().len())
        .max();
    assert!(longest.unwrap() <= 4096);
}
