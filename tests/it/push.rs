//! The official CLI and `scripts/push` against a platform without any configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cli::environment::Environment;
use cli::hosting::{Plan, Services, point_at, scripted_models};
use local::admin::EMAIL_DEFAULT;
use local::github::{Account, GitHub, GitHubConfig};
use local::models::Models;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::browser::browse;
use crate::world::{Setup, World, assert_one_of_each, blocking, todo};

const PROJECT: &str = "orchestrator";
/// Token of the stand-in GitHub.
const TOKEN: &str = "token-of-this-test";
const ROW: &str = "/tablesdb/orchestrator/tables/claims/rows";

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What `orchestrator local` serves without a configuration.
async fn empty() -> World {
    let plan = Plan {
        project_id: PROJECT.to_owned(),
        key: None,
        admin_email: EMAIL_DEFAULT.to_owned(),
        admin_password: None,
        extra_keys: Vec::new(),
        stand_in_functions: false,
        new_user_labels: vec![cli::hosting::OWNER_LABEL.to_owned()],
        config: None,
    };
    World::with(Setup {
        plan: Some(plan),
        sweep_every: Some(2),
        ..Setup::default()
    })
    .await
}

pub(crate) fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().timeout(Duration::from_secs(30));
    builder.build().unwrap()
}

/// A request as the project's key, which must succeed.
pub(crate) async fn ask(world: &World, method: reqwest::Method, path: &str, body: &Value) -> Value {
    let platform = &world.hosting.platform;
    let request = http()
        .request(method, format!("{}{path}", platform.endpoint()))
        .header("x-appwrite-project", PROJECT)
        .header("x-appwrite-key", platform.key().expose_secret());
    let response = request.json(body).send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}

async fn get(world: &World, path: &str) -> Value {
    ask(world, reqwest::Method::GET, path, &json!({})).await
}

/// The first page of a site.
async fn visit(world: &World, domain: &str) -> String {
    let platform = &world.hosting.platform;
    let request = http()
        .get(format!("http://127.0.0.1:{}/", platform.port()))
        .header("host", format!("{domain}:{}", platform.port()));
    request.send().await.unwrap().text().await.unwrap()
}

/// Whether all that `appwrite.json` names is there and active.
async fn assert_all_active(world: &World, config: &Value) {
    for table in config["tables"].as_array().unwrap() {
        let path = format!(
            "/tablesdb/orchestrator/tables/{}",
            table["$id"].as_str().unwrap()
        );
        let remote = get(world, &path).await;
        for part in ["columns", "indexes"] {
            let keys = |list: &Value| -> Vec<String> {
                let list = list[part].as_array().unwrap();
                list.iter()
                    .map(|it| it["key"].as_str().unwrap().to_owned())
                    .collect()
            };
            assert_eq!(keys(&remote), keys(table), "{path}");
            for entry in remote[part].as_array().unwrap() {
                assert_eq!(entry["status"], "available", "{path}: {entry}");
            }
        }
    }
    for kind in ["functions", "sites"] {
        for entry in config[kind].as_array().unwrap() {
            let path = format!("/{kind}/{}", entry["$id"].as_str().unwrap());
            let remote = get(world, &path).await;
            assert_eq!(remote["latestDeploymentStatus"], "ready", "{remote}");
            assert_eq!(remote["deploymentId"], remote["latestDeploymentId"]);
            assert_ne!(remote["deploymentId"], "", "{remote}");
        }
    }
}

/// Runs a command to its end and returns what it printed, both streams.
async fn run(mut command: Command) -> (bool, String) {
    let output = blocking(move || command.output().unwrap()).await;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}

/// The project as the CLI takes it: small executables, a page of one line, a bucket.
fn stage(folder: &Path) -> Value {
    let text = std::fs::read_to_string(root().join("appwrite.json")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    let place = |path: &str| {
        std::fs::create_dir_all(folder.join(path)).unwrap();
        folder.join(path)
    };
    for function in config["functions"].as_array_mut().unwrap() {
        let path = format!("functions/{}", function["$id"].as_str().unwrap());
        std::fs::copy(
            crate::clients::function(),
            place(&path).join("rust_runtime"),
        )
        .unwrap();
        std::fs::write(place(&path).join("main.rs"), "// prebuilt\n").unwrap();
        function["path"] = path.into();
    }
    std::fs::write(place("site").join("index.html"), "<h1>pushed</h1>").unwrap();
    let site = &mut config["sites"][0];
    site["path"] = "site".into();
    site["installCommand"] = "".into();
    site["buildCommand"] = "true".into();
    site["outputDirectory"] = "./".into();
    config["buckets"] = json!([{
        "$id": "files", "name": "Files", "$permissions": ["read(\"users\")"], "fileSecurity": true,
        "enabled": true, "maximumFileSize": 1_000_000, "allowedFileExtensions": ["txt"],
        "compression": "none", "encryption": true, "antivirus": true,
    }]);
    std::fs::write(folder.join("appwrite.json"), config.to_string()).unwrap();
    config
}

/// The official CLI with a home of its own.
async fn appwrite(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("node");
    command
        .arg(root().join("scripts/cli/node_modules/appwrite-cli/index.js"))
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder);
    let (is_well, output) = run(command).await;
    assert!(is_well, "{arguments:?}: {output}");
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_cli_brings_an_empty_platform_to_the_whole_project() {
    let world = empty().await;
    let folder = tempfile::tempdir().unwrap();
    let config = stage(folder.path());
    let administrator = world.hosting.platform.administrator().unwrap();
    let endpoint = world.hosting.platform.endpoint();
    let password = administrator.password.expose_secret();
    let login = [
        "login",
        "--endpoint",
        endpoint,
        "--email",
        EMAIL_DEFAULT,
        "--password",
        password,
    ];
    appwrite(folder.path(), &login).await;
    for kind in ["settings", "tables", "buckets", "functions", "sites"] {
        appwrite(folder.path(), &["push", kind, "--all", "--force"]).await;
    }
    assert_all_active(&world, &config).await;
    let bucket = get(&world, "/storage/buckets/files").await;
    assert_eq!(bucket["allowedFileExtensions"], json!(["txt"]));
    for function in config["functions"].as_array().unwrap() {
        let path = format!(
            "/functions/{}/executions",
            function["$id"].as_str().unwrap()
        );
        let execution = ask(&world, reqwest::Method::POST, &path, &json!({"body": "x"})).await;
        assert_eq!(execution["status"], "completed", "{execution}");
        assert_eq!(execution["responseStatusCode"], 200, "{execution}");
    }
    let rules = get(&world, "/proxy/rules").await;
    let rules = rules["rules"].as_array().unwrap();
    let rule = rules
        .iter()
        .find(|rule| rule["deploymentResourceId"] == "web" && rule["trigger"] == "manual");
    let domain = rule.unwrap()["domain"].as_str().unwrap();
    assert!(
        visit(&world, domain).await.contains("pushed"),
        "nothing at {domain}"
    );
    // A second push finds nothing to change, and leaves the rows where they are.
    ask(&world, reqwest::Method::POST, ROW, &claim(&config)).await;
    let again = appwrite(folder.path(), &["push", "tables", "--all", "--force"]).await;
    assert!(again.contains("Successfully pushed 0 tables"), "{again}");
    assert_eq!(get(&world, ROW).await["total"], 1);
    world.stop().await;
}

/// A row of `claims` with what its required columns need.
fn claim(config: &Value) -> Value {
    let tables = config["tables"].as_array().unwrap();
    let claims = tables.iter().find(|table| table["$id"] == "claims");
    let columns = claims.unwrap()["columns"].as_array().unwrap();
    let required = columns.iter().filter(|column| column["required"] == true);
    let value = |kind: &Value| match kind.as_str().unwrap() {
        "integer" => json!(1),
        "boolean" => json!(true),
        "datetime" => json!("2026-11-22T20:44:59.929+00:00"),
        _ => json!("x"),
    };
    let data: BTreeMap<&str, Value> = required
        .map(|column| (column["key"].as_str().unwrap(), value(&column["type"])))
        .collect();
    json!({"rowId": "kept", "data": data})
}

/// A GitHub of this test.
async fn github(folder: PathBuf) -> GitHub {
    let account = Account {
        login: "demo".to_owned(),
        token: SecretString::from(TOKEN),
        scopes: ["repo", "workflow"].map(str::to_owned).to_vec(),
        organizations: Vec::new(),
    };
    GitHub::start(GitHubConfig {
        data_dir: folder,
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        accounts: vec![account],
        access: Default::default(),
        open_clone: true,
        faults: Default::default(),
    })
    .await
    .unwrap()
}

/// What the functions need to work with these stand-ins.
fn functions_settings(models: &Models, github: &GitHub, port: u16) -> BTreeMap<String, String> {
    let mut environment = Environment::of(BTreeMap::new());
    let services = Services {
        grok: false,
        claude: false,
        github: false,
    };
    point_at(&mut environment, models, services);
    environment.set("GITHUB_TOKEN", TOKEN);
    environment.set("GITHUB_BASE_URL", github.base_url());
    environment.set("SITE_DOMAIN", format!("localhost:{port}"));
    environment.set("CHECK_AFTER_SECONDS", "1");
    let functions = shell::config::FUNCTIONS.iter();
    functions
        .flat_map(|function| environment.of_function(function))
        .collect()
}

/// `scripts/push` with these settings and no others; of executables that were built for the tests,
/// or, with `PACKAGED=1`, of those that `scripts/package` left.
fn push(world: &World, settings: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(root().join("scripts/push"));
    command
        .arg("--no-build")
        .args(std::env::var_os("PACKAGED").is_none().then_some("--quick"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", world.folder.path())
        .envs(settings);
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        command.env("CARGO_TARGET_DIR", target);
    }
    command
}

/// Whether the last word of a push is that each function is well, in our version.
fn assert_healthy(output: &str) {
    for function in shell::config::FUNCTIONS {
        let row = [function, env!("CARGO_PKG_VERSION"), "ok", "-"];
        let is_row = |line: &str| line.split_whitespace().eq(row);
        assert!(output.lines().any(is_row), "{function}: {output}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_pushed_to_an_empty_platform_carries_out_a_brief() {
    let world = empty().await;
    let platform = &world.hosting.platform;
    let models = scripted_models(Default::default()).await.unwrap();
    let github = github(world.folder.path().join("github")).await;
    let mut settings = BTreeMap::from(
        [
            ("APPWRITE_ENDPOINT", platform.endpoint()),
            ("APPWRITE_PROJECT_ID", PROJECT),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let (is_well, refused) = run(push(&world, &settings)).await;
    assert!(
        !is_well && refused.contains("APPWRITE_DEV_KEY") && refused.contains("SITE_DOMAIN"),
        "{refused}"
    );
    let key = platform.key().expose_secret();
    settings.insert("APPWRITE_DEV_KEY".to_owned(), key.to_owned());
    settings.extend(functions_settings(&models, &github, platform.port()));
    let before = std::fs::read(root().join("appwrite.json")).unwrap();
    let (is_well, output) = run(push(&world, &settings)).await;
    assert!(is_well, "{output}");
    assert!(!output.contains(key), "the key was printed");
    assert_healthy(&output);
    assert_eq!(std::fs::read(root().join("appwrite.json")).unwrap(), before);
    let config: Value = serde_json::from_slice(&before).unwrap();
    assert_all_active(&world, &config).await;
    let variables = get(&world, "/functions/publish/variables").await;
    let variables = variables["variables"].as_array().unwrap();
    let token = variables
        .iter()
        .find(|variable| variable["key"] == "GITHUB_TOKEN")
        .unwrap();
    assert_eq!(
        (&token["secret"], &token["value"]),
        (&json!(true), &json!(""))
    );
    let row = world.run(&todo()).await;
    assert_one_of_each(&world, &row).await;
    let site = format!("http://web-orchestrator.localhost:{}/", platform.port());
    browse(&world, "site.mjs", site).await;
    world.stop().await;
    models.shutdown().await;
    github.shutdown().await;
}
