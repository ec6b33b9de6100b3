use reqwest::Method;
use serde_json::{Value, json};

use super::support::{PROJECT, Who, World, answer};

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
