use reqwest::Method;
use serde_json::{Value, json};

use super::support::{World, query};

const TABLE: &str = "/tablesdb/main/tables/places";

async fn places() -> World {
    let world = World::start().await;
    let body = json!({"tableId": "places", "name": "Places"});
    let (status, made) = post(&world, "/tablesdb/main/tables", body).await;
    assert_eq!(status, 201, "{made}");
    world
}

async fn post(world: &World, path: &str, body: Value) -> (u16, Value) {
    world.send(Method::POST, path, &world.key(), body).await
}

#[tokio::test]
async fn shapes_are_kept_as_lists_of_coordinates() {
    let world = places().await;
    for (kind, word) in [
        ("point", "point"),
        ("line", "linestring"),
        ("polygon", "polygon"),
    ] {
        let body = json!({"key": kind, "required": false});
        let (status, made) = post(&world, &format!("{TABLE}/columns/{kind}"), body).await;
        assert_eq!((status, &made["type"]), (202, &json!(word)));
    }
    let ring = json!([[[0, 0], [0, 1], [1.5, 1], [0, 0]]]);
    let data = json!({"point": [13.4, 52.5], "polygon": ring});
    let body = json!({"rowId": "a", "data": data});
    let (status, row) = post(&world, &format!("{TABLE}/rows"), body).await;
    assert_eq!((status, &row["point"]), (201, &json!([13.4, 52.5])));
    assert_eq!((&row["polygon"], &row["line"]), (&ring, &Value::Null));
    for wrong in [json!([200, 0]), json!([1]), json!("1,2"), json!([[0, 0]])] {
        let body = json!({"rowId": "b", "data": {"point": wrong}});
        let (status, error) = post(&world, &format!("{TABLE}/rows"), body).await;
        assert_eq!(
            (status, &error["type"]),
            (400, &json!("row_invalid_structure"))
        );
    }
    let patch = json!({"required": false, "default": [1, 2]});
    let path = format!("{TABLE}/columns/point/point");
    let (status, changed) = world.send(Method::PATCH, &path, &world.key(), patch).await;
    assert_eq!((status, &changed["default"]), (200, &json!([1, 2])));
}

#[tokio::test]
async fn kinds_without_a_route_have_a_page() {
    let world = places().await;
    let body = json!({"key": "a", "required": false});
    let (status, page) = post(&world, &format!("{TABLE}/columns/vector"), body).await;
    assert_eq!((status, page.is_string()), (404, true));
    let body = json!({"relatedTableId": "tasks", "type": "oneToOne"});
    let (status, error) = post(&world, &format!("{TABLE}/columns/relationship"), body).await;
    assert_eq!(
        (status, &error["type"]),
        (400, &json!("general_feature_unsupported"))
    );
}

#[tokio::test]
async fn rows_have_a_widest_form() {
    let world = places().await;
    let path = format!("{TABLE}/columns/varchar");
    let column = |key: &str| json!({"key": key, "size": 16_000, "required": false});
    assert_eq!(post(&world, &path, column("a")).await.0, 202);
    let (status, error) = post(&world, &path, column("b")).await;
    assert_eq!(
        (status, &error["type"]),
        (400, &json!("column_limit_exceeded"))
    );
    let body = json!({"key": "text", "required": false});
    assert_eq!(
        post(&world, &format!("{TABLE}/columns/text"), body).await.0,
        202
    );
}

#[tokio::test]
async fn indexes_are_checked_against_their_columns() {
    let world = places().await;
    for (kind, body) in [
        (
            "varchar",
            json!({"key": "name", "size": 700, "required": false}),
        ),
        (
            "varchar",
            json!({"key": "tags", "size": 10, "required": false, "array": true}),
        ),
        ("integer", json!({"key": "count", "required": false})),
        ("point", json!({"key": "place", "required": false})),
    ] {
        let (status, made) = post(&world, &format!("{TABLE}/columns/{kind}"), body).await;
        assert_eq!(status, 202, "{made}");
    }
    const INVALID: &str = "column_index_invalid";
    const ARGUMENT: &str = "general_argument_invalid";
    for (body, expected) in [
        (json!({"type": "key", "columns": ["name", "count"]}), ""),
        (json!({"type": "key", "columns": ["name", "$id"]}), INVALID),
        (
            json!({"type": "key", "columns": ["name", "$id"], "lengths": [100, 0]}),
            "",
        ),
        (
            json!({"type": "key", "columns": ["name"], "lengths": [701]}),
            INVALID,
        ),
        (json!({"type": "key", "columns": ["name", "name"]}), INVALID),
        (json!({"type": "key", "columns": []}), INVALID),
        (json!({"type": "key", "columns": ["tags"]}), "index_invalid"),
        (json!({"type": "fulltext", "columns": ["count"]}), INVALID),
        (json!({"type": "spatial", "columns": ["count"]}), INVALID),
        (json!({"type": "spatial", "columns": ["place"]}), ""),
        (
            json!({"type": "key", "columns": ["nope"]}),
            "column_unknown",
        ),
        (json!({"type": "tree", "columns": ["name"]}), ARGUMENT),
        (
            json!({"type": "key", "columns": ["name"], "orders": ["UP"]}),
            ARGUMENT,
        ),
        (json!({"type": "key"}), ARGUMENT),
    ] {
        let mut body = body;
        body["key"] = json!(format!("i{}", body.to_string().len()));
        let (status, answer) = post(&world, &format!("{TABLE}/indexes"), body.clone()).await;
        let told = if status == 202 {
            ""
        } else {
            answer["type"].as_str().unwrap()
        };
        assert_eq!(told, expected, "{body} {answer}");
    }
}

#[tokio::test]
async fn every_list_takes_queries_and_forgoes_its_total() {
    let world = World::start().await;
    let ask = |path: &str, queries: &[Value]| {
        let encode = |query: &Value| {
            let set = percent_encoding::NON_ALPHANUMERIC;
            let text = percent_encoding::utf8_percent_encode(&query.to_string(), set).to_string();
            format!("queries[]={text}&")
        };
        let path = format!("{path}?{}", queries.iter().map(encode).collect::<String>());
        let world = &world;
        async move { (world.get(&path, &world.key()).await, path) }
    };
    for path in [
        "/tablesdb",
        "/tablesdb/main/tables",
        "/tablesdb/main/tables/tasks/columns",
        "/tablesdb/main/tables/tasks/indexes",
        "/tablesdb/transactions",
        "/databases",
        "/functions",
        "/sites",
        "/users",
        "/storage/buckets",
        "/proxy/rules",
    ] {
        let limit = query("limit", "", json!([1]));
        let ((status, page), _) = ask(path, std::slice::from_ref(&limit)).await;
        assert_eq!(status, 200, "{path} {page}");
        let (all, _) = world.get(&format!("{path}?total=0"), &world.key()).await;
        assert_eq!(all, 200, "{path}");
        let ((status, error), _) = ask(path, &[query("equal", "nope", json!([1]))]).await;
        let told = (status, error["type"].as_str());
        assert_eq!(told, (400, Some("general_argument_invalid")), "{path}");
    }
    let columns = "/tablesdb/main/tables/tasks/columns";
    let of_kind = query("equal", "type", json!(["integer"]));
    let ((_, list), _) = ask(columns, &[of_kind]).await;
    let kinds = list["columns"].as_array().unwrap();
    assert!(!kinds.is_empty() && kinds.iter().all(|it| it["type"] == "integer"));
    let (_, list) = world.get(&format!("{columns}?total=0"), &world.key()).await;
    assert_eq!(list["total"], 0);
    assert!(!list["columns"].as_array().unwrap().is_empty());
}
