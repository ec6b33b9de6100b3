//! Accounts, files, executions, sites.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use appwrite::enums::{Adapter, BuildRuntime, DeploymentStatus, ExecutionMethod, ExecutionStatus, Framework, Runtime};
use appwrite::models::Deployment;
use appwrite::permission::Permission;
use appwrite::role::Role;
use appwrite::services::{Account, Functions, Proxy, Sites, Storage, TablesDB, Users};
use appwrite::{Client, InputFile};
use serde_json::{Value, json};

use crate::{call, client, refused, same, setting, until};

const COMMANDS: &str = "chmod +x rust_runtime; for f in /usr/local/server/hooks/compile.sh \
    /usr/local/server/helpers/prepare-compile.sh; do if [ -f \"$f\" ]; then : > \"$f\"; fi; done";

pub async fn accounts(server: &Client) -> Result<()> {
    let users = Users::new(server);
    let (email, password) = (Some("ada@example.test"), Some("difference-engine"));
    let ada = call("user", users.create("ada", email, None, password, Some("Ada"))).await?;
    same("user", (ada.id.as_str(), ada.status), ("ada", true))?;
    let labelled = call("labels", users.update_labels("ada", ["staff"])).await?;
    same("labels", labelled.labels, ["staff"])?;
    let secret = call("session", users.create_session("ada")).await?.secret;
    let own = client()?.set_session(secret);
    same(
        "account",
        call("account", Account::new(&own).get()).await?.name.as_str(),
        "Ada",
    )?;
    let jwt = call("JWT", users.create_jwt("ada", None, None)).await?.jwt;
    let by_jwt = client()?.set_jwt(jwt);
    same(
        "account by JWT",
        call("account", Account::new(&by_jwt).get()).await?.id.as_str(),
        "ada",
    )?;
    let (tables, own) = (TablesDB::new(server), TablesDB::new(&own));
    let row = || own.get_row("shop", "orders", "tea", None, None);
    refused("a row of others", row(), (404, "row_not_found")).await?;
    let permissions = vec![Permission::read(Role::user("ada", None)).to_string()];
    let shared = tables.update_row("shop", "orders", "tea", None, Some(permissions), None);
    call("sharing", shared).await?;
    same("a shared row", call("row", row()).await?.id.as_str(), "tea")
}

pub async fn files(server: &Client) -> Result<()> {
    let storage = Storage::new(server);
    let size = Some(10_000_000);
    let bucket = storage.create_bucket(
        "files", "Files", None, None, None, size, None, None, None, None, None, None, None,
    );
    same("bucket", call("bucket", bucket).await?.maximum_file_size, 10_000_000)?;
    let note = InputFile::from_bytes(b"a note".to_vec(), "note.txt", Some("text/plain"));
    let note = call("file", storage.create_file("files", "note", note, None, None)).await?;
    same("file", (note.name.as_str(), note.size_original), ("note.txt", 6))?;
    let content: Vec<u8> = (0..6_000_000_u32)
        .map(|place| ((place * 31 + (place >> 8)) % 251) as u8)
        .collect();
    let big = InputFile::from_bytes(content.clone(), "big.bin", None);
    let big = call("file in chunks", storage.create_file("files", "big", big, None, None)).await?;
    same(
        "file in chunks",
        (big.size_original, big.chunks_uploaded),
        (6_000_000, 2),
    )?;
    let got = call("download", storage.get_file_download("files", "big", None)).await?;
    ensure!(got == content, "the download differs from the upload");
    same(
        "files",
        call("files", storage.list_files("files", None, None, None))
            .await?
            .total,
        2,
    )?;
    call("deletion", storage.delete_file("files", "note")).await?;
    refused(
        "a deleted file",
        storage.get_file("files", "note"),
        (404, "storage_file_not_found"),
    )
    .await
}

/// The deployment once it is ready.
fn ready(deployment: Deployment) -> Result<Option<Deployment>> {
    ensure!(
        deployment.status != DeploymentStatus::Failed,
        "the build failed: {}",
        deployment.build_logs
    );
    Ok((deployment.status == DeploymentStatus::Ready).then_some(deployment))
}

pub async fn executions(server: &Client) -> Result<()> {
    let functions = Functions::new(server);
    let made = functions.create(
        "echo",
        "Echo",
        Runtime::Rust183,
        None,
        None,
        None,
        Some(20),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    );
    same("function", call("function", made).await?.deployment_id.as_str(), "")?;
    let colour = functions.create_variable("echo", "unique()", "COLOUR", "red", Some(true), None);
    same("variable", call("variable", colour).await?.value.as_str(), "")?;
    let code = InputFile::from_path_sync(setting("FUNCTION_ARCHIVE")?, None)?;
    let upload = functions.create_deployment("echo", code, true, Some("main.rs"), Some(COMMANDS));
    let id = call("deployment", upload).await?.id;
    until("function", async || {
        ready(call("deployment", functions.get_deployment("echo", id.as_str())).await?)
    })
    .await?;
    let headers = Some(json!({"x-own": "yes"}));
    let put = Some(ExecutionMethod::PUT);
    let execution = functions.create_execution("echo", Some("hello"), None, Some("/a?b=c"), put, headers, None);
    let execution = call("execution", execution).await?;
    same(
        "execution",
        (execution.status, execution.response_status_code),
        (ExecutionStatus::Completed, 200),
    )?;
    let echo: Value = serde_json::from_str(&execution.response_body)?;
    let given = json!([
        echo["method"],
        echo["path"],
        echo["body"],
        echo["headers"]["x-own"],
        echo["env"]["COLOUR"]
    ]);
    same("request", given, json!(["PUT", "/a?b=c", "hello", "yes", "red"]))?;
    let later = functions.create_execution("echo", None, Some(true), Some("/status-418"), None, None, None);
    let later = call("asynchronous execution", later).await?;
    same("asynchronous execution", later.status, ExecutionStatus::Waiting)?;
    let ended = until("it ended", async || {
        let it = call("execution", functions.get_execution("echo", later.id.as_str())).await?;
        let has_ended = [ExecutionStatus::Completed, ExecutionStatus::Failed].contains(&it.status);
        Ok(has_ended.then_some(it))
    })
    .await?;
    same("its end", ended.response_status_code, 418)?;
    same(
        "executions",
        call("executions", functions.list_executions("echo", None, None))
            .await?
            .total,
        2,
    )
}

pub async fn site(server: &Client) -> Result<()> {
    let sites = Sites::new(server);
    let made = sites.create(
        "page",
        "Page",
        Framework::Other,
        BuildRuntime::Static1,
        None,
        None,
        None,
        None,
        None,
        None,
        Some("./"),
        Some(Adapter::Static),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    );
    same("site", call("site", made).await?.id.as_str(), "page")?;
    let code = InputFile::from_path_sync(setting("SITE_ARCHIVE")?, None)?;
    let id = call(
        "deployment",
        sites.create_deployment("page", code, None, None, None, Some(true)),
    )
    .await?
    .id;
    until("site", async || {
        ready(call("deployment", sites.get_deployment("page", id.as_str())).await?)
    })
    .await?;
    let rule = call(
        "rule",
        Proxy::new(server).create_site_rule("page.localhost", "page", None),
    )
    .await?;
    same("rule", rule.domain.as_str(), "page.localhost")?;
    until("the deployment is active", async || {
        let site = call("site", sites.get("page")).await?;
        Ok((site.deployment_id == id).then_some(()))
    })
    .await?;
    let page = visit("page.localhost")?;
    ensure!(
        page.starts_with("HTTP/1.0 200") && page.contains("<h1>it is served</h1>"),
        "{page}"
    );
    Ok(())
}

/// The answer to a request for a site's first page.
fn visit(domain: &str) -> Result<String> {
    let endpoint = setting("APPWRITE_ENDPOINT")?;
    let address = endpoint
        .strip_prefix("http://")
        .and_then(|rest| rest.strip_suffix("/v1"));
    let address = address.context("APPWRITE_ENDPOINT is not http://HOST:PORT/v1")?;
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET / HTTP/1.0\r\nHost: {domain}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
