//! Buckets and files.

use std::time::Duration;

use local::config::BucketConfig;
use local::storage::Storage;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::support::{Who, World, answer};

const FILES: &str = "/storage/buckets/art/files";

impl World {
    async fn bucket(&self, settings: Value) -> Value {
        let mut body = json!({"bucketId": "art", "name": "Art", "fileSecurity": true,
            "permissions": ["create(\"users\")"]});
        let more = settings.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        let sent = self
            .send(Method::POST, "/storage/buckets", &self.key(), body)
            .await;
        assert_eq!(sent.0, 201, "{}", sent.1);
        sent.1
    }

    async fn upload(
        &self,
        who: &Who,
        id: &str,
        name: &str,
        bytes: &[u8],
        range: Option<&str>,
        permissions: &[&str],
    ) -> (u16, Value) {
        let part = Part::bytes(bytes.to_vec()).file_name(name.to_owned());
        let mut form = Form::new().text("fileId", id.to_owned()).part("file", part);
        for permission in permissions {
            form = form.text("permissions[]", (*permission).to_owned());
        }
        let mut request = self.request(Method::POST, FILES, who).multipart(form);
        if let Some(range) = range {
            request = request
                .header("content-range", range)
                .header("x-appwrite-id", id);
        }
        answer(request.send().await.unwrap()).await
    }

    async fn content(&self, who: &Who, id: &str, range: Option<&str>) -> (u16, Vec<u8>) {
        let path = format!("{FILES}/{id}/download");
        let mut request = self.request(Method::GET, &path, who);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.bytes().await.unwrap().to_vec())
    }
}

fn kind(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["type"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn files_are_read_whole_and_in_part() {
    let world = World::start().await;
    for (encryption, actual) in [(false, 12), (true, 16)] {
        world.bucket(json!({"encryption": encryption})).await;
        let key = world.key();
        let (status, file) = world
            .upload(&key, "f", "hello.txt", b"hello world\n", None, &[])
            .await;
        assert_eq!(status, 201, "{file}");
        assert_eq!(file["signature"], "6f5902ac237024bdd0c176cb93063dc4");
        assert_eq!(file["mimeType"], "text/plain");
        assert_eq!(
            (&file["sizeOriginal"], &file["sizeActual"]),
            (&json!(12), &json!(actual))
        );
        assert_eq!(file["encryption"], encryption);
        let whole = world.content(&key, "f", None).await;
        assert_eq!(whole, (200, b"hello world\n".to_vec()));
        let part = world.content(&key, "f", Some("bytes=6-10")).await;
        assert_eq!(part, (206, b"world".to_vec()));
        assert_eq!(world.content(&key, "f", Some("bytes=6-12")).await.0, 416);
        let again = world.upload(&key, "f", "a.txt", b"x", None, &[]).await;
        assert_eq!(kind(&again), (409, "storage_file_already_exists"));
        let (status, _) = world
            .send(Method::DELETE, "/storage/buckets/art", &key, json!({}))
            .await;
        assert_eq!(status, 204);
    }
}

#[tokio::test]
async fn an_upload_in_chunks_goes_on_after_a_restart() {
    let mut world = World::start().await;
    world.bucket(json!({})).await;
    let key = world.key();
    let content: Vec<u8> = (0..=255).cycle().take(6_000_000).collect();
    let (first, second) = content.split_at(5_242_880);
    let range = "bytes 5242880-5999999/6000000";
    let (status, file) = world
        .upload(&key, "big", "big.bin", second, Some(range), &[])
        .await;
    assert_eq!(status, 201, "{file}");
    assert_eq!(
        (&file["chunksUploaded"], &file["chunksTotal"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(world.content(&key, "big", None).await.0, 404);
    world.restart().await;
    let range = "bytes 0-5242879/6000000";
    let (_, file) = world
        .upload(&key, "big", "big.bin", first, Some(range), &[])
        .await;
    assert_eq!(
        (&file["chunksUploaded"], &file["sizeOriginal"]),
        (&json!(2), &json!(6_000_000))
    );
    world.restart().await;
    let whole = world.content(&key, "big", None).await;
    assert!(whole == (200, content));
}

#[tokio::test]
async fn buckets_refuse_what_they_do_not_allow() {
    let world = World::start().await;
    world
        .bucket(json!({"allowedFileExtensions": ["txt"], "maximumFileSize": 4}))
        .await;
    let key = world.key();
    let sent = world.upload(&key, "a", "a.exe", b"MZ", None, &[]).await;
    assert_eq!(kind(&sent), (400, "storage_file_type_unsupported"));
    let sent = world.upload(&key, "a", "a.txt", b"12345", None, &[]).await;
    assert_eq!(kind(&sent), (400, "storage_invalid_file_size"));
    let range = Some("bytes 0-9/10");
    let sent = world.upload(&key, "a", "a.txt", b"123", range, &[]).await;
    assert_eq!(kind(&sent), (400, "storage_invalid_content_range"));
    let body = json!({"fileId": "a"});
    let sent = world.send(Method::POST, FILES, &key, body).await;
    assert_eq!(kind(&sent), (400, "storage_file_empty"));
    let body = json!({"bucketId": "b", "name": "B", "maximumFileSize": 30_000_001});
    let sent = world
        .send(Method::POST, "/storage/buckets", &key, body)
        .await;
    assert_eq!(kind(&sent), (400, "general_argument_invalid"));
}

#[tokio::test]
async fn users_reach_only_files_that_are_theirs_or_shared() {
    let world = World::start().await;
    world.bucket(json!({})).await;
    let (key, (_, alice), (_, bob)) = (world.key(), world.user().await, world.user().await);
    let (status, own) = world.upload(&alice, "own", "a.txt", b"a", None, &[]).await;
    assert_eq!(status, 201, "{own}");
    assert_eq!(own["$permissions"].as_array().unwrap().len(), 3);
    let shared = ["read(\"users\")"];
    world
        .upload(&key, "shared", "s.txt", b"s", None, &shared)
        .await;
    assert_eq!(world.get(&format!("{FILES}/own"), &bob).await.0, 404);
    let sent = world
        .upload(&Who::Guest, "g", "g.txt", b"g", None, &[])
        .await;
    assert_eq!(kind(&sent), (401, "user_unauthorized"));
    let sent = world
        .send(Method::DELETE, &format!("{FILES}/shared"), &bob, json!({}))
        .await;
    assert_eq!(kind(&sent), (401, "user_unauthorized"));
    for (who, ids) in [(&alice, vec!["own", "shared"]), (&bob, vec!["shared"])] {
        let (_, list) = world.get(FILES, who).await;
        let listed = list["files"].as_array().unwrap().iter();
        let listed: Vec<_> = listed.map(|it| it["$id"].as_str().unwrap()).collect();
        assert_eq!(
            (listed, list["total"].as_u64().unwrap()),
            (ids.clone(), ids.len() as u64)
        );
    }
    let query = "queries[]=%7B%22method%22%3A%22equal%22%2C%22attribute%22%3A%22name%22%2C%22values%22%3A%5B%22s.txt%22%5D%7D";
    let (_, list) = world.get(&format!("{FILES}?{query}"), &key).await;
    assert_eq!(
        (&list["total"], &list["files"][0]["$id"]),
        (&json!(1), &json!("shared"))
    );
}

#[tokio::test]
async fn changes_of_files_are_told_to_their_readers() {
    let world = World::start().await;
    world.bucket(json!({})).await;
    let mut events = world.running().kernel().bus.subscribe();
    let readers = ["read(\"any\")"];
    world
        .upload(&world.key(), "f", "f.txt", b"x", None, &readers)
        .await;
    let event = tokio::time::timeout(Duration::from_secs(5), events.recv()).await;
    let event = event.unwrap().unwrap();
    assert_eq!(event.names.list()[0], "buckets.art.files.f.create");
    assert!(event.channels.iter().any(|it| it == "buckets.art.files.f"));
    assert_eq!(event.readers, ["any"]);
    assert_eq!(event.payload["name"], "f.txt");
}

#[tokio::test]
async fn configured_buckets_are_made_once_and_kept() {
    let world = World::start().await;
    let config = |name: &str| -> BucketConfig {
        serde_json::from_value(json!({"$id": "art", "name": name, "maximumFileSize": 9})).unwrap()
    };
    let kernel = world.running().kernel();
    let storage = Storage::of(kernel).unwrap();
    storage.apply(kernel, vec![config("One")]).await.unwrap();
    let key = world.key();
    world.upload(&key, "f", "f.txt", b"x", None, &[]).await;
    storage.apply(kernel, vec![config("Two")]).await.unwrap();
    let (_, bucket) = world.get("/storage/buckets/art", &key).await;
    assert_eq!(
        (&bucket["name"], &bucket["maximumFileSize"]),
        (&json!("Two"), &json!(9))
    );
    assert_eq!(world.content(&key, "f", None).await.0, 200);
}
