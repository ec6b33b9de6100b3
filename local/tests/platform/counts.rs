use std::sync::Arc;

use reqwest::Method;
use serde_json::json;

use super::support::{ROWS, Who, World};

#[tokio::test]
async fn requests_of_executions_are_counted() {
    let world = World::start().await;
    let kernel = Arc::clone(world.running().kernel());
    let scopes = ["rows.read".to_owned(), "rows.write".to_owned()];
    let key = Who::Key(kernel.auth.mint_execution_key(
        "e1",
        &scopes,
        std::time::Duration::from_secs(60),
    ));
    let body = json!({"rowId": "r", "data": {"title": "x"}});
    assert_eq!(
        world.send(Method::POST, ROWS, &key, body.clone()).await.0,
        201
    );
    assert_eq!(
        world.send(Method::POST, ROWS, &key, body.clone()).await.0,
        409
    );
    assert_eq!(
        world
            .send(Method::POST, ROWS, &key, json!({"rows": [{"title": "x"}]}))
            .await
            .0,
        201
    );
    assert_eq!(world.get(ROWS, &key).await.0, 200);
    assert_eq!(world.get(ROWS, &world.key()).await.0, 200);
    let counts = json!({"rows.create": 2, "rows.create:conflict": 1, "rows.createMany": 1,
                        "rows.createMany:rows": 1, "rows.list": 1});
    assert_eq!(
        world.get("/local/counts", &world.key()).await,
        (200, counts)
    );
    assert_eq!(world.get("/local/counts", &key).await.0, 401);
    let narrow = Who::Key(kernel.auth.mint_execution_key(
        "e2",
        &scopes[..1],
        std::time::Duration::from_secs(60),
    ));
    let (status, error) = world.send(Method::POST, ROWS, &narrow, body).await;
    assert_eq!(
        (status, error["type"].as_str()),
        (401, Some("general_unauthorized_scope"))
    );
}
