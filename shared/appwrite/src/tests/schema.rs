//! Databases, tables, columns and indexes: recorded answers, and lost ones.

use serde_json::{Value, json};

use super::answers::call;
use super::recorded::{body, fixture, sent, serve};
use super::server::{Reply, Server, refusal};
use super::{blocking, client, counts};
use crate::{
    Client, ColumnKind, Error, ErrorType, IndexKind, NewColumn, NewIndex, Retry, SchemaStatus,
    TableSettings,
};

fn inline() -> TableSettings {
    let actions = ["read", "create", "update", "delete"];
    TableSettings {
        id: "inline".to_owned(),
        name: "Inline".to_owned(),
        permissions: actions.map(|action| format!("{action}(\"any\")")).to_vec(),
        row_security: true,
    }
}

fn inline_columns() -> Vec<NewColumn> {
    let mut name = NewColumn::new("name", ColumnKind::String { size: 100 });
    name.required = true;
    let bounds = (None, None);
    let (min, max) = bounds;
    let mut n = NewColumn::new("n", ColumnKind::Integer { min, max });
    n.default = json!(5);
    let elements = ["a", "b"].map(str::to_owned).to_vec();
    vec![
        name,
        n,
        NewColumn::new("st", ColumnKind::Enum { elements }),
        NewColumn::new("flag", ColumnKind::Boolean),
        NewColumn::new("at", ColumnKind::Datetime),
    ]
}

fn inline_indexes() -> Vec<NewIndex> {
    vec![NewIndex::new("i1", IndexKind::Key, &["name"])]
}

fn create_inline(client: &Client) -> Result<crate::TableSchema, Error> {
    let databases = client.databases();
    databases.create_table("t1", &inline(), &inline_columns(), &inline_indexes())
}

#[tokio::test]
async fn created_database_is_read() {
    let server = serve("database_created").await;
    let client = client(&server.uri());
    let database = blocking(move || client.databases().create("t1", "Main"));
    let database = database.await.unwrap();
    assert_eq!((database.id.as_str(), database.enabled), ("t1", true));
    assert_eq!(
        sent(&server).await,
        fixture("database_created")["request_body"]
    );
}

#[tokio::test]
async fn table_with_columns_and_indexes_is_one_request() {
    let server = serve("table_created").await;
    let client = client(&server.uri());
    let table = blocking(move || create_inline(&client)).await.unwrap();
    assert_eq!((table.id.as_str(), table.columns.len()), ("inline", 0));
    let mut recorded = fixture("table_created")["request_body"].clone();
    for column in recorded["columns"].as_array_mut().unwrap() {
        column["array"] = json!(false);
        if column["format"] == "enum" {
            column["size"] = json!(255);
        }
    }
    assert_eq!(sent(&server).await, recorded);
}

#[tokio::test]
async fn table_is_read_with_its_columns_and_indexes() {
    let table = call("table_read", |client| {
        client.databases().get_table("t1", "tasks")
    });
    let table = table.await.unwrap();
    assert!(table.row_security);
    assert_eq!(table.permissions, ["create(\"users\")"]);
    let kind = |key: &str| {
        let mut columns = table.columns.iter();
        columns
            .find(|column| column.key == key)
            .unwrap()
            .kind
            .clone()
    };
    let elements = ["queued", "running", "done"].map(str::to_owned).to_vec();
    for (key, expected) in [
        ("title", ColumnKind::String { size: 255 }),
        ("slug", ColumnKind::Varchar { size: 64 }),
        ("body", ColumnKind::Text),
        ("mbody", ColumnKind::Mediumtext),
        ("lbody", ColumnKind::Other("longtext".to_owned())),
        (
            "count",
            ColumnKind::Integer {
                min: Some(0),
                max: Some(100),
            },
        ),
        ("done", ColumnKind::Boolean),
        ("due", ColumnKind::Datetime),
        ("status", ColumnKind::Enum { elements }),
        (
            "score",
            ColumnKind::Float {
                min: Some(0.0),
                max: Some(1.0),
            },
        ),
        ("mail", ColumnKind::Email),
        ("link", ColumnKind::Url),
    ] {
        assert_eq!(kind(key), expected, "{key}");
    }
    let available = |status: SchemaStatus| status == SchemaStatus::Available;
    assert!(table.columns.iter().all(|column| available(column.status)));
    assert!(table.indexes.iter().all(|index| available(index.status)));
    let kinds: Vec<&IndexKind> = table.indexes.iter().map(|index| &index.kind).collect();
    assert_eq!(
        kinds,
        [&IndexKind::Key, &IndexKind::Unique, &IndexKind::Fulltext]
    );
}

#[tokio::test]
async fn bounds_of_the_type_are_no_bounds() {
    let mut recorded = body("column_created");
    recorded["min"] = json!(i64::MIN);
    recorded["max"] = json!(i64::MAX);
    let column: crate::Column = serde_json::from_value(recorded.clone()).unwrap();
    let (min, max) = (None, None);
    assert_eq!(column.kind, ColumnKind::Integer { min, max });
    recorded["type"] = json!("double");
    recorded["min"] = json!(f64::MIN);
    recorded["max"] = json!(f64::MAX);
    let column: crate::Column = serde_json::from_value(recorded).unwrap();
    let (min, max) = (None, None);
    assert_eq!(column.kind, ColumnKind::Float { min, max });
}

#[tokio::test]
async fn column_and_index_are_sent_as_recorded() {
    let server = serve("column_created").await;
    let url = server.uri();
    let column = blocking(move || {
        let (min, max) = (Some(0), Some(100));
        let mut column = NewColumn::new("count", ColumnKind::Integer { min, max });
        column.default = json!(0);
        client(&url)
            .databases()
            .create_column("t1", "tasks", &column)
    });
    assert_eq!(column.await.unwrap().status, SchemaStatus::Processing);
    let mut recorded = fixture("column_created")["request_body"].clone();
    recorded["array"] = json!(false);
    assert_eq!(sent(&server).await, recorded);

    let server = serve("index_created").await;
    let url = server.uri();
    let index = blocking(move || {
        let index = NewIndex::new("status_idx", IndexKind::Key, &["status", "$createdAt"]);
        client(&url).databases().create_index("t1", "tasks", &index)
    });
    assert_eq!(index.await.unwrap().status, SchemaStatus::Processing);
    assert_eq!(
        sent(&server).await,
        fixture("index_created")["request_body"]
    );
}

#[tokio::test]
async fn schema_refusals_have_their_types() {
    let title = || NewColumn::new("title", ColumnKind::String { size: 255 });
    let index = |key: &str| NewIndex::new(key, IndexKind::Key, &["status"]);
    for (name, status, kind) in [
        (
            "database_already_exists",
            409,
            ErrorType::DatabaseAlreadyExists,
        ),
        ("database_not_found", 404, ErrorType::DatabaseNotFound),
        ("table_already_exists", 409, ErrorType::TableAlreadyExists),
        ("column_already_exists", 409, ErrorType::ColumnAlreadyExists),
        (
            "column_default_unsupported",
            400,
            ErrorType::ColumnDefaultUnsupported,
        ),
        ("column_not_found", 404, ErrorType::ColumnNotFound),
        ("index_already_exists", 409, ErrorType::IndexAlreadyExists),
        ("index_unknown_column", 400, ErrorType::ColumnUnknown),
        ("index_invalid", 400, ErrorType::IndexInvalid),
    ] {
        let error = call(name, move |client| {
            let databases = client.databases();
            match name {
                "database_already_exists" => databases.create("t1", "Main").map(drop),
                "database_not_found" | "table_already_exists" => {
                    let database = if name == "table_already_exists" {
                        "t1"
                    } else {
                        "nodb"
                    };
                    databases
                        .create_table(database, &inline(), &[], &[])
                        .map(drop)
                }
                "column_not_found" => databases.get_column("t1", "tasks", "mail").map(drop),
                name if name.starts_with("column") => {
                    databases.create_column("t1", "tasks", &title()).map(drop)
                }
                _ => databases.create_index("t1", "tasks", &index("i")).map(drop),
            }
        });
        let error = error.await.unwrap_err();
        assert_eq!(
            (error.status(), error.kind()),
            (Some(status), Some(&kind)),
            "{name}"
        );
        assert_eq!(error.retry(), Retry::Terminal, "{name}");
    }
}

#[test]
fn kinds_that_no_request_for_a_table_takes_are_not_sent() {
    let client = client("http://127.0.0.1:9");
    let databases = client.databases();
    for kind in [
        ColumnKind::Varchar { size: 5 },
        ColumnKind::Text,
        ColumnKind::Mediumtext,
        ColumnKind::Other("point".to_owned()),
    ] {
        assert!(!kind.is_inline());
        let columns = [NewColumn::new("a", kind)];
        let error = databases
            .create_table("t1", &inline(), &columns, &[])
            .unwrap_err();
        assert!(matches!(error, Error::Argument { .. }), "{error}");
    }
    let other = NewColumn::new("a", ColumnKind::Other("point".to_owned()));
    let error = databases.create_column("t1", "tasks", &other).unwrap_err();
    assert!(matches!(error, Error::Argument { .. }), "{error}");
    let many: Vec<NewColumn> = (0..=100)
        .map(|number| NewColumn::new(format!("c{number}"), ColumnKind::Boolean))
        .collect();
    let error = databases
        .create_table("t1", &inline(), &many, &[])
        .unwrap_err();
    assert!(matches!(error, Error::Argument { .. }), "{error}");
    assert!(counts(&client).is_empty());
}

/// The create is applied, its answer lost, and the look-up answers this.
fn lost_then(found: Value) -> Server {
    Server::start(move |seen, _| match seen.method.as_str() {
        "POST" => Reply::Close,
        _ => Reply::Json(200, found.clone()),
    })
}

#[test]
fn lost_table_is_found_with_its_columns() {
    let server = lost_then(body("table_inline"));
    let client = client(&server.endpoint());
    assert_eq!(create_inline(&client).unwrap().columns.len(), 5);
    assert_eq!(counts(&client), [("tables.create", 1), ("tables.get", 1)]);
}

#[test]
fn lost_table_without_a_column_is_a_conflict() {
    let mut half = body("table_inline");
    half["columns"].as_array_mut().unwrap().pop();
    let server = lost_then(half);
    let client = client(&server.endpoint());
    let error = create_inline(&client).unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
}

#[test]
fn lost_column_and_index_are_found() {
    let server = lost_then(body("column_created"));
    let client = client(&server.endpoint());
    let (min, max) = (Some(0), Some(100));
    let mut column = NewColumn::new("count", ColumnKind::Integer { min, max });
    let databases = client.databases();
    let error = databases.create_column("t1", "tasks", &column).unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    column.default = json!(0);
    databases.create_column("t1", "tasks", &column).unwrap();

    let server = lost_then(body("index_created"));
    let client = super::client(&server.endpoint());
    let index = NewIndex::new("status_idx", IndexKind::Key, &["status", "$createdAt"]);
    client
        .databases()
        .create_index("t1", "tasks", &index)
        .unwrap();
    assert_eq!(counts(&client), [("indexes.create", 1), ("indexes.get", 1)]);
}

#[test]
fn deletes_of_schema_are_repeated_until_gone() {
    let server = Server::start(|_, number| match number % 2 {
        1 => Reply::Close,
        _ => refusal(404, "column_not_found"),
    });
    let client = client(&server.endpoint());
    let databases = client.databases();
    databases.delete_column("t1", "tasks", "mail").unwrap();
    databases.delete_index("t1", "tasks", "status_idx").unwrap();
    databases.delete_table("t1", "tasks").unwrap();
    let paths: Vec<String> = server
        .seen()
        .into_iter()
        .step_by(2)
        .map(|seen| seen.path)
        .collect();
    assert_eq!(
        paths,
        [
            "/v1/tablesdb/t1/tables/tasks/columns/mail",
            "/v1/tablesdb/t1/tables/tasks/indexes/status_idx",
            "/v1/tablesdb/t1/tables/tasks",
        ]
    );
}

#[test]
fn update_of_a_table_sets_its_settings() {
    let server = Server::start(|_, _| Reply::Json(200, body("table_inline")));
    let client = client(&server.endpoint());
    client.databases().update_table("t1", &inline()).unwrap();
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("PUT", "/v1/tablesdb/t1/tables/inline")
    );
    assert_eq!(seen.body["rowSecurity"], json!(true));
    assert_eq!(seen.body["permissions"].as_array().unwrap().len(), 4);
}
