use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::support::{ROWS, World, query};

#[tokio::test]
async fn an_upsert_has_an_event_of_its_own() {
    let world = World::start().await;
    let mut events = world.running().kernel().bus.subscribe();
    let (path, key) = (format!("{ROWS}/up"), world.key());
    let put = |data| world.send(Method::PUT, &path, &key, json!({ "data": data }));
    let (status, made) = put(json!({"title": "a", "count": 7})).await;
    assert_eq!((status, &made["count"]), (200, &json!(7)));
    let (status, changed) = put(json!({"title": "b"})).await;
    assert_eq!(
        (status, &changed["title"], &changed["count"]),
        (200, &json!("b"), &json!(7))
    );
    assert_eq!(
        put(json!({"slug": "x"})).await.1["type"],
        "row_invalid_structure"
    );
    for _ in 0..2 {
        assert_eq!(
            events.recv().await.unwrap().names.list()[0],
            "databases.main.tables.tasks.rows.up.upsert"
        );
    }
}

#[tokio::test]
async fn parallel_increments_add_up_and_stop_at_their_bound() {
    let world = World::start().await;
    let row = world.row("n", json!({"title": "x"}), &[]).await;
    let path = format!("{ROWS}/n");
    let step = |word: &str, body| {
        let (world, path) = (&world, format!("{path}/count/{word}"));
        async move { world.send(Method::PATCH, &path, &world.key(), body).await }
    };
    let outcomes = join_all((0..8).map(|_| step("increment", json!({"value": 1, "max": 3})))).await;
    assert_eq!(
        outcomes.iter().filter(|(status, _)| *status == 200).count(),
        3
    );
    let refused: Vec<_> = outcomes
        .iter()
        .filter(|(status, _)| *status != 200)
        .collect();
    assert!(
        refused
            .iter()
            .all(|(status, error)| *status == 400 && error["type"] == "column_limit_exceeded")
    );
    let (_, answer) = step("decrement", json!({"value": 2, "min": 0})).await;
    assert_eq!(answer["count"], 1);
    let (_, stored) = world.get(&path, &world.key()).await;
    // As measured: the answer carries the time from before, the row has moved on.
    assert!(stored["$updatedAt"].as_str() > answer["$updatedAt"].as_str());
    assert!(answer["$updatedAt"].as_str() > row["$updatedAt"].as_str());
    let title = world
        .send(
            Method::PATCH,
            &format!("{path}/title/increment"),
            &world.key(),
            json!({}),
        )
        .await;
    assert_eq!(
        (title.0, title.1["type"].as_str()),
        (400, Some("attribute_type_invalid"))
    );
}

#[tokio::test]
async fn bulk_changes_follow_their_queries() {
    let world = World::start().await;
    for (id, count) in [("a", 1), ("b", 1), ("c", 2)] {
        world
            .row(id, json!({"title": "x", "count": count}), &[])
            .await;
    }
    let mut events = world.running().kernel().bus.subscribe();
    let queries = json!([query("equal", "count", json!([1])).to_string()]);
    let body = json!({"data": {"title": "y", "count": 5}, "queries": queries});
    let key = world.key();
    let patch = || world.send(Method::PATCH, ROWS, &key, body.clone());
    let (status, changed) = patch().await;
    assert_eq!(
        (status, &changed["total"], &changed["rows"][1]["title"]),
        (200, &json!(2), &json!("y"))
    );
    assert_eq!(patch().await.1, json!({"total": 0, "rows": []}));
    assert_eq!(
        events.recv().await.unwrap().names.list()[0],
        "databases.main.collections.tasks.documents.a.update"
    );
    let (_, user) = world.user().await;
    assert_eq!(
        world.send(Method::PATCH, ROWS, &user, body.clone()).await.1["type"],
        "database_not_found"
    );
    let (status, gone) = world
        .send(Method::DELETE, ROWS, &world.key(), json!({}))
        .await;
    assert_eq!((status, &gone["total"]), (200, &json!(3)));
    assert_eq!(world.list(&world.key(), &[]).await.1, 0);
}

#[tokio::test]
async fn a_deleted_column_takes_its_data_along() {
    let world = World::start().await;
    world
        .row("r", json!({"title": "x", "big": "old"}), &[])
        .await;
    let columns = "/tablesdb/main/tables/tasks/columns";
    assert_eq!(
        world
            .send(
                Method::DELETE,
                &format!("{columns}/big"),
                &world.key(),
                json!({})
            )
            .await
            .0,
        204
    );
    let (_, row) = world.get(&format!("{ROWS}/r"), &world.key()).await;
    assert_eq!(row.get("big"), None);
    let body = json!({"key": "big", "required": false});
    assert_eq!(
        world
            .send(
                Method::POST,
                &format!("{columns}/longtext"),
                &world.key(),
                body
            )
            .await
            .0,
        202
    );
    assert_eq!(
        world.get(&format!("{ROWS}/r"), &world.key()).await.1["big"],
        json!(null)
    );
}
