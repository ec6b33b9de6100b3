use futures::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::support::{PATIENCE, PROJECT, ROWS, Who, World, query};

type Stream =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

pub(crate) struct Socket(Stream);

impl Socket {
    pub(crate) async fn open(world: &World, query: &str, who: &Who) -> Self {
        let url = format!(
            "ws://127.0.0.1:{}/v1/realtime?{query}",
            world.running().port()
        );
        let mut request = url.into_client_request().unwrap();
        match who {
            Who::Guest => {}
            Who::Key(key) => drop(
                request
                    .headers_mut()
                    .insert("x-appwrite-key", key.parse().unwrap()),
            ),
            Who::Session(token) => {
                let cookie = format!("a_session_{PROJECT}={token}");
                request
                    .headers_mut()
                    .insert("cookie", cookie.parse().unwrap());
            }
        }
        Self(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    pub(crate) async fn hear(&mut self) -> Value {
        let frame = tokio::time::timeout(PATIENCE, self.0.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        serde_json::from_str(frame.to_text().unwrap()).unwrap()
    }

    async fn say(&mut self, message: &Value) -> Value {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
        self.hear().await
    }

    /// What came before the answer to a ping: everything so far.
    pub(crate) async fn heard(&mut self) -> Vec<Value> {
        self.0
            .send(Message::text(json!({"type": "ping"}).to_string()))
            .await
            .unwrap();
        let mut heard = Vec::new();
        loop {
            let message = self.hear().await;
            if message == json!({"type": "pong"}) {
                return heard;
            }
            heard.push(message);
        }
    }
}

pub(crate) const CHANNEL: &str = "databases.main.tables.tasks.rows";

pub(crate) fn ids(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message["data"]["payload"]["$id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn events_reach_permitted_readers_only() {
    let world = World::start().await;
    let ((alice_id, alice), (_, bob)) = (world.user().await, world.user().await);
    let address = format!("project={PROJECT}&channels[]={CHANNEL}&channels[]=account");
    let mut sockets = Vec::new();
    for who in [&alice, &bob, &Who::Guest, &world.key()] {
        let mut socket = Socket::open(&world, &address, who).await;
        assert_eq!(socket.hear().await["type"], "connected");
        sockets.push(socket);
    }
    world
        .row(
            "hers",
            json!({"title": "x"}),
            &[&format!("read(\"user:{alice_id}\")")],
        )
        .await;
    world.row("nobodys", json!({"title": "x"}), &[]).await;
    world
        .row("users", json!({"title": "x"}), &["read(\"users\")"])
        .await;
    world
        .row("anys", json!({"title": "x"}), &["read(\"any\")"])
        .await;
    let expected: [&[&str]; 4] = [
        &["hers", "users", "anys"],
        &["users", "anys"],
        &["anys"],
        &["anys"],
    ];
    for (socket, expected) in sockets.iter_mut().zip(expected) {
        assert_eq!(ids(&socket.heard().await), expected);
    }
    // Whoever loses access gets no last message.
    let body = json!({"permissions": [format!("read(\"user:{alice_id}\")")]});
    assert_eq!(
        world
            .send(Method::PATCH, &format!("{ROWS}/users"), &world.key(), body)
            .await
            .0,
        200
    );
    let updated = sockets[0].heard().await;
    assert_eq!(
        updated[0]["data"]["events"][0],
        "tablesdb.main.tables.tasks.rows.users.update"
    );
    assert_eq!(updated[0]["data"]["channels"].as_array().unwrap().len(), 16);
    assert!(sockets[1].heard().await.is_empty());
}

#[tokio::test]
async fn a_socket_may_authenticate_and_subscribe_later() {
    let world = World::start().await;
    let (user, session) = world.user().await;
    let Who::Session(token) = &session else {
        panic!()
    };
    let mut socket = Socket::open(&world, &format!("project={PROJECT}"), &Who::Guest).await;
    let data = json!({"channels": [], "subscriptions": [], "user": null});
    assert_eq!(
        socket.hear().await,
        json!({"type": "connected", "data": data})
    );
    let answer = socket
        .say(&json!({"type": "authentication", "data": {"session": token}}))
        .await;
    assert_eq!(
        (
            &answer["data"]["success"],
            answer["data"]["user"]["$id"].as_str()
        ),
        (&json!(true), Some(user.as_str()))
    );
    let filter = query("equal", "title", json!(["run"])).to_string();
    let subscribe = json!({"type": "subscribe", "data": [{"subscriptionId": "s", "channels": [CHANNEL], "queries": [filter]}]});
    let shown = json!([{"subscriptionId": "s", "channels": [CHANNEL],
        "queries": ["{\"method\":\"equal\",\"attribute\":\"title\",\"values\":[\"run\"]}"]}]);
    assert_eq!(socket.say(&subscribe).await["data"]["subscriptions"], shown);
    let readable = format!("read(\"user:{user}\")");
    world.row("a", json!({"title": "run"}), &[&readable]).await;
    world.row("b", json!({"title": "wait"}), &[&readable]).await;
    let heard = socket.heard().await;
    assert_eq!(
        (ids(&heard), &heard[0]["data"]["subscriptions"]),
        (vec!["a"], &json!(["s"]))
    );
    let answer = socket
        .say(&json!({"type": "unsubscribe", "data": [{"subscriptionId": "s"}]}))
        .await;
    assert_eq!(answer["data"]["to"], "unsubscribe");
    world.row("c", json!({"title": "run"}), &[&readable]).await;
    assert!(socket.heard().await.is_empty());
}

#[tokio::test]
async fn bad_messages_leave_the_socket_open() {
    let world = World::start().await;
    let mut socket = Socket::open(
        &world,
        &format!("project={PROJECT}&channels[]=rows"),
        &Who::Guest,
    )
    .await;
    socket.hear().await;
    let error = json!({"type": "error", "data": {"code": 1003, "message": "Error: Server Error"}});
    for message in [
        json!("not an object"),
        json!({"type": "nope"}),
        json!({"type": "authentication", "data": {"session": "garbage"}}),
        json!({"type": "subscribe", "data": [{"channels": ["rows"], "queries": [query("search", "title", json!(["x"])).to_string()]}]}),
    ] {
        assert_eq!(socket.say(&message).await, error, "{message}");
    }
    assert!(socket.heard().await.is_empty());
}

#[tokio::test]
async fn an_unknown_project_is_told_and_dropped() {
    let world = World::start().await;
    let mut socket = Socket::open(&world, "project=nope&channels[]=rows", &Who::Guest).await;
    let data = json!({"code": 1008, "message": "Missing or unknown project ID"});
    assert_eq!(socket.hear().await, json!({"type": "error", "data": data}));
    assert!(!matches!(socket.0.next().await, Some(Ok(Message::Text(_)))));
}

#[tokio::test]
async fn changes_of_a_user_reach_its_own_account_channel() {
    let world = World::start().await;
    let ((id, alice), (_, bob)) = (world.user().await, world.user().await);
    let address = format!("project={PROJECT}&channels[]={CHANNEL}&channels[]=account");
    let mut hers = Socket::open(&world, &address, &alice).await;
    let mut his = Socket::open(&world, &address, &bob).await;
    let channels = hers.hear().await["data"]["channels"].clone();
    assert_eq!(
        channels,
        json!([CHANNEL, "account", format!("account.{id}")])
    );
    his.hear().await;
    let body = json!({"name": "Alice"});
    let (status, _) = world
        .send(Method::PATCH, "/account/name", &alice, body)
        .await;
    assert_eq!(status, 200);
    let heard = hers.heard().await;
    assert_eq!(heard[0]["data"]["payload"]["name"], "Alice");
    assert_eq!(
        heard[0]["data"]["events"][0],
        format!("users.{id}.update.name")
    );
    assert!(his.heard().await.is_empty());
    // A label given while the socket is open counts at once.
    let body = json!({"labels": ["vip"]});
    let path = format!("/users/{id}/labels");
    let (status, _) = world.send(Method::PUT, &path, &world.key(), body).await;
    assert_eq!((status, hers.heard().await.len()), (200, 1));
    world
        .row("r", json!({"title": "x"}), &["read(\"label:vip\")"])
        .await;
    assert_eq!(ids(&hers.heard().await), ["r"]);
    assert!(his.heard().await.is_empty());
}

#[tokio::test]
async fn filters_of_the_address_are_asked_for_each_number_apart() {
    let world = World::start().await;
    let filter = |value: &str| {
        let text = query("equal", "title", json!([value])).to_string();
        percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let address = format!(
        "project={PROJECT}&channels[]=rows&rows[0][]={}&rows[1][]={}",
        filter("a"),
        filter("b")
    );
    let mut socket = Socket::open(&world, &address, &Who::Guest).await;
    let connected = socket.hear().await;
    let subscriptions = &connected["data"]["subscriptions"];
    for title in ["a", "b", "c"] {
        world
            .row(title, json!({"title": title}), &["read(\"any\")"])
            .await;
    }
    let heard = socket.heard().await;
    assert_eq!(ids(&heard), ["a", "b"]);
    for index in [0, 1] {
        assert_eq!(
            heard[index]["data"]["subscriptions"],
            json!([subscriptions[index]])
        );
    }
}
