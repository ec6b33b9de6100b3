//! The project `console` and admin mode.

use std::os::unix::fs::PermissionsExt as _;

use http::header;
use local::admin::EMAIL_DEFAULT;
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::support::{PROJECT, ROWS, Who, World, answer};

/// The console's answer to a request with a cookie.
async fn console(
    world: &World,
    method: Method,
    path: &str,
    cookie: &str,
    body: Value,
) -> (u16, Value) {
    let request = world.request(method, path, &Who::Guest);
    let mut request = request.json(&body).build().unwrap();
    let project = http::HeaderValue::from_static("console");
    request.headers_mut().insert("x-appwrite-project", project);
    let cookie = http::HeaderValue::from_str(cookie).unwrap();
    request.headers_mut().insert(header::COOKIE, cookie);
    answer(super::support::client().execute(request).await.unwrap()).await
}

/// Signs in; returns the whole `Set-Cookie` value, as the CLI sends it back.
async fn sign_in(world: &World) -> String {
    let administrator = world.running().administrator().unwrap();
    let password = administrator.password.expose_secret();
    let request = world.request(Method::POST, "/account/sessions/email", &Who::Guest);
    let mut request = request
        .json(&json!({"email": EMAIL_DEFAULT, "password": password}))
        .build()
        .unwrap();
    let project = http::HeaderValue::from_static("console");
    request.headers_mut().insert("x-appwrite-project", project);
    let response = super::support::client().execute(request).await.unwrap();
    assert_eq!(response.status(), 201);
    let cookie = &response.headers()["set-cookie"];
    cookie.to_str().unwrap().to_owned()
}

async fn list(world: &World, cookie: &str, mode: &str) -> (u16, Value) {
    let request = world.request(Method::GET, ROWS, &Who::Guest);
    let request = request
        .header("cookie", cookie)
        .header("x-appwrite-mode", mode);
    answer(request.send().await.unwrap()).await
}

#[tokio::test]
async fn an_administrator_may_do_in_admin_mode_what_the_key_may() {
    let world = World::start().await;
    world.row("private", json!({"title": "x"}), &[]).await;
    let cookie = sign_in(&world).await;
    assert!(cookie.starts_with("a_session_console="), "{cookie}");
    let (status, rows) = list(&world, &cookie, "admin").await;
    assert_eq!((status, &rows["total"]), (200, &json!(1)));
    // Without the mode, or with another project's cookie, it is nobody.
    assert_eq!(list(&world, &cookie, "default").await.1["total"], json!(0));
    let other = cookie.replace("a_session_console", &format!("a_session_{PROJECT}"));
    assert_eq!(list(&world, &other, "admin").await.1["total"], json!(0));
}

#[tokio::test]
async fn a_session_of_the_console_ends_when_it_is_deleted() {
    let mut world = World::start().await;
    let cookie = sign_in(&world).await;
    world.restart().await;
    let get = |path: &'static str| console(&world, Method::GET, path, &cookie, json!({}));
    let (status, account) = get("/account").await;
    assert_eq!((status, &account["email"]), (200, &json!(EMAIL_DEFAULT)));
    assert_eq!(get("/projects/test").await.1["$id"], PROJECT);
    assert_eq!(get("/projects/other").await.0, 404);
    let (_, variables) = get("/console/variables").await;
    assert_eq!(variables["_APP_DOMAIN_SITES"], "sites.localhost");
    assert_eq!(get("/health/version").await.0, 200);
    let current = "/account/sessions/current";
    let (status, _) = console(&world, Method::DELETE, current, &cookie, json!({})).await;
    assert_eq!(status, 204);
    let (status, refused) = get("/account").await;
    assert_eq!(
        (status, &refused["type"]),
        (401, &json!("general_unauthorized_scope"))
    );
    assert_eq!(list(&world, &cookie, "admin").await.1["total"], json!(0));
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_soon_refused_unread() {
    let world = World::start().await;
    let body = json!({"email": EMAIL_DEFAULT, "password": "not the password"});
    let path = "/account/sessions/email";
    for _ in 0..10 {
        let (status, refused) = console(&world, Method::POST, path, "", body.clone()).await;
        assert_eq!(
            (status, &refused["type"]),
            (401, &json!("user_invalid_credentials"))
        );
    }
    let (status, _) = console(&world, Method::POST, path, "", body).await;
    assert_eq!(status, 429);
}

#[tokio::test]
async fn the_password_is_kept_for_its_owner_only() {
    let mut world = World::start().await;
    let password = |world: &World| {
        let administrator = world.running().administrator().unwrap();
        administrator.password.expose_secret().to_owned()
    };
    let before = password(&world);
    let file = world.folder.path().join("data/console-password");
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    world.restart().await;
    assert_eq!(password(&world), before);
}

#[tokio::test]
async fn the_project_takes_a_name() {
    let world = World::start().await;
    let cookie = sign_in(&world).await;
    let path = "/projects/test";
    let body = json!({"name": "Renamed"});
    let (status, project) = console(&world, Method::PATCH, path, &cookie, body).await;
    assert_eq!((status, &project["name"]), (200, &json!("Renamed")));
    let (_, project) = console(&world, Method::GET, path, &cookie, json!({})).await;
    assert_eq!(project["name"], "Renamed");
}
