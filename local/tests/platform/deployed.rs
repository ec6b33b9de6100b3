//! What the pages of a deployed application ask of the API, from their own origin.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{PROJECT, Who, World, answer};

const ITEMS: &str = "/tablesdb/app/tables/items/rows";

/// A deployed application's page in the browser of one visitor.
struct Page<'a> {
    world: &'a World,
    origin: &'a str,
    /// What the web SDK keeps of `X-Fallback-Cookies`.
    cookies: String,
    user_id: String,
}

impl<'a> Page<'a> {
    fn open(world: &'a World, origin: &'a str) -> Self {
        Self {
            world,
            origin,
            cookies: String::new(),
            user_id: String::new(),
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Response {
        let request = self.world.request(method, path, &Who::Guest);
        let request = request
            .header("origin", self.origin)
            .header("x-fallback-cookies", &self.cookies);
        let request = match body {
            Value::Null => request,
            Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => request.json(&body),
        };
        let response = request.send().await.unwrap();
        if response.status() != 403 {
            let allowed = &response.headers()["access-control-allow-origin"];
            assert_eq!(allowed, self.origin);
            let headers = response.headers();
            assert_eq!(headers["access-control-allow-credentials"], "true");
        }
        response
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        answer(self.ask(method, path, body).await).await
    }

    /// Signs up and in.
    async fn enter(&mut self, name: &str) {
        let email = format!("{name}@example.com");
        let body = json!({"userId": name, "email": email, "password": "a good password"});
        let (status, user) = self.send(Method::POST, "/account", body).await;
        assert_eq!(status, 201, "{user}");
        let body = json!({"email": email, "password": "a good password"});
        let response = self
            .ask(Method::POST, "/account/sessions/email", body)
            .await;
        assert_eq!(response.status(), 201);
        let exposed = response.headers()["access-control-expose-headers"]
            .to_str()
            .unwrap();
        assert!(exposed.contains("X-Fallback-Cookies"));
        let cookies = response.headers()["x-fallback-cookies"].to_str().unwrap();
        assert!(cookies.contains(&format!("a_session_{PROJECT}")));
        self.cookies = cookies.to_owned();
        let (status, user) = self.send(Method::GET, "/account", Value::Null).await;
        assert_eq!((status, &user["$id"]), (200, &json!(name)));
        self.user_id = name.to_owned();
    }

    async fn add(&self, id: &str) -> (u16, Value) {
        let body = json!({"rowId": id, "data": {"text": id}});
        self.send(Method::POST, ITEMS, body).await
    }

    async fn items(&self) -> (i64, Vec<Value>) {
        let (status, list) = self.send(Method::GET, ITEMS, Value::Null).await;
        assert_eq!(status, 200, "{list}");
        let rows = list["rows"].as_array().unwrap().iter();
        let ids = rows.map(|row| row["$id"].clone()).collect();
        (list["total"].as_i64().unwrap(), ids)
    }
}

/// A site at a domain and a table whose rows belong to who makes them.
async fn deployed() -> (World, String) {
    let world = World::start().await;
    let make = async |path: &str, body: Value| {
        let (status, made) = world.send(Method::POST, path, &world.key(), body).await;
        assert_eq!(status, 201, "{path} {made}");
    };
    make("/tablesdb", json!({"databaseId": "app", "name": "App"})).await;
    let table = json!({
        "tableId": "items", "name": "Items", "rowSecurity": true,
        "permissions": ["create(\"users\")"],
        "columns": [{"key": "text", "type": "string", "size": 100, "required": true}],
    });
    make("/tablesdb/app/tables", table).await;
    let site = json!({
        "siteId": "todo", "name": "Todo", "framework": "other", "buildRuntime": "static-1",
    });
    make("/sites", site).await;
    let rule = json!({"domain": "todo.localhost", "siteId": "todo"});
    make("/proxy/rules/site", rule).await;
    let origin = format!("http://todo.localhost:{}", world.running().port());
    (world, origin)
}

#[tokio::test]
async fn two_users_of_a_deployed_app_see_their_own_rows_only() {
    let (world, origin) = deployed().await;
    let (mut ann, mut ben) = (Page::open(&world, &origin), Page::open(&world, &origin));
    assert_eq!(ann.add("nobodys").await.0, 401);
    ann.enter("ann").await;
    ben.enter("ben").await;
    for (page, id) in [(&ann, "a1"), (&ann, "a2"), (&ben, "b1")] {
        let (status, row) = page.add(id).await;
        assert_eq!(status, 201, "{row}");
        let own = ["read", "update", "delete"]
            .map(|action| format!("{action}(\"user:{}\")", page.user_id));
        assert_eq!(row["$permissions"], json!(own));
    }
    assert_eq!(ann.items().await, (2, vec![json!("a1"), json!("a2")]));
    assert_eq!(ben.items().await, (1, vec![json!("b1")]));
    assert_eq!(Page::open(&world, &origin).items().await, (0, Vec::new()));
    let row = format!("{ITEMS}/a1");
    let (status, error) = ben.send(Method::GET, &row, Value::Null).await;
    assert_eq!((status, &error["type"]), (404, &json!("row_not_found")));
    let change = json!({"data": {"text": "mine"}});
    assert_eq!(ben.send(Method::PATCH, &row, change.clone()).await.0, 401);
    assert_eq!(ben.send(Method::DELETE, &row, Value::Null).await.0, 401);
    // Nor may one give a row to somebody else.
    let gift = json!({
        "rowId": "gift", "data": {"text": "x"}, "permissions": ["read(\"user:ben\")"],
    });
    assert_eq!(ann.send(Method::POST, ITEMS, gift).await.0, 401);
    assert_eq!(ann.send(Method::PATCH, &row, change).await.0, 200);
    assert_eq!(ann.send(Method::DELETE, &row, Value::Null).await.0, 204);
    assert_eq!(ann.items().await, (1, vec![json!("a2")]));
}

#[tokio::test]
async fn pages_of_a_domain_without_a_rule_are_refused() {
    let (world, origin) = deployed().await;
    let stranger = origin.replace("todo", "other");
    let page = Page::open(&world, &stranger);
    let (status, error) = page.send(Method::GET, "/account", Value::Null).await;
    let kind = json!("general_unknown_origin");
    assert_eq!((status, &error["type"]), (403, &kind));
    let preflight = world.request(Method::OPTIONS, ITEMS, &Who::Guest);
    let preflight = preflight
        .header("origin", &origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,x-appwrite-project,x-fallback-cookies",
        );
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.status(), 204);
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], origin.as_str());
    assert_eq!(headers["access-control-allow-credentials"], "true");
    let allowed = headers["access-control-allow-headers"].to_str().unwrap();
    assert!(allowed.contains("x-fallback-cookies"));
}
