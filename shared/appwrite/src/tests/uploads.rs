//! Archives, up and down.

use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::recorded::serve;
use super::server::{Reply, Server, refusal};
use super::{blocking, client, counts};
use crate::{
    ARCHIVE_BYTES_MAX, DeploymentArchive, DeploymentStatus, Error, REQUEST_BYTES_MAX, Retry,
};

#[tokio::test]
async fn archive_is_sent_as_a_form() {
    let server = serve("deployment_created").await;
    let url = server.uri();
    let archive = vec![0x1f, 0x8b, 0x00, 0xff, b'\r', b'\n'];
    let bytes = archive.clone();
    let deployment = blocking(move || client(&url).sites().create_deployment("web", bytes, true))
        .await
        .unwrap();
    assert_eq!(deployment.id, "6b03544bf169d6e6277e");
    assert_eq!(deployment.status, DeploymentStatus::Waiting);
    assert_eq!((deployment.source_size, deployment.activate), (113, true));

    let requests = server.received_requests().await.unwrap();
    let kind = requests[0].headers["content-type"].to_str().unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let mut expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"activate\"\r\n\r\ntrue\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"code\"; filename=\"code.tar.gz\"\r\n\
         Content-Type: application/gzip\r\n\r\n"
    )
    .into_bytes();
    expected.extend(archive);
    expected.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    assert_eq!(requests[0].body, expected);
}

#[test]
fn lost_upload_is_never_repeated() {
    for failure in [
        || Reply::Close,
        || Reply::Truncate(202),
        || refusal(502, "general_unknown"),
    ] {
        let server = Server::start(move |_, _| failure());
        let client = client(&server.endpoint());
        let error = client
            .sites()
            .create_deployment("web", vec![1; 100], true)
            .unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error}");
        assert_eq!(error.retry(), Retry::Transient { after: None });
        assert_eq!(counts(&client), [("deployments.create", 1)]);
    }
}

#[test]
fn largest_archive_fits_into_a_request() {
    let server = Server::start(|_, _| refusal(400, "storage_file_type_unsupported"));
    let client = client(&server.endpoint());
    let sites = client.sites();
    let error = sites
        .create_deployment("web", vec![0; ARCHIVE_BYTES_MAX], false)
        .unwrap_err();
    assert_eq!(error.status(), Some(400));
    let error = sites
        .create_deployment("web", vec![0; ARCHIVE_BYTES_MAX + 1], false)
        .unwrap_err();
    assert!(matches!(error, Error::Argument { .. }), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn body_over_the_limit_is_not_sent() {
    let client = client("http://127.0.0.1:9");
    let data = serde_json::json!({"body": "x".repeat(REQUEST_BYTES_MAX)});
    let error = super::tasks(&client).create("x", &data, &[]).unwrap_err();
    assert!(matches!(error, Error::Argument { .. }), "{error}");
}

#[tokio::test]
async fn output_is_downloaded() {
    let server = MockServer::start().await;
    let bytes: Vec<u8> = (0..=255).collect();
    Mock::given(method("GET"))
        .and(path("/v1/sites/web/deployments/d1/download"))
        .and(query_param("type", "output"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(bytes.clone(), "application/gzip"))
        .mount(&server)
        .await;
    let url = server.uri();
    let got = blocking(move || {
        client(&url)
            .sites()
            .download_deployment("web", "d1", DeploymentArchive::Output)
    });
    assert_eq!(got.await.unwrap(), bytes);
}
