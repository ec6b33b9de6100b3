use reqwest::Method;
use serde_json::{Value, json};

use super::support::{ROWS, Who, World};

const TRANSACTIONS: &str = "/tablesdb/transactions";

async fn begin(world: &World, who: &Who) -> String {
    let (status, made) = world.send(Method::POST, TRANSACTIONS, who, json!({})).await;
    assert_eq!(
        (status, made["status"].as_str()),
        (201, Some("pending")),
        "{made}"
    );
    made["$id"].as_str().unwrap().to_owned()
}

async fn stage(world: &World, id: &str, operations: Value) -> (u16, Value) {
    let path = format!("{TRANSACTIONS}/{id}/operations");
    let body = json!({"operations": operations});
    world.send(Method::POST, &path, &world.key(), body).await
}

fn operation(action: &str, row: &str, data: Value) -> Value {
    json!({"databaseId": "main", "tableId": "tasks", "action": action, "rowId": row, "data": data})
}

async fn finish(world: &World, id: &str, how: &str) -> (u16, Value) {
    let path = format!("{TRANSACTIONS}/{id}");
    world
        .send(Method::PATCH, &path, &world.key(), json!({how: true}))
        .await
}

async fn row(world: &World, id: &str) -> (u16, Value) {
    world.get(&format!("{ROWS}/{id}"), &world.key()).await
}

#[tokio::test]
async fn a_commit_does_everything_and_tells_of_each_operation() {
    let world = World::start().await;
    world
        .row("old", json!({"title": "a", "count": 1}), &[])
        .await;
    world.row("gone", json!({"title": "b"}), &[]).await;
    let mut events = world.running().kernel().bus.subscribe();
    let id = begin(&world, &world.key()).await;
    let operations = json!([
        operation("create", "new", json!({"title": "n"})),
        operation("increment", "old", json!({"column": "count", "value": 2})),
        operation("upsert", "put", json!({"title": "p"})),
        operation("delete", "gone", Value::Null),
        {"databaseId": "main", "tableId": "tasks", "action": "bulkCreate", "data": [{"$id": "b1", "title": "x"}]},
    ]);
    assert_eq!(stage(&world, &id, operations).await.0, 201);
    assert_eq!(row(&world, "new").await.0, 404);
    assert!(events.try_recv().is_err());
    let (status, committed) = finish(&world, &id, "commit").await;
    assert_eq!(
        (status, &committed["status"], &committed["operations"]),
        (200, &json!("committed"), &json!(5))
    );
    assert_eq!(row(&world, "old").await.1["count"], 3);
    assert_eq!(row(&world, "gone").await.0, 404);
    assert_eq!(row(&world, "b1").await.0, 200);
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push((event.names.list()[0].clone(), event.payload.clone()));
    }
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "databases.main.tables.tasks.rows.new.create",
            "databases.main.tables.tasks.rows.old.update",
            "databases.main.tables.tasks.rows.put.update",
            "databases.main.tables.tasks.rows.gone.delete",
        ]
    );
    let payload = &told[0].1;
    assert_eq!(payload["$collectionId"], "tasks");
    assert!(payload.get("$databaseId").is_none());
    assert_eq!(
        finish(&world, &id, "commit").await.1["type"],
        "transaction_not_ready"
    );
}

#[tokio::test]
async fn reads_inside_see_what_is_staged() {
    let world = World::start().await;
    world.row("old", json!({"title": "a"}), &[]).await;
    let id = begin(&world, &world.key()).await;
    let body = json!({"data": {"title": "b"}, "transactionId": id});
    let path = format!("{ROWS}/old");
    let (status, staged) = world.send(Method::PATCH, &path, &world.key(), body).await;
    assert_eq!((status, &staged["title"]), (200, &json!("b")));
    stage(
        &world,
        &id,
        json!([operation("create", "new", json!({"title": "n"}))]),
    )
    .await;
    let inside = format!("{ROWS}/new?transactionId={id}");
    let (_, new) = world.get(&inside, &world.key()).await;
    assert_eq!(
        (&new["title"], &new["$sequence"]),
        (&json!("n"), &json!(""))
    );
    let (_, list) = world
        .get(&format!("{ROWS}?transactionId={id}"), &world.key())
        .await;
    assert_eq!(
        (&list["total"], &list["rows"][0]["title"]),
        (&json!(2), &json!("b"))
    );
    assert_eq!(row(&world, "old").await.1["title"], "a");
    assert_eq!(finish(&world, &id, "rollback").await.1["status"], "failed");
    assert_eq!(row(&world, "new").await.0, 404);
}

#[tokio::test]
async fn a_write_after_staging_undoes_the_whole_commit() {
    let world = World::start().await;
    world.row("old", json!({"title": "a"}), &[]).await;
    let id = begin(&world, &world.key()).await;
    let operations = json!([
        operation("create", "new", json!({"title": "n"})),
        operation("update", "old", json!({"title": "mine"})),
    ]);
    stage(&world, &id, operations).await;
    let path = format!("{ROWS}/old");
    let body = json!({"data": {"title": "theirs"}});
    world.send(Method::PATCH, &path, &world.key(), body).await;
    let (status, refused) = finish(&world, &id, "commit").await;
    assert_eq!(
        (status, &refused["type"]),
        (409, &json!("transaction_conflict"))
    );
    assert_eq!(row(&world, "old").await.1["title"], "theirs");
    assert_eq!(row(&world, "new").await.0, 404);
    let (_, record) = world
        .get(&format!("{TRANSACTIONS}/{id}"), &world.key())
        .await;
    assert_eq!(record["status"], "failed");
}

#[tokio::test]
async fn failures_have_the_measured_types() {
    let world = World::start().await;
    world
        .row("old", json!({"title": "a", "count": 1}), &[])
        .await;
    for (operations, status, kind) in [
        (
            json!([operation("create", "old", json!({"title": "n"}))]),
            409,
            "transaction_conflict",
        ),
        (
            json!([operation("create", "x", json!({"nope": 1}))]),
            400,
            "document_invalid_structure",
        ),
        (
            json!([operation(
                "increment",
                "old",
                json!({"column": "count", "max": 1})
            )]),
            400,
            "attribute_limit_exceeded",
        ),
    ] {
        let id = begin(&world, &world.key()).await;
        assert_eq!(stage(&world, &id, operations).await.0, 201);
        let (code, refused) = finish(&world, &id, "commit").await;
        assert_eq!((code, refused["type"].as_str()), (status, Some(kind)));
    }
    let id = begin(&world, &world.key()).await;
    let missing = json!([operation("update", "none", json!({"title": "n"}))]);
    assert_eq!(
        stage(&world, &id, missing).await.1["type"],
        "document_not_found"
    );
    let many = vec![operation("update", "old", json!({"title": "n"})); 101];
    assert_eq!(
        stage(&world, &id, json!(many)).await.1["type"],
        "transaction_limit_exceeded"
    );
    assert_eq!(
        finish(&world, &id, "neither").await.1["type"],
        "general_bad_request"
    );
}

#[tokio::test]
async fn a_user_stages_only_what_he_may_write_and_sees_his_own() {
    let world = World::start().await;
    world
        .row("theirs", json!({"title": "a"}), &["read(\"users\")"])
        .await;
    let (_, alice) = world.user().await;
    let (_, bob) = world.user().await;
    let id = begin(&world, &alice).await;
    let path = format!("{TRANSACTIONS}/{id}");
    assert_eq!(world.get(&path, &bob).await.0, 404);
    let body = json!({"data": {"title": "b"}, "transactionId": id});
    let theirs = format!("{ROWS}/theirs");
    let (status, refused) = world.send(Method::PATCH, &theirs, &alice, body).await;
    assert_eq!(
        (status, &refused["type"]),
        (401, &json!("user_unauthorized"))
    );
    let body = json!({"rowId": "own", "data": {"title": "b"}, "transactionId": id});
    assert_eq!(world.send(Method::POST, ROWS, &alice, body).await.0, 201);
    let commit = json!({"commit": true});
    assert_eq!(
        world.send(Method::PATCH, &path, &alice, commit).await.0,
        200
    );
    let own = format!("{ROWS}/own");
    assert_eq!(world.get(&own, &alice).await.0, 200);
    assert_eq!(world.get(&own, &bob).await.0, 404);
}
