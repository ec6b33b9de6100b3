use reqwest::Method;
use serde_json::{Value, json};

use super::support::{NARROW_KEY, PROJECT, ROWS, Who, World, answer};

#[tokio::test]
async fn an_anonymous_session_is_carried_by_every_way() {
    let world = World::start().await;
    let request = world
        .request(Method::POST, "/account/sessions/anonymous", &Who::Guest)
        .json(&json!({}));
    let response = request.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 201);
    let cookies: Vec<String> = response
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap().to_owned())
        .collect();
    assert!(cookies[0].starts_with(&format!("a_session_{PROJECT}_legacy=")));
    assert!(
        cookies[1].starts_with(&format!("a_session_{PROJECT}="))
            && cookies[1].ends_with("SameSite=None")
    );
    let fallback = response.headers()["x-fallback-cookies"]
        .to_str()
        .unwrap()
        .to_owned();
    let (_, session) = answer(response).await;
    assert_eq!(
        (session["secret"].as_str(), session["provider"].as_str()),
        (Some(""), Some("anonymous"))
    );
    let token: Value = serde_json::from_str(&fallback).unwrap();
    let token = token[format!("a_session_{PROJECT}")].as_str().unwrap();
    for (name, value) in [
        ("x-appwrite-session", token.to_owned()),
        ("x-fallback-cookies", fallback.clone()),
        ("cookie", cookies[0].split(';').next().unwrap().to_owned()),
        ("cookie", cookies[1].split(';').next().unwrap().to_owned()),
        ("cookie", format!("a_session_{PROJECT}={token}")),
    ] {
        let request = world
            .request(Method::GET, "/account", &Who::Guest)
            .header(name, value);
        let (status, account) = answer(request.send().await.unwrap()).await;
        assert_eq!(
            (status, &account["$id"]),
            (200, &session["userId"]),
            "{name}"
        );
        assert_eq!(account["labels"], json!(["orchestrator"]));
    }
}

#[tokio::test]
async fn a_jwt_ends_with_its_session() {
    let world = World::start().await;
    let (user, session) = world.user().await;
    let (status, body) = world
        .send(Method::POST, "/account/jwts", &session, json!({}))
        .await;
    assert_eq!(status, 201);
    let jwt = body["jwt"].as_str().unwrap().to_owned();
    let by_jwt = |jwt: String| {
        let request = world
            .request(Method::GET, "/account", &Who::Guest)
            .header("x-appwrite-jwt", jwt);
        async move { answer(request.send().await.unwrap()).await }
    };
    assert_eq!(
        by_jwt(jwt.clone()).await.1["$id"].as_str(),
        Some(user.as_str())
    );
    let (status, error) = by_jwt(format!("{jwt}x")).await;
    assert_eq!(
        (status, error["type"].as_str()),
        (401, Some("user_jwt_invalid"))
    );
    assert_eq!(
        world
            .send(
                Method::POST,
                "/account/jwts",
                &session,
                json!({"duration": 3601})
            )
            .await
            .0,
        400
    );
    assert_eq!(
        world
            .send(
                Method::DELETE,
                "/account/sessions/current",
                &session,
                json!({})
            )
            .await
            .0,
        204
    );
    assert_eq!(by_jwt(jwt).await.0, 401);
    let (status, error) = world.get("/account", &session).await;
    assert_eq!(
        (status, error["type"].as_str()),
        (401, Some("general_unauthorized_scope"))
    );
}

#[tokio::test]
async fn only_users_have_an_account() {
    let world = World::start().await;
    for who in [Who::Guest, world.key(), Who::Session("garbage".to_owned())] {
        let (status, error) = world.get("/account", &who).await;
        assert_eq!(
            (status, error["type"].as_str()),
            (401, Some("general_unauthorized_scope"))
        );
    }
    let (status, error) = world
        .get("/account", &Who::Key("standard_other".to_owned()))
        .await;
    assert_eq!(
        (status, error["type"].as_str()),
        (401, Some("user_unauthorized"))
    );
}

const PASSWORD: &str = "bobPassw0rd!";

/// Signs bob up and in; returns his session.
async fn bob(world: &World) -> Who {
    let body = json!({"userId": "bob", "email": "bob@localhost.test", "password": PASSWORD, "name": "Bob"});
    let (status, account) = world
        .send(Method::POST, "/account", &Who::Guest, body)
        .await;
    assert_eq!((status, &account["emailIsCorporate"]), (201, &json!(true)));
    let body = json!({"email": "bob@localhost.test", "password": PASSWORD});
    let (status, session) = world
        .send(Method::POST, "/account/sessions/email", &world.key(), body)
        .await;
    assert_eq!((status, &session["providerUid"]), (201, &account["email"]));
    Who::Session(session["secret"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_address_is_taken_once_and_needs_its_password() {
    let world = World::start().await;
    let session = bob(&world).await;
    let (status, account) = world.get("/account", &session).await;
    assert_eq!((status, &account["name"]), (200, &json!("Bob")));
    let again = json!({"userId": "bob2", "email": "BOB@localhost.test", "password": PASSWORD});
    let (status, body) = world
        .send(Method::POST, "/account", &Who::Guest, again)
        .await;
    assert_eq!(
        (status, &body["type"]),
        (409, &json!("user_already_exists"))
    );
    let wrong = json!({"email": "bob@localhost.test", "password": "wrong-password"});
    let request = world.request(Method::POST, "/account/sessions/email", &Who::Guest);
    let response = request.json(&wrong).send().await.unwrap();
    assert_eq!(response.headers()["x-ratelimit-remaining"], "9");
    let (status, body) = answer(response).await;
    assert_eq!(
        (status, &body["type"]),
        (401, &json!("user_invalid_credentials"))
    );
}

#[tokio::test]
async fn a_changed_password_replaces_the_old_one() {
    let world = World::start().await;
    let session = bob(&world).await;
    let change = |old: &str| json!({"password": "another-one", "oldPassword": old});
    let path = "/account/password";
    let (status, _) = world
        .send(Method::PATCH, path, &session, change("not-the-old"))
        .await;
    assert_eq!(status, 401);
    let (status, _) = world
        .send(Method::PATCH, path, &session, change(PASSWORD))
        .await;
    assert_eq!(status, 200);
    let login = json!({"email": "bob@localhost.test", "password": PASSWORD});
    let (status, _) = world
        .send(Method::POST, "/account/sessions/email", &Who::Guest, login)
        .await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn an_anonymous_user_keeps_its_id_when_it_gets_an_address() {
    let world = World::start().await;
    let (id, session) = world.user().await;
    let body = json!({"email": "eve@localhost.test", "password": PASSWORD});
    let (status, account) = world
        .send(Method::PATCH, "/account/email", &session, body.clone())
        .await;
    assert_eq!((status, account["$id"].as_str()), (200, Some(id.as_str())));
    assert_eq!(account["targets"][0]["identifier"], "eve@localhost.test");
    let (status, session) = world
        .send(Method::POST, "/account/sessions/email", &Who::Guest, body)
        .await;
    assert_eq!(
        (status, session["userId"].as_str()),
        (201, Some(id.as_str()))
    );
}

#[tokio::test]
async fn a_key_makes_sessions_and_tokens_and_blocks_users() {
    let world = World::start().await;
    let key = world.key();
    let body = json!({"userId": "ann", "name": "Ann"});
    let (status, _) = world.send(Method::POST, "/users", &key, body).await;
    assert_eq!(status, 201);
    let post =
        async |path: &str, body: Value, who: &Who| world.send(Method::POST, path, who, body).await;
    let (status, session) = post("/users/ann/sessions", json!({}), &key).await;
    assert_eq!((status, &session["provider"]), (201, &json!("server")));
    let ann = Who::Session(session["secret"].as_str().unwrap().to_owned());
    assert_eq!(world.get("/account", &ann).await.0, 200);

    let (_, token) = post("/users/ann/tokens", json!({}), &key).await;
    let body = json!({"userId": "ann", "secret": token["secret"]});
    let path = "/account/sessions/token";
    assert_eq!(post(path, body.clone(), &Who::Guest).await.0, 201);
    let (status, refused) = post(path, body, &Who::Guest).await;
    assert_eq!(
        (status, &refused["type"]),
        (401, &json!("user_invalid_token"))
    );

    let (_, list) = world.get("/users?search=ann", &key).await;
    assert_eq!(
        (&list["total"], &list["users"][0]["$id"]),
        (&json!(1), &json!("ann"))
    );
    let body = json!({"labels": ["vip", "vip"]});
    let (_, user) = world
        .send(Method::PUT, "/users/ann/labels", &key, body)
        .await;
    assert_eq!(user["labels"], json!(["vip"]));
    let body = json!({"status": false});
    let (status, _) = world
        .send(Method::PATCH, "/users/ann/status", &key, body)
        .await;
    assert_eq!(status, 200);
    let (status, refused) = world.get("/account", &ann).await;
    assert_eq!((status, &refused["type"]), (401, &json!("user_blocked")));
    let (status, _) = world
        .send(Method::DELETE, "/users/ann", &key, json!({}))
        .await;
    assert_eq!(status, 204);
    assert_eq!(world.get("/users/ann", &key).await.0, 404);
    assert_eq!(world.get("/users", &Who::Guest).await.0, 401);
}

#[tokio::test]
async fn a_narrow_key_does_only_what_its_scopes_say() {
    let world = World::start().await;
    let narrow = Who::Key(NARROW_KEY.to_owned());
    world.row("r", json!({"title": "x"}), &[]).await;
    assert_eq!(world.list(&narrow, &[]).await.0, ["r"]);
    let body = json!({"rowId": "s", "data": {"title": "x"}});
    let (status, refused) = world.send(Method::POST, ROWS, &narrow, body).await;
    assert_eq!(
        (status, &refused["type"]),
        (401, &json!("general_unauthorized_scope"))
    );
    assert_eq!(world.get("/users", &narrow).await.0, 401);
}
