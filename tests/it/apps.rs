//! Apps as they are deployed, used as programs and signed-in people use them.

use reqwest::Client;
use serde_json::{Value, json};

use crate::world::World;

const PROJECT: &str = "orchestrator";

/// A program that speaks with the platform and with what it serves.
struct Caller {
    client: Client,
    endpoint: String,
    /// Where the platform listens; `*.localhost` need not resolve.
    origin: String,
    /// What stands for the cookies of a session.
    cookies: String,
}

impl Caller {
    /// Signs a new person in.
    async fn sign_in(world: &World) -> Self {
        let client = Client::builder().build().unwrap();
        let endpoint = world.hosting.platform.endpoint().to_owned();
        let path = format!("{endpoint}/account/sessions/anonymous");
        let answer = client.post(path).header("x-appwrite-project", PROJECT);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let cookies = answer.headers()["x-fallback-cookies"].to_str().unwrap();
        Self {
            cookies: cookies.to_owned(),
            origin: format!("http://127.0.0.1:{}", world.hosting.platform.port()),
            client,
            endpoint,
        }
    }

    /// Asks Appwrite in the person's name.
    async fn appwrite(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.endpoint));
        let request = request
            .header("x-appwrite-project", PROJECT)
            .header("x-fallback-cookies", &self.cookies)
            .json(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 201, "{path}");
        answer.json().await.unwrap()
    }

    async fn jwt(&self) -> String {
        let answer = self.appwrite("/account/jwts", &json!({})).await;
        answer["jwt"].as_str().unwrap().to_owned()
    }

    /// What a deployed site or function at `url` answers.
    async fn ask(&self, method: &str, url: &str, jwt: Option<&str>, body: &str) -> (u16, Value) {
        let (host, path) = url
            .strip_prefix("http://")
            .unwrap()
            .split_once('/')
            .unwrap();
        let method = method.parse().unwrap();
        let mut request = self
            .client
            .request(method, format!("{}/{path}", self.origin))
            .header("host", host)
            .body(body.to_owned());
        if let Some(jwt) = jwt {
            request = request.header("x-account-jwt", jwt);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(json!(text)))
    }
}

async fn completed(world: &World, brief: &Value) -> String {
    let row = world.run(brief).await;
    assert_eq!(
        row.text("status"),
        Some("completed"),
        "{:?}",
        row.text("failure")
    );
    row.text("siteUrl")
        .unwrap()
        .trim_end_matches('/')
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_api_keeps_the_items_of_each_caller_apart() {
    let world = World::start().await;
    let brief = json!({"name": "inventory", "description": "Items over HTTP.", "type": "api", "requirements": ["CRUD"]});
    let url = completed(&world, &brief).await;
    let (ada, bob) = (Caller::sign_in(&world).await, Caller::sign_in(&world).await);
    let (hers, his) = (ada.jwt().await, bob.jwt().await);
    let call = async |method: &str, path: &str, jwt: Option<&str>, body: &str| {
        ada.ask(method, &format!("{url}{path}"), jwt, body).await
    };
    let (hers, his) = (Some(hers.as_str()), Some(his.as_str()));
    let (status, about) = call("GET", "/", None, "").await;
    assert_eq!((status, &about["service"]), (200, &json!("items")));

    let (status, item) = call(
        "POST",
        "/items",
        hers,
        r#"{"title": "Loom", "tags": ["wood"]}"#,
    )
    .await;
    assert_eq!((status, &item["title"]), (201, &json!("Loom")), "{item}");
    let path = format!("/items/{}", item["id"].as_str().unwrap());
    assert_eq!(call("GET", &path, hers, "").await, (200, item.clone()));
    let (status, changed) = call(
        "PATCH",
        &path,
        hers,
        r#"{"done": true, "due": "2030-12-31"}"#,
    )
    .await;
    assert_eq!((status, &changed["done"]), (200, &json!(true)), "{changed}");
    let totals =
        async |jwt: Option<&str>| call("GET", "/items?limit=10", jwt, "").await.1["total"].clone();
    assert_eq!(
        (totals(hers).await, totals(his).await),
        (json!(1), json!(0))
    );
    for method in ["GET", "DELETE"] {
        assert_eq!(call(method, &path, his, "").await.0, 404, "{method}");
    }
    assert_eq!(call("PATCH", &path, his, r#"{"done": false}"#).await.0, 404);

    for (expected, method, path, jwt, body) in [
        (401, "GET", "/items", None, ""),
        (401, "GET", "/items", Some("not.a.token"), ""),
        (400, "POST", "/items", hers, "not JSON"),
        (400, "POST", "/items", hers, r#"{"done": true}"#),
        (400, "POST", "/items", hers, r#"{"title": "a", "price": 1}"#),
        (400, "GET", "/items?limit=0", hers, ""),
        (404, "GET", "/nothing", hers, ""),
        (404, "GET", "/items/none", hers, ""),
        (405, "PUT", "/items", hers, ""),
    ] {
        let (status, answer) = call(method, path, jwt, body).await;
        assert_eq!(status, expected, "{method} {path} {answer}");
        assert!(answer["error"].is_string(), "{answer}");
    }
    assert_eq!(call("DELETE", &path, hers, "").await.0, 204);
    assert_eq!(totals(hers).await, json!(0));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fullstack_app_counts_the_items_of_whoever_asks() {
    let world = World::start().await;
    let brief = json!({"name": "counted", "description": "A list.", "type": "fullstack", "requirements": ["CRUD"]});
    let url = completed(&world, &brief).await;
    let (ada, bob) = (Caller::sign_in(&world).await, Caller::sign_in(&world).await);
    let (status, config) = ada
        .ask("GET", &format!("{url}/app-config.json"), None, "")
        .await;
    assert_eq!(status, 200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = format!(
        "/tablesdb/{}/tables/items/rows",
        text(&config["databaseId"])
    );
    for (title, done) in [("Loom", false), ("Boat", true), ("Kite", true)] {
        let data = json!({"title": title, "done": done});
        ada.appwrite(&rows, &json!({"rowId": "unique()", "data": data}))
            .await;
    }
    let function = text(&config["functions"]["stats"]["functionId"]);
    let count = async |caller: &Caller| {
        let ask = json!({"method": "GET", "path": "/counts", "body": ""});
        let execution = caller
            .appwrite(&format!("/functions/{function}/executions"), &ask)
            .await;
        text(&execution["responseBody"])
    };
    assert_eq!(count(&ada).await, r#"{"open":1,"done":2}"#);
    assert_eq!(count(&bob).await, r#"{"open":0,"done":0}"#);
    let (status, _) = ada
        .ask("GET", &format!("{url}/functions/stats/main.js"), None, "")
        .await;
    assert_eq!(status, 404, "the site serves the function's files");
    world.stop().await;
}

/// The briefs of `examples/`, by file name.
fn examples() -> Vec<(String, Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let brief = serde_json::from_slice(&std::fs::read(entry.path()).unwrap()).unwrap();
            (entry.file_name().into_string().unwrap(), brief)
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// Uses what an example became as its first visitor does.
async fn is_of_use(visitor: &Caller, file: &str, brief: &Value, url: &str) {
    let (status, page) = visitor.ask("GET", &format!("{url}/"), None, "").await;
    assert_eq!(status, 200, "{file}");
    if brief["type"] != "api" {
        let page = page.as_str().unwrap();
        assert!(page.contains(brief["name"].as_str().unwrap()), "{file}");
        assert!(!page.contains("Not implemented"), "{file}: {page}");
        return;
    }
    let jwt = visitor.jwt().await;
    let items = format!("{url}/items");
    let title = r#"{"title": "Lamp"}"#;
    let (status, made) = visitor.ask("POST", &items, Some(&jwt), title).await;
    assert_eq!(status, 201, "{file}: {made}");
    let (_, listed) = visitor.ask("GET", &items, Some(&jwt), "").await;
    assert_eq!(listed["total"], 1, "{file}: {listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_example_becomes_something_that_works() {
    let world = World::start().await;
    let visitor = Caller::sign_in(&world).await;
    for (file, brief) in examples() {
        let url = completed(&world, &brief).await;
        is_of_use(&visitor, &file, &brief, &url).await;
    }
    world.stop().await;
}
