use reqwest::Method;
use serde_json::json;

use super::support::{ROWS, World};

const DOCUMENTS: &str = "/databases/main/collections/tasks/documents";

#[tokio::test]
async fn both_spellings_are_one_store() {
    let world = World::start().await;
    let mut events = world.running().kernel().bus.subscribe();
    let body = json!({"documentId": "a", "data": {"title": "x"}});
    let (status, document) = world
        .send(Method::POST, DOCUMENTS, &world.key(), body)
        .await;
    assert_eq!((status, &document["$collectionId"]), (201, &json!("tasks")));
    assert!(document.get("$tableId").is_none());
    assert_eq!(events.recv().await.unwrap().payload, document);
    let (_, row) = world.get(&format!("{ROWS}/a"), &world.key()).await;
    assert_eq!(row["$tableId"], "tasks");
    let (_, list) = world.get(DOCUMENTS, &world.key()).await;
    assert_eq!(
        (&list["total"], &list["documents"][0]),
        (&json!(1), &document)
    );
}

#[tokio::test]
async fn the_older_spelling_has_its_own_error_types() {
    let world = World::start().await;
    let key = world.key();
    let body = json!({"documentId": "a", "data": {"title": "x"}});
    world
        .send(Method::POST, DOCUMENTS, &key, body.clone())
        .await;
    let (status, refused) = world.send(Method::POST, DOCUMENTS, &key, body).await;
    assert_eq!(
        (status, &refused["type"]),
        (409, &json!("document_already_exists"))
    );
    for (path, kind) in [
        (format!("{DOCUMENTS}/none"), "document_not_found"),
        (
            "/databases/main/collections/none".to_owned(),
            "collection_not_found",
        ),
        (
            "/databases/main/collections/tasks/attributes/none".to_owned(),
            "attribute_not_found",
        ),
        (
            "/databases/main/collections/tasks/indexes/none".to_owned(),
            "index_not_found",
        ),
    ] {
        let (status, refused) = world.get(&path, &key).await;
        assert_eq!((status, refused["type"].as_str()), (404, Some(kind)));
    }
}

#[tokio::test]
async fn collections_are_declared_and_listed_apart() {
    let world = World::start().await;
    let key = world.key();
    let body = json!({"databaseId": "old", "name": "Old"});
    let (status, made) = world.send(Method::POST, "/databases", &key, body).await;
    assert_eq!((status, &made["type"]), (201, &json!("legacy")));
    let body = json!({"collectionId": "c", "name": "C", "documentSecurity": true});
    let (status, made) = world
        .send(Method::POST, "/databases/old/collections", &key, body)
        .await;
    assert_eq!((status, &made["documentSecurity"]), (201, &json!(true)));
    let body = json!({"key": "k", "size": 9, "required": true});
    let path = "/databases/old/collections/c/attributes/string";
    assert_eq!(world.send(Method::POST, path, &key, body).await.0, 202);
    let body = json!({"key": "i", "type": "key", "attributes": ["k"]});
    let path = "/databases/old/collections/c/indexes";
    let (status, index) = world.send(Method::POST, path, &key, body).await;
    assert_eq!((status, &index["attributes"]), (202, &json!(["k"])));
    let (_, table) = world.get("/tablesdb/old/tables/c", &key).await;
    assert_eq!(
        (&table["columns"][0]["key"], &table["rowSecurity"]),
        (&json!("k"), &json!(true))
    );
    assert_eq!(world.get("/databases", &key).await.1["total"], 1);
    assert_eq!(world.get("/tablesdb", &key).await.1["total"], 2);
}

#[tokio::test]
async fn a_column_can_be_renamed_and_widened() {
    let world = World::start().await;
    world
        .row("a", json!({"title": "x", "slug": "s"}), &[])
        .await;
    let path = "/tablesdb/main/tables/tasks/columns/string/slug";
    let body = json!({"required": false, "default": null, "size": 80, "newKey": "name"});
    let (status, column) = world.send(Method::PATCH, path, &world.key(), body).await;
    assert_eq!(
        (status, &column["key"], &column["size"]),
        (200, &json!("name"), &json!(80))
    );
    let (_, row) = world.get(&format!("{ROWS}/a"), &world.key()).await;
    assert_eq!(row["name"], "s");
    let body = json!({"rowId": "b", "data": {"title": "x", "name": "s"}});
    assert_eq!(
        world.send(Method::POST, ROWS, &world.key(), body).await.0,
        409
    );
}

#[tokio::test]
async fn users_are_limited_and_keys_are_not() {
    let world = World::start().await;
    world
        .row("a", json!({"title": "x"}), &["update(\"users\")"])
        .await;
    let path = format!("{ROWS}/a");
    let (_, alice) = world.user().await;
    let mut statuses = Vec::new();
    // A window may end in between: then two are needed to reach the limit.
    for _ in 0..=240 {
        let body = json!({"data": {"title": "y"}});
        let answer = world
            .request(Method::PATCH, &path, &alice)
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.headers()["x-ratelimit-limit"], "120");
        statuses.push(answer.status().as_u16());
        if answer.status().as_u16() == 429 {
            break;
        }
    }
    assert_eq!(statuses.last(), Some(&429));
    let body = json!({"data": {"title": "z"}});
    assert_eq!(
        world.send(Method::PATCH, &path, &world.key(), body).await.0,
        200
    );
}

#[tokio::test]
async fn odd_bodies_are_read_as_appwrite_reads_them() {
    let world = World::start().await;
    let form = "rowId=form&data[title]=x&data[tags][]=t";
    let request = world.request(Method::POST, ROWS, &world.key());
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(form).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 201);
    let body = json!({"rowId": "text", "data": "{\"title\": \"x\"}"});
    assert_eq!(
        world.send(Method::POST, ROWS, &world.key(), body).await.0,
        201
    );
    let body = json!({"rowId": "list", "data": [1]});
    let (status, refused) = world.send(Method::POST, ROWS, &world.key(), body).await;
    assert_eq!(
        (status, &refused["type"]),
        (400, &json!("row_invalid_structure"))
    );
    let path = format!("{ROWS}/text");
    let request = world.request(Method::GET, &path, &world.key());
    let old = request
        .header("x-appwrite-response-format", "1.4.0")
        .send()
        .await
        .unwrap();
    let old: serde_json::Value = old.json().await.unwrap();
    assert!(old["$sequence"].is_number());
}
