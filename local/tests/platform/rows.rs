use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{ROWS, Who, World, query};

fn count(outcomes: &[(u16, Value)], status: u16, kind: Option<&str>) -> usize {
    outcomes
        .iter()
        .filter(|(code, body)| *code == status && kind.is_none_or(|kind| body["type"] == kind))
        .count()
}

#[tokio::test]
async fn a_new_row_is_answered_with_every_column() {
    let world = World::start().await;
    let data =
        json!({"title": "First", "due": "2026-12-01T10:00:00Z", "tags": ["a", "b"], "score": 0.5});
    let row = world
        .row(
            "task-1",
            data,
            &["read(\"user:alice\")", "write(\"user:alice\")"],
        )
        .await;
    let fixed = json!({
        "title": "First", "slug": null, "count": 0, "due": "2026-12-01T10:00:00.000+00:00", "done": false, "score": 0.5,
        "tags": ["a", "b"], "big": null, "$id": "task-1", "$sequence": "1", "$databaseId": "main", "$tableId": "tasks",
        "$permissions": ["read(\"user:alice\")", "update(\"user:alice\")", "delete(\"user:alice\")"],
        "$createdAt": row["$createdAt"], "$updatedAt": row["$createdAt"],
    });
    assert_eq!(row, fixed);
    assert_eq!(
        world.get(&format!("{ROWS}/task-1"), &world.key()).await,
        (200, row)
    );
}

#[tokio::test]
async fn data_survives_a_restart() {
    let mut world = World::start().await;
    let row = world.row("kept", json!({"title": "x"}), &[]).await;
    let (user, session) = world.user().await;
    world.restart().await;
    assert_eq!(
        world.get(&format!("{ROWS}/kept"), &world.key()).await,
        (200, row)
    );
    let (status, account) = world.get("/account", &session).await;
    assert_eq!(
        (status, account["$id"].as_str()),
        (200, Some(user.as_str()))
    );
}

#[tokio::test]
async fn one_of_eight_parallel_creates_wins() {
    let world = World::start().await;
    let create = |index: usize| {
        let body = json!({"rowId": "same", "data": {"title": "x", "slug": format!("s{index}")}});
        let world = &world;
        async move { world.send(Method::POST, ROWS, &world.key(), body).await }
    };
    let outcomes = join_all((0..8).map(create)).await;
    assert_eq!(count(&outcomes, 201, None), 1);
    assert_eq!(count(&outcomes, 409, Some("row_already_exists")), 7);
}

#[tokio::test]
async fn one_of_eight_parallel_patches_with_one_timestamp_wins() {
    let world = World::start().await;
    for round in 0..5 {
        let row = world
            .row(&format!("cas-{round}"), json!({"title": "x"}), &[])
            .await;
        let path = format!("{ROWS}/cas-{round}");
        let read_at = row["$updatedAt"].as_str().unwrap();
        let patch = |index: i32| {
            let request = world
                .request(Method::PATCH, &path, &world.key())
                .header("x-appwrite-timestamp", read_at);
            let request = request.json(&json!({"data": {"title": format!("w{index}")}}));
            async move { super::support::answer(request.send().await.unwrap()).await }
        };
        let outcomes = join_all((0..8).map(patch)).await;
        assert_eq!(count(&outcomes, 200, None), 1);
        assert_eq!(count(&outcomes, 409, Some("row_update_conflict")), 7);
    }
}

#[tokio::test]
async fn successive_changes_are_a_millisecond_apart() {
    let world = World::start().await;
    let mut last = world.row("r", json!({"title": "x"}), &[]).await["$updatedAt"]
        .as_str()
        .unwrap()
        .to_owned();
    for index in 0..20 {
        let body = json!({"data": {"title": format!("t{index}")}});
        let (_, row) = world
            .send(Method::PATCH, &format!("{ROWS}/r"), &world.key(), body)
            .await;
        let now = row["$updatedAt"].as_str().unwrap().to_owned();
        assert!(now > last, "{now} {last}");
        last = now;
    }
}

#[tokio::test]
async fn an_equal_patch_moves_nothing_but_is_told() {
    let world = World::start().await;
    let row = world.row("r", json!({"title": "x"}), &[]).await;
    let mut events = world.running().kernel().bus.subscribe();
    let body = json!({"data": {"title": "x"}});
    assert_eq!(
        world
            .send(Method::PATCH, &format!("{ROWS}/r"), &world.key(), body)
            .await,
        (200, row.clone())
    );
    let event = events.recv().await.unwrap();
    assert_eq!(
        event.names.list()[0],
        "databases.main.tables.tasks.rows.r.update"
    );
    assert_eq!(event.payload, row);
}

#[tokio::test]
async fn events_follow_the_commit_with_the_answered_row() {
    let world = World::start().await;
    let mut events = world.running().kernel().bus.subscribe();
    let row = world
        .row("r", json!({"title": "x"}), &["read(\"user:a\")"])
        .await;
    let created = events.recv().await.unwrap();
    assert_eq!(
        created.names.list()[0],
        "databases.main.collections.tasks.documents.r.create"
    );
    assert_eq!(
        created.realtime_names.list()[0],
        "tablesdb.main.tables.tasks.rows.r.create"
    );
    assert_eq!(
        (&created.payload, created.readers.as_slice()),
        (&row, ["user:a".to_owned()].as_slice())
    );
    let (status, _) = world
        .send(
            Method::DELETE,
            &format!("{ROWS}/r"),
            &world.key(),
            json!({}),
        )
        .await;
    assert_eq!(status, 204);
    let deleted = events.recv().await.unwrap();
    assert_eq!(
        (deleted.names.list()[0].as_str(), &deleted.payload),
        ("databases.main.tables.tasks.rows.r.delete", &row)
    );
}

fn refused_writes() -> [(Value, u16, &'static str); 12] {
    let long = "é".repeat(11);
    [
        (
            json!({"rowId": "TASK-1", "data": {"title": "x"}}),
            409,
            "row_already_exists",
        ),
        (
            json!({"rowId": "u", "data": {"title": "x", "slug": "ONE"}}),
            409,
            "row_already_exists",
        ),
        (json!({"rowId": "a"}), 400, "row_missing_data"),
        (json!({"data": {"title": "x"}}), 400, "row_missing_data"),
        (
            json!({"rowId": "_a", "data": {"title": "x"}}),
            400,
            "general_argument_invalid",
        ),
        (
            json!({"rowId": "a", "data": {"slug": "x"}}),
            400,
            "row_invalid_structure",
        ),
        (
            json!({"rowId": "a", "data": {"title": 5}}),
            400,
            "row_invalid_structure",
        ),
        (
            json!({"rowId": "a", "data": {"title": long}}),
            400,
            "row_invalid_structure",
        ),
        (
            json!({"rowId": "a", "data": {"title": "x", "count": 101}}),
            400,
            "row_invalid_structure",
        ),
        (
            json!({"rowId": "a", "data": {"title": "x", "tags": "a"}}),
            400,
            "row_invalid_structure",
        ),
        (
            json!({"rowId": "a", "data": {"title": "x", "nope": 1}}),
            400,
            "row_invalid_structure",
        ),
        (
            json!({"rowId": "a", "data": {"title": "x"}, "permissions": ["create(\"any\")"]}),
            400,
            "general_argument_invalid",
        ),
    ]
}

#[tokio::test]
async fn refused_writes_are_told_by_their_type() {
    let world = World::start().await;
    world
        .row("task-1", json!({"title": "x", "slug": "one"}), &[])
        .await;
    for (body, status, kind) in refused_writes() {
        let (code, answer) = world
            .send(Method::POST, ROWS, &world.key(), body.clone())
            .await;
        assert_eq!(
            (code, answer["type"].as_str()),
            (status, Some(kind)),
            "{body}"
        );
        assert_eq!(answer["code"], status);
    }
    assert_eq!(world.list(&world.key(), &[]).await.1, 1);
}

#[tokio::test]
async fn an_empty_patch_is_refused() {
    let world = World::start().await;
    world.row("task-1", json!({"title": "x"}), &[]).await;
    let (status, error) = world
        .send(
            Method::PATCH,
            &format!("{ROWS}/task-1"),
            &world.key(),
            json!({"data": {}}),
        )
        .await;
    assert_eq!(
        (status, error["type"].as_str()),
        (400, Some("row_missing_payload"))
    );
}

#[tokio::test]
async fn a_bulk_create_is_all_or_nothing() {
    let world = World::start().await;
    let rows = json!({"rows": [{"$id": "b1", "title": "x"}, {"title": "y", "$permissions": ["read(\"any\")"]}]});
    let (status, answer) = world
        .send(Method::POST, ROWS, &world.key(), rows.clone())
        .await;
    assert_eq!((status, answer["total"].as_i64()), (201, Some(2)));
    let clash = json!({"rows": [{"$id": "b2", "title": "x"}, {"$id": "b1", "title": "y"}]});
    let (status, error) = world.send(Method::POST, ROWS, &world.key(), clash).await;
    assert_eq!(
        (status, error["type"].as_str()),
        (409, Some("row_already_exists"))
    );
    assert_eq!(world.get(&format!("{ROWS}/b2"), &world.key()).await.0, 404);
    let (_, user) = world.user().await;
    let (status, error) = world.send(Method::POST, ROWS, &user, rows).await;
    assert_eq!(
        (status, error["type"].as_str()),
        (401, Some("general_unauthorized_scope"))
    );
    let many: Vec<Value> = (0..101).map(|_| json!({"title": "x"})).collect();
    assert_eq!(
        world
            .send(Method::POST, ROWS, &world.key(), json!({"rows": many}))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn a_user_sees_and_changes_only_his_own_rows() {
    let world = World::start().await;
    let ((_, alice), (bob_id, bob)) = (world.user().await, world.user().await);
    let body = json!({"rowId": "mine", "data": {"title": "x"}});
    let (status, row) = world.send(Method::POST, ROWS, &alice, body).await;
    assert_eq!(
        (status, row["$permissions"].as_array().map(Vec::len)),
        (201, Some(3))
    );
    world
        .row(
            "shown",
            json!({"title": "y"}),
            &[&format!("read(\"user:{bob_id}\")")],
        )
        .await;
    world.row("hidden", json!({"title": "y"}), &[]).await;
    world
        .row(
            "labelled",
            json!({"title": "y"}),
            &["read(\"label:orchestrator\")"],
        )
        .await;
    let path = |id: &str| format!("{ROWS}/{id}");
    assert_eq!(world.get(&path("mine"), &alice).await.0, 200);
    let (status, error) = world.get(&path("mine"), &bob).await;
    assert_eq!(
        (status, error["type"].as_str()),
        (404, Some("row_not_found"))
    );
    let (ids, total) = world.list(&bob, &[]).await;
    assert_eq!(
        (ids, total),
        (vec!["shown".to_owned(), "labelled".to_owned()], 2)
    );
    for id in ["mine", "shown"] {
        let (status, error) = world
            .send(
                Method::PATCH,
                &path(id),
                &bob,
                json!({"data": {"title": "z"}}),
            )
            .await;
        assert_eq!(
            (status, error["type"].as_str()),
            (401, Some("user_unauthorized")),
            "{id}"
        );
        assert_eq!(
            world
                .send(Method::DELETE, &path(id), &bob, json!({}))
                .await
                .0,
            401
        );
    }
    let body = json!({"rowId": "g", "data": {"title": "x"}});
    assert_eq!(
        world.send(Method::POST, ROWS, &Who::Guest, body).await.0,
        401
    );
    assert_eq!(
        world
            .send(Method::DELETE, &path("mine"), &alice, json!({}))
            .await
            .0,
        204
    );
}

#[tokio::test]
async fn queries_choose_order_and_page() {
    let world = World::start().await;
    for index in 0..30 {
        let due = (index % 2 == 0).then_some("2026-12-01T10:00:00Z");
        let data = json!({"title": format!("t_{index}"), "count": index % 5, "due": due, "tags": [format!("g{}", index % 3)]});
        world.row(&format!("r{index:02}"), data, &[]).await;
    }
    let key = world.key();
    let total = |filter: Value| {
        let (world, key) = (&world, &key);
        async move { world.list(key, &[filter]).await.1 }
    };
    assert_eq!(world.list(&key, &[]).await.0.len(), 25);
    assert_eq!(total(query("equal", "count", json!([1, 2]))).await, 12);
    assert_eq!(total(query("notEqual", "count", json!([1]))).await, 24);
    assert_eq!(total(query("lessThan", "count", json!([1]))).await, 6);
    assert_eq!(
        total(query("greaterThanEqual", "count", json!([3]))).await,
        12
    );
    assert_eq!(total(query("between", "count", json!([1, 3]))).await, 18);
    assert_eq!(total(query("isNull", "due", json!([]))).await, 15);
    assert_eq!(total(query("isNotNull", "due", json!([]))).await, 15);
    assert_eq!(total(query("contains", "tags", json!(["g0"]))).await, 10);
    assert_eq!(total(query("contains", "title", json!(["_2"]))).await, 11);
    assert_eq!(
        total(query("startsWith", "title", json!(["T_1"]))).await,
        11
    );
    assert_eq!(total(query("endsWith", "title", json!(["9"]))).await, 3);
    assert_eq!(total(query("equal", "$id", json!(["R01", "r02"]))).await, 2);
    assert_eq!(
        total(query(
            "lessThan",
            "$createdAt",
            json!(["2030-01-01T00:00:00.000+00:00"])
        ))
        .await,
        30
    );
    let both = json!([
        query("equal", "count", json!([1])),
        query("isNull", "due", json!([]))
    ]);
    assert_eq!(total(json!({"method": "and", "values": both})).await, 3);
    assert_eq!(total(json!({"method": "or", "values": both})).await, 18);
}

#[tokio::test]
async fn cursors_walk_all_rows_in_any_order() {
    let world = World::start().await;
    for index in 0..13 {
        let count = index % 3;
        world
            .row(
                &format!("r{index:02}"),
                json!({"title": "x", "count": count}),
                &[],
            )
            .await;
    }
    let order = query("orderDesc", "count", json!([]));
    let (all, _) = world.list(&world.key(), std::slice::from_ref(&order)).await;
    assert_eq!(all.len(), 13);
    let mut walked: Vec<String> = Vec::new();
    loop {
        let mut queries = vec![order.clone(), query("limit", "", json!([4]))];
        queries.extend(
            walked
                .last()
                .map(|id| query("cursorAfter", "", json!([id]))),
        );
        let (page, total) = world.list(&world.key(), &queries).await;
        assert_eq!(total, 13);
        if page.is_empty() {
            break;
        }
        walked.extend(page);
    }
    assert_eq!(walked, all);
    let before = [
        order,
        query("limit", "", json!([4])),
        query("cursorBefore", "", json!([all[9]])),
    ];
    assert_eq!(world.list(&world.key(), &before).await.0, all[5..9]);
    // A cursor needs a row that has what is ordered by.
    world
        .row("none", json!({"title": "x", "due": null}), &[])
        .await;
    let path = format!(
        "{ROWS}?queries[]={}&queries[]={}",
        r#"{"method":"orderAsc","attribute":"due"}"#,
        r#"{"method":"cursorAfter","values":["none"]}"#
    );
    let (status, error) = world.get(&path, &world.key()).await;
    assert_eq!(
        (status, &error["type"]),
        (400, &json!("database_query_order_null"))
    );
}

#[tokio::test]
async fn bad_queries_are_refused() {
    let world = World::start().await;
    for (query, kind) in [
        ("queries[]=not json", "general_query_invalid"),
        (
            r#"queries[]={"method":"equal","attribute":"title","values":"x"}"#,
            "general_query_invalid",
        ),
        (
            r#"queries[]={"method":"equal","attribute":"nope","values":["x"]}"#,
            "general_query_invalid",
        ),
        (
            r#"queries[]={"method":"equal","attribute":"count","values":["x"]}"#,
            "general_query_invalid",
        ),
        (
            r#"queries[]={"method":"limit","values":[0]}"#,
            "general_query_invalid",
        ),
        (
            r#"queries[]={"method":"cursorAfter","values":["missing"]}"#,
            "general_cursor_not_found",
        ),
        (
            r#"queries={"method":"limit","values":[1]}"#,
            "general_argument_invalid",
        ),
    ] {
        let (status, error) = world
            .get(
                &format!("{ROWS}?{}", query.replace('"', "%22").replace(' ', "%20")),
                &world.key(),
            )
            .await;
        assert_eq!(
            (status, error["type"].as_str()),
            (400, Some(kind)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn the_conflict_header_is_read_strictly() {
    let world = World::start().await;
    let row = world.row("r", json!({"title": "x"}), &[]).await;
    let send = |method: Method, stamp: String, body: Value| {
        let request = world
            .request(method, &format!("{ROWS}/r"), &world.key())
            .header("x-appwrite-timestamp", stamp);
        async move { super::support::answer(request.json(&body).send().await.unwrap()).await }
    };
    let old = "2020-01-01T00:00:00.000+00:00".to_owned();
    let (status, error) = send(Method::PATCH, old.clone(), json!({"data": {"title": "a"}})).await;
    assert_eq!(
        (status, error["type"].as_str()),
        (409, Some("row_update_conflict"))
    );
    assert_eq!(send(Method::DELETE, old, json!({})).await.0, 409);
    assert_eq!(
        send(
            Method::PATCH,
            "garbage".to_owned(),
            json!({"data": {"title": "a"}})
        )
        .await
        .0,
        400
    );
    let read_at = row["$updatedAt"].as_str().unwrap().to_owned();
    assert_eq!(
        send(Method::PATCH, read_at, json!({"data": {"title": "b"}}))
            .await
            .0,
        200
    );
    let future = "2035-01-01T00:00:00.000+00:00".to_owned();
    assert_eq!(send(Method::DELETE, future, json!({})).await.0, 204);
}

#[tokio::test]
async fn unknown_places_are_told_apart() {
    let world = World::start().await;
    let kind = |path: &'static str| {
        let world = &world;
        async move {
            let (status, error) = world.get(path, &world.key()).await;
            (status, error["type"].as_str().unwrap().to_owned())
        }
    };
    assert_eq!(
        kind("/tablesdb/nope/tables/tasks/rows").await,
        (404, "database_not_found".to_owned())
    );
    assert_eq!(
        kind("/tablesdb/main/tables/nope/rows").await,
        (404, "table_not_found".to_owned())
    );
    assert_eq!(
        kind("/tablesdb/main/tables/tasks/rows/nope").await,
        (404, "row_not_found".to_owned())
    );
}
