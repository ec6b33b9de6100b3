//! Sites from upload to browser.

use std::io::Write as _;
use std::sync::Arc;

use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use local::hosting;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{Options, World, assert_recorded_keys, queries, read, until};

mod builds;

pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, path, text.as_bytes())
            .unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

const ACTIVE: Fields = &[("activate", "true")];
const INACTIVE: Fields = &[("activate", "false")];

type Fields = &'static [(&'static str, &'static str)];

fn form(name: &str, bytes: Vec<u8>, fields: Fields) -> Form {
    let mut form = Form::new().part("code", Part::bytes(bytes).file_name(name.to_owned()));
    for (name, value) in fields {
        form = form.text(*name, *value);
    }
    form
}

impl World {
    async fn create_site(&self, extra: Value) -> (StatusCode, Value) {
        let mut site = json!({"siteId": "todo", "name": "Todo", "framework": "other",
                              "buildRuntime": "static-1"});
        site.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        read(
            self.key(Method::POST, "/v1/sites")
                .json(&site)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    async fn upload(&self, form: Form) -> (StatusCode, Value) {
        let request = self
            .key(Method::POST, "/v1/sites/todo/deployments")
            .multipart(form);
        read(request.send().await.unwrap()).await
    }

    /// Uploads files and waits for the end of the build.
    async fn deploy(&self, files: &[(&str, &str)], activate: bool) -> Value {
        let fields = if activate { ACTIVE } else { INACTIVE };
        let (status, json) = self
            .upload(form("code.tar.gz", archive(files), fields))
            .await;
        assert_eq!(
            (status.as_u16(), &json["status"]),
            (202, &json!("waiting")),
            "{json}"
        );
        self.built(json["$id"].as_str().unwrap()).await
    }

    async fn built(&self, id: &str) -> Value {
        until(async || {
            let (_, json) = self.get(&format!("/v1/sites/todo/deployments/{id}")).await;
            matches!(json["status"].as_str(), Some("ready" | "failed")).then_some(json)
        })
        .await
    }

    async fn rule(&self, domain: &str) -> (StatusCode, Value) {
        let body = json!({"domain": domain, "siteId": "todo"});
        read(
            self.key(Method::POST, "/v1/proxy/rules/site")
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    async fn active(&self) -> Value {
        self.get("/v1/sites/todo").await.1["deploymentId"].clone()
    }

    /// Waits until a deployment is served; activation follows the end of its build.
    async fn activated(&self, id: &Value) {
        until(async || (self.active().await == *id).then_some(())).await;
    }
}

#[tokio::test]
async fn an_upload_becomes_a_served_site_that_survives_a_restart() {
    let world = World::start(Options::default()).await;
    let (status, site) = world.create_site(json!({})).await;
    assert_eq!(status, 201);
    assert_recorded_keys("site", &site);
    let deployment = world
        .deploy(&[("index.html", "<h1>hi</h1>"), ("app.js", "1")], true)
        .await;
    assert_eq!(deployment["status"], "ready", "{deployment}");
    assert_recorded_keys("deployment", &deployment);
    assert!(
        deployment["buildLogs"]
            .as_str()
            .unwrap()
            .contains("Deployment finished.")
    );
    world.activated(&deployment["$id"]).await;
    let (_, site) = world.get("/v1/sites/todo").await;
    assert_eq!(
        (&site["adapter"], &site["fallbackFile"]),
        (&json!("static"), &json!("index.html"))
    );
    let (status, rule) = world.rule("todo.localhost").await;
    assert_eq!(
        (status.as_u16(), &rule["deploymentId"]),
        (201, &deployment["$id"])
    );
    assert_recorded_keys("rule", &rule);
    let (_, rules) = world.get("/v1/proxy/rules").await;
    assert_recorded_keys("ruleList", &rules);
    // One of the deployment itself, one that was asked for.
    assert_eq!(rules["total"], 2);
    let hi = (StatusCode::OK, "<h1>hi</h1>".to_owned());
    assert_eq!(world.visit("todo.localhost", "/").await, hi);
    assert_eq!(world.visit("TODO.localhost", "/some/route").await, hi);
    let folder = world.stop().await;
    let world = World::start_in(folder, Options::default()).await;
    assert_eq!(world.visit("todo.localhost", "/").await, hi);
    assert_eq!(world.visit("other.localhost", "/").await.0, 404);
}

#[tokio::test]
async fn the_deployment_before_is_kept_until_another_is_activated() {
    let world = World::start(Options::default()).await;
    world.create_site(json!({})).await;
    let first = world.deploy(&[("index.html", "one")], true).await;
    world.activated(&first["$id"]).await;
    world.rule("todo.localhost").await;
    let second = world.deploy(&[("index.html", "two")], false).await;
    let broken = world.deploy(&[], true).await;
    assert_eq!(broken["status"], "failed");
    assert!(
        broken["buildLogs"]
            .as_str()
            .unwrap()
            .contains("Error: No build output found. Ensure your output directory isn't empty.")
    );
    assert_eq!(world.visit("todo.localhost", "/").await.1, "one");
    let (_, site) = world.get("/v1/sites/todo").await;
    assert_eq!(
        (&site["deploymentId"], &site["latestDeploymentId"]),
        (&first["$id"], &broken["$id"])
    );
    assert_eq!(site["latestDeploymentStatus"], "failed");
    let activate = |id: &Value| {
        let body = json!({"deploymentId": id});
        world
            .key(Method::PATCH, "/v1/sites/todo/deployment")
            .json(&body)
            .send()
    };
    let (status, error) = read(activate(&broken["$id"]).await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), &error["type"]),
        (400, &json!("build_not_ready"))
    );
    let (status, site) = read(activate(&second["$id"]).await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), &site["deploymentId"]),
        (200, &second["$id"])
    );
    assert_eq!(world.visit("todo.localhost", "/").await.1, "two");
    let filter =
        queries(&[json!({"method": "equal", "attribute": "domain", "values": ["todo.localhost"]})]);
    let (_, rules) = world.get(&format!("/v1/proxy/rules?{filter}")).await;
    assert_eq!(
        (&rules["total"], &rules["rules"][0]["deploymentId"]),
        (&json!(1), &second["$id"])
    );
    let newest = queries(&[
        json!({"method": "orderDesc", "attribute": "$createdAt"}),
        json!({"method": "limit", "values": [1]}),
    ]);
    let (_, list) = world
        .get(&format!("/v1/sites/todo/deployments?{newest}"))
        .await;
    assert_eq!(
        (&list["total"], &list["deployments"][0]["$id"]),
        (&json!(3), &broken["$id"])
    );
}

#[tokio::test]
async fn sources_and_outputs_are_downloaded_as_they_are() {
    let world = World::start(Options::default()).await;
    world
        .create_site(json!({"outputDirectory": "./dist"}))
        .await;
    let files = [
        ("README.md", "no"),
        ("dist/index.html", "yes"),
        ("dist/a/b.css", "b{}"),
    ];
    let deployment = world.deploy(&files, true).await;
    world.activated(&deployment["$id"]).await;
    world.rule("todo.localhost").await;
    assert_eq!(
        world.visit("todo.localhost", "/a/b.css").await,
        (StatusCode::OK, "b{}".to_owned())
    );
    assert_eq!(world.visit("todo.localhost", "/README.md").await.1, "yes");
    let id = deployment["$id"].as_str().unwrap();
    let path = format!("/v1/sites/todo/deployments/{id}/download");
    let source = world.key(Method::GET, &path).send().await.unwrap();
    assert_eq!(source.headers()["content-type"], "application/gzip");
    let disposition = source.headers()["content-disposition"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        disposition,
        format!("attachment; filename=\"{id}-source.tar.gz\"")
    );
    assert_eq!(source.bytes().await.unwrap(), archive(&files));
    let output = world
        .key(Method::GET, &format!("{path}?type=output"))
        .send()
        .await
        .unwrap();
    let output = output.bytes().await.unwrap();
    assert_eq!(json!(output.len()), deployment["buildSize"]);
    let folder = tempfile::tempdir().unwrap();
    local::sites::archive::unpack(output.as_ref(), folder.path()).unwrap();
    assert_eq!(
        std::fs::read(folder.path().join("index.html")).unwrap(),
        b"yes"
    );
}

#[tokio::test]
async fn a_source_may_come_in_chunks() {
    let world = World::start(Options::default()).await;
    world.create_site(json!({})).await;
    let bytes = archive(&[("index.html", "in parts")]);
    let (head, tail) = bytes.split_at(40);
    let send = |part: &[u8], start: usize, id: Option<String>| {
        let range = format!("bytes {start}-{}/{}", start + part.len() - 1, bytes.len());
        let form = form("code.tar.gz", part.to_vec(), &[("activate", "true")]);
        let mut request = world
            .key(Method::POST, "/v1/sites/todo/deployments")
            .header("content-range", range)
            .multipart(form);
        if let Some(id) = id {
            request = request.header("x-appwrite-id", id);
        }
        async move { read(request.send().await.unwrap()).await }
    };
    let (status, first) = send(head, 0, None).await;
    assert_eq!(
        (status.as_u16(), &first["status"]),
        (202, &json!("waiting"))
    );
    let id = first["$id"].as_str().unwrap().to_owned();
    // A chunk whose answer was lost is sent again.
    let (status, again) = send(head, 0, Some(id.clone())).await;
    assert_eq!((status.as_u16(), &again["$id"]), (202, &first["$id"]));
    let (status, _) = send(tail, 40, Some(id.clone())).await;
    assert_eq!(status, 202);
    assert_eq!(world.built(&id).await["status"], "ready");
    world.activated(&first["$id"]).await;
    let (_, list) = world.get("/v1/sites/todo/deployments").await;
    assert_eq!(list["total"], 1);
}

#[tokio::test]
async fn bad_uploads_are_refused() {
    let world = World::start(Options::default()).await;
    world.create_site(json!({})).await;
    let good = archive(&[("index.html", "x")]);
    let cases = [
        (
            form("code.zip", b"PK\x03\x04".to_vec(), ACTIVE),
            400,
            "storage_file_type_unsupported",
        ),
        (
            form("code.tar.gz", good.clone(), &[]),
            400,
            "general_argument_invalid",
        ),
        (
            Form::new().text("activate", "true"),
            400,
            "storage_file_empty",
        ),
    ];
    for (form, status, kind) in cases {
        let (got, error) = world.upload(form).await;
        assert_eq!(
            (got.as_u16(), &error["type"]),
            (status, &json!(kind)),
            "{error}"
        );
    }
    let (status, _) = world
        .upload(form("code.tar.gz", vec![0; 13 << 20], ACTIVE))
        .await;
    assert_eq!(status, 413);
    let request = world
        .key(Method::POST, "/v1/sites/todo/deployments")
        .header("content-range", "bytes 0-3/30000001")
        .multipart(form("code.tar.gz", b"abcd".to_vec(), ACTIVE));
    let (status, error) = read(request.send().await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), &error["type"]),
        (400, &json!("deployment_invalid_file_size"))
    );
    let (_, list) = world.get("/v1/sites/todo/deployments").await;
    assert_eq!(list["total"], 0);
}

#[tokio::test]
async fn bad_archives_and_commands_fail_the_build() {
    let world = World::start(Options::default()).await;
    world.create_site(json!({})).await;
    let mut link = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    link.append_link(&mut header, "index.html", "/etc/passwd")
        .unwrap();
    let link = link.into_inner().unwrap().finish().unwrap();
    let mut noise = GzEncoder::new(Vec::new(), Compression::fast());
    noise.write_all(&[7; 2_000]).unwrap();
    let noise = noise.finish().unwrap();
    let good = archive(&[("index.html", "x")]);
    let cases: [(Vec<u8>, Fields, &str); 4] = [
        (link, &[("activate", "true")], "neither a file nor a folder"),
        (noise, &[("activate", "true")], "cannot be read"),
        (
            good.clone(),
            &[("activate", "true"), ("buildCommand", "exit 7")],
            "sandbox",
        ),
        (
            good,
            &[("activate", "true"), ("outputDirectory", "../..")],
            "output directory",
        ),
    ];
    for (bytes, fields, words) in cases {
        let (status, json) = world.upload(form("code.tar.gz", bytes, fields)).await;
        assert_eq!(status, 202);
        let built = world.built(json["$id"].as_str().unwrap()).await;
        assert_eq!(built["status"], "failed");
        assert!(
            built["buildLogs"].as_str().unwrap().contains(words),
            "{built}"
        );
    }
    assert_eq!(world.active().await, "");
}

#[tokio::test]
async fn sites_and_rules_are_checked() {
    let world = World::start(Options::default()).await;
    world.create_site(json!({})).await;
    let (status, error) = world.create_site(json!({})).await;
    assert_eq!(
        (status.as_u16(), &error["type"]),
        (409, &json!("site_already_exists"))
    );
    for extra in [
        json!({"siteId": "b", "buildRuntime": "rust-1.83"}),
        json!({"siteId": "b", "framework": "zzz"}),
        json!({"siteId": "../b"}),
        json!({"siteId": "b", "timeout": 901}),
    ] {
        let (status, error) = world.create_site(extra).await;
        assert_eq!(
            (status.as_u16(), &error["type"]),
            (400, &json!("general_argument_invalid"))
        );
    }
    assert_eq!(world.rule("todo.localhost").await.0, 201);
    let (status, error) = world.rule("todo.localhost").await;
    assert_eq!(
        (status.as_u16(), &error["type"]),
        (409, &json!("rule_already_exists"))
    );
    assert_eq!(world.rule("example.com").await.0, 400);
    let response = world
        .guest(Method::GET, "/v1/sites/todo")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
    let (status, error) = world.get("/v1/sites/nobody").await;
    assert_eq!(
        (status.as_u16(), &error["type"]),
        (404, &json!("site_not_found"))
    );
}

#[tokio::test]
async fn files_are_served_as_a_browser_expects() {
    let world = World::start(Options::default()).await;
    world.create_site(json!({"adapter": "static"})).await;
    let files = [
        ("index.html", "home"),
        ("docs/index.html", "docs"),
        ("about.html", "about"),
        ("404.html", "own page"),
    ];
    let deployment = world.deploy(&files, true).await;
    world.activated(&deployment["$id"]).await;
    world.rule("todo.localhost").await;
    let visit = async |path: &str| {
        let (status, body) = world.visit("todo.localhost", path).await;
        (status.as_u16(), body)
    };
    assert_eq!(visit("/about").await, (200, "about".to_owned()));
    assert_eq!(visit("/docs/").await, (200, "docs".to_owned()));
    assert_eq!(visit("/gone").await, (404, "own page".to_owned()));
    assert_eq!(visit("/%2e%2e/%2e%2e/source.tar.gz").await.0, 404);
    let moved = world
        .browse(Method::GET, "todo.localhost", "/docs?a=1")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (moved.status().as_u16(), &moved.headers()["location"]),
        (308, &"/docs/?a=1".parse().unwrap())
    );
    let head = world
        .browse(Method::HEAD, "todo.localhost", "/")
        .send()
        .await
        .unwrap();
    assert_eq!(head.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(head.headers()["content-length"], "4");
    let tag = head.headers()["etag"].clone();
    let again = world
        .browse(Method::GET, "todo.localhost", "/")
        .header("if-none-match", tag);
    assert_eq!(again.send().await.unwrap().status(), 304);
    let post = world
        .browse(Method::POST, "todo.localhost", "/")
        .send()
        .await
        .unwrap();
    assert_eq!(post.status(), 405);
}

#[tokio::test]
async fn our_own_client_is_served_beside_the_api() {
    let world = World::start(Options::default()).await;
    hosting::serve_embedded(
        &world.kernel,
        Arc::new(|path: &str| match path {
            "index.html" => Some((Bytes::from_static(b"<p>web</p>"), "text/html".to_owned())),
            "assets/app.js" => Some((Bytes::from_static(b"1"), "text/javascript".to_owned())),
            _ => None,
        }),
    );
    for host in ["web.localhost", "127.0.0.1"] {
        assert_eq!(
            world.visit(host, "/").await,
            (StatusCode::OK, "<p>web</p>".to_owned())
        );
        assert_eq!(world.visit(host, "/tasks/abc").await.1, "<p>web</p>");
        assert_eq!(world.visit(host, "/assets/app.js").await.1, "1");
        assert_eq!(world.visit(host, "/assets/gone.js").await.0, 404);
        let (_, config) = world.visit(host, "/config.json").await;
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(
            config,
            json!({"endpoint": world.kernel.project.endpoint, "projectId": "p"})
        );
    }
    world.create_site(json!({})).await;
    assert_eq!(world.rule("web.localhost").await.0, 409);
}

#[tokio::test]
async fn our_own_client_is_kept_by_its_names_and_sent_compressed() {
    let world = World::start(Options::default()).await;
    hosting::serve_embedded(
        &world.kernel,
        Arc::new(|path: &str| match path {
            "index.html" => Some((Bytes::from_static(b"<p>web</p>"), "text/html".to_owned())),
            "assets/app-D2_51Egp.js" => {
                Some((Bytes::from(vec![b'1'; 9_000]), "text/javascript".to_owned()))
            }
            _ => None,
        }),
    );
    let visit = async |path: &str, accepted: &str| {
        let request = world
            .browse(Method::GET, "127.0.0.1", path)
            .header("accept-encoding", accepted);
        let response = request.send().await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
        };
        let told = ["cache-control", "content-encoding", "vary"].map(header);
        (told, response.bytes().await.unwrap().len())
    };
    let ([kept, coding, vary], length) = visit("/assets/app-D2_51Egp.js", "gzip, br").await;
    assert_eq!(kept, "public, max-age=31536000, immutable");
    assert_eq!(
        (coding.as_str(), vary.as_str()),
        ("gzip", "Accept-Encoding")
    );
    assert!(length < 100, "{length}");
    let ([_, coding, _], length) = visit("/assets/app-D2_51Egp.js", "identity").await;
    assert_eq!((coding.as_str(), length), ("", 9_000));
    for path in ["/", "/tasks/abc"] {
        assert_eq!(visit(path, "gzip").await.0[0], "no-cache", "{path}");
    }
}

#[tokio::test]
async fn a_finished_build_starts_functions() {
    let world = World::start(Options {
        functions: json!([{"$id": "deploy", "name": "deploy",
                           "events": ["sites.*.deployments.*.update"]}]),
        sites: json!([{"$id": "todo", "name": "Todo", "path": "web"}]),
        ..Options::default()
    })
    .await;
    let deployment = world.deploy(&[("index.html", "x")], true).await;
    assert_eq!(deployment["status"], "ready");
    let record = &world.ended("deploy", 1).await[0];
    assert_eq!(record["trigger"], "event");
}

#[tokio::test]
async fn an_interrupted_build_is_made_at_the_next_start() {
    let world = World::start(Options::default()).await;
    world.create_site(json!({})).await;
    let deployment = world.deploy(&[("index.html", "x")], true).await;
    world.activated(&deployment["$id"]).await;
    let folder = world.stop().await;
    let db = rusqlite::Connection::open(folder.path().join(local::kernel::DATABASE_FILE)).unwrap();
    let sql = "UPDATE site_deployments SET state = json_set(state, '$.status', 'building')";
    assert_eq!(db.execute(sql, []).unwrap(), 1);
    drop(db);
    let world = World::start_in(folder, Options::default()).await;
    let id = deployment["$id"].as_str().unwrap().to_owned();
    until(async || {
        let sql = "SELECT json_extract(state, '$.status') FROM site_deployments";
        let read =
            |db: &rusqlite::Connection| Ok(db.query_row(sql, [], |row| row.get::<_, String>(0))?);
        (world.kernel.store.read(read).await.unwrap() == "ready").then_some(())
    })
    .await;
    assert_eq!(world.built(&id).await["status"], "ready");
}
