//! Accounts of owners, on the whole system: a second GitHub account and a second platform.

use std::path::Path;
use std::process::Command;

use appwrite::{Client, Method};
use local::github::{Access, Account, App, GitHub, GitHubConfig, Installation};
use pipeline::Stage;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use shell::credentials::row_id;

use crate::replay::assert_replays;
use crate::world::{Setup, World, blocking, install_tls, todo};

const ANNS_TOKEN: &str = "token-of-ann-at-the-stand-in";
const OPERATORS_TOKEN: &str = "token-of-the-operator-at-the-stand-in";

/// A GitHub of two people, each with an organization.
async fn github(folder: &Path, access: Access) -> GitHub {
    install_tls();
    let account = |login: &str, token: &str| Account {
        login: login.to_owned(),
        token: SecretString::from(token),
        scopes: ["repo", "workflow"].map(str::to_owned).to_vec(),
        organizations: vec![format!("{login}-org")],
    };
    GitHub::start(GitHubConfig {
        data_dir: folder.join("github"),
        bind: "127.0.0.1:0".parse().unwrap(),
        accounts: vec![
            account("operator", OPERATORS_TOKEN),
            account("ann", ANNS_TOKEN),
        ],
        access,
        open_clone: true,
        faults: Default::default(),
    })
    .await
    .unwrap()
}

async fn own(world: &World, user: &Client, method: Method, body: Value) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    world
        .call(user, method, "/credentials".to_owned(), body)
        .await
}

async fn user_id(user: &Client) -> String {
    let user = user.clone();
    blocking(move || user.account().get().unwrap().id).await
}

fn failure(row: &appwrite::Row) -> (String, String) {
    let failure: Value = serde_json::from_str(row.text("failure").unwrap()).unwrap();
    let text = |name: &str| failure[name].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_owner_publishes_and_deploys_with_accounts_of_her_own() {
    let folder = tempfile::tempdir().unwrap();
    let github = github(folder.path(), Access::default()).await;
    let base_url: &'static str = github.base_url().to_owned().leak();
    let world = World::with(Setup {
        settings: vec![
            ("GITHUB_TOKEN", OPERATORS_TOKEN),
            ("GITHUB_BASE_URL", base_url),
            ("GITHUB_OWNER", "operator-org"),
        ],
        ..Setup::default()
    })
    .await;
    let apps = World::start().await;
    let (ann, bob) = (world.user().await, world.user().await);

    let endpoint = apps.hosting.platform.endpoint();
    let key = apps.hosting.platform.key().expose_secret().to_owned();
    let domain = format!("localhost:{}", apps.hosting.platform.port());
    let project =
        json!({"endpoint": endpoint, "project": "orchestrator", "key": key, "siteDomain": domain});
    let body = json!({"github": {"token": ANNS_TOKEN}, "appwrite": project});
    let (status, shown) = own(&world, &ann, Method::Put, body).await;
    assert_eq!(
        (status, &shown["github"]["kind"], &shown["appwrite"]["kind"]),
        (200, &json!("token"), &json!("project")),
        "{shown}"
    );
    assert_eq!(own(&world, &ann, Method::Get, Value::Null).await.1, shown);
    let (_, nothing) = own(&world, &bob, Method::Get, Value::Null).await;
    assert_eq!(nothing, json!({"github": null, "appwrite": null}));

    // The row shows nothing of them, and nobody but functions sees it.
    let id = row_id(&user_id(&ann).await);
    let (admin, row_of) = (world.admin(), id.clone());
    let table = "credentials";
    let row = blocking(move || admin.table("orchestrator", table).get(&row_of).unwrap()).await;
    let text = json!(row.data).to_string();
    for part in [ANNS_TOKEN, key.as_str(), endpoint, domain.as_str()] {
        assert!(!text.contains(part), "{text}");
    }
    let (reader, row_of) = (ann.clone(), id.clone());
    let seen = blocking(move || reader.table("orchestrator", table).get(&row_of)).await;
    assert!(seen.is_err());

    let hers = world.accept(&ann, &todo()).await;
    let his = world.accept(&bob, &todo()).await;
    let (hers, his) = (world.ended(&hers).await, world.ended(&his).await);
    for (row, account, domain) in [
        (&hers, "/ann/", domain.clone()),
        (
            &his,
            "/operator-org/",
            format!("localhost:{}", world.hosting.platform.port()),
        ),
    ] {
        assert_eq!(
            row.text("status"),
            Some("completed"),
            "{:?}",
            row.text("failure")
        );
        let repository = row.text("repositoryUrl").unwrap();
        assert!(repository.contains(account), "{repository}");
        let site = row.text("siteUrl").unwrap();
        assert!(site.ends_with(&domain), "{site}");
        assert_replays(&world, &row.id).await;
    }
    for (row, place, other) in [(&hers, &apps, &world), (&his, &world, &apps)] {
        let (here, there, id) = (place.admin(), other.admin(), row.id.clone());
        let found = blocking(move || {
            let found = |client: Client| client.sites().list_deployments(&id, &[]);
            (
                found(here).map(|list| list.total).ok(),
                found(there).is_ok(),
            )
        })
        .await;
        assert_eq!(found, (Some(1), false));
    }
    github.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn credentials_that_are_wrong_or_of_somebody_else_are_told_clearly() {
    let world = World::start().await;
    let (ann, bob) = (world.user().await, world.user().await);
    let (status, answer) = own(&world, &ann, Method::Put, json!({"github": {"token": ""}})).await;
    assert_eq!(
        (status, answer["error"]["fields"][0]["field"].as_str()),
        (400, Some("github.token"))
    );
    let wrong = json!({"github": {"token": "a-token-that-nobody-knows"}});
    assert_eq!(own(&world, &ann, Method::Put, wrong).await.0, 200);
    let task = world.accept(&ann, &todo()).await;
    let (code, message) = failure(&world.ended(&task).await);
    assert_eq!(code, "publish_failed");
    assert!(message.contains("your own credentials"), "{message}");
    assert!(!message.contains("nobody-knows"), "{message}");

    // A row that was copied to another owner opens nothing.
    let (from, to) = (user_id(&ann).await, user_id(&bob).await);
    let admin = world.admin();
    blocking(move || {
        let table = admin.table("orchestrator", "credentials");
        let mut data = table.get(&row_id(&from)).unwrap().data;
        data.retain(|name, _| !name.starts_with('$'));
        data.insert("owner".to_owned(), json!(to));
        table
            .create(&row_id(&to), &Value::Object(data), &[])
            .unwrap();
    })
    .await;
    let task = world.accept(&bob, &todo()).await;
    let (code, message) = failure(&world.ended(&task).await);
    assert_eq!(code, "not_configured");
    assert!(message.contains("sealed for something else"), "{message}");

    // Without them the settings count again.
    let (status, shown) = own(&world, &bob, Method::Delete, Value::Null).await;
    assert_eq!((status, &shown["github"]), (200, &Value::Null));
    let (status, _) = world
        .command(&bob, &task, json!({"command": "retry"}))
        .await;
    assert_eq!(status, 200);
    let row = world.ended(&task).await;
    assert_eq!(
        row.text("status"),
        Some("completed"),
        "{:?}",
        row.text("failure")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_publish_and_deploy_hold_the_key_that_opens_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(Setup {
        folder: Some(std::sync::Arc::new(folder)),
        ..Setup::default()
    })
    .await;
    let holders: Vec<_> = Stage::ALL
        .into_iter()
        .map(Stage::function_id)
        .filter(|id| shell::config::secrets_of(id).contains(&"CREDENTIALS_SECRET_KEY"))
        .collect();
    assert_eq!(holders, ["publish", "deploy"]);
    let file = world.folder.path().join("credentials-keys.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

/// An App of the operator, installed for an organization, and its private key.
fn app(folder: &Path) -> (App, String) {
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let path = folder.join("key.pem");
    let private = run(&["genrsa", "-traditional", "2048"]);
    std::fs::write(&path, &private).unwrap();
    let write = ["contents", "administration", "workflows", "pull_requests"];
    let app = App {
        id: 7,
        slug: "publisher".to_owned(),
        owner: "operator".to_owned(),
        public_key: run(&["rsa", "-in", path.to_str().unwrap(), "-pubout"]),
        installations: vec![Installation {
            id: 70,
            account: "operator-org".to_owned(),
            repositories: None,
            permissions: write
                .map(|name| (name.to_owned(), "write".to_owned()))
                .into(),
            suspended: false,
        }],
    };
    (app, private)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_github_app_publishes_to_the_organization_that_it_is_installed_for() {
    let folder = tempfile::tempdir().unwrap();
    let (app, key) = app(folder.path());
    let access = Access {
        apps: vec![app],
        ..Access::default()
    };
    let github = github(folder.path(), access).await;
    let base_url: &'static str = github.base_url().to_owned().leak();
    let key: &'static str = key.replace('\n', "\\n").leak();
    let world = World::with(Setup {
        settings: vec![
            ("GITHUB_APP_ID", "7"),
            ("GITHUB_APP_PRIVATE_KEY", key),
            ("GITHUB_BASE_URL", base_url),
        ],
        ..Setup::default()
    })
    .await;
    let mut brief = todo();
    let (code, message) = failure(&world.run(&brief).await);
    assert_eq!(code, "not_configured");
    assert!(message.contains("name one in the brief"), "{message}");
    brief["options"] = json!({"organization": "operator-org"});
    let row = world.run(&brief).await;
    assert_eq!(
        row.text("status"),
        Some("completed"),
        "{:?}",
        row.text("failure")
    );
    let repository = row.text("repositoryUrl").unwrap();
    assert!(repository.contains("/operator-org/"), "{repository}");
    assert_replays(&world, &row.id).await;
    github.shutdown().await;
}
