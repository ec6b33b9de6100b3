//! Messages.

use serde_json::json;

use super::server::{Reply, Server, refusal};
use super::{client, counts};
use crate::{Client, Error, ErrorType, NewEmail};

fn send(client: &Client) -> Result<(), Error> {
    client.messages().create_email(&NewEmail {
        id: "n1",
        subject: "Shop: it is done",
        content: "It is done.\n",
        users: &["ann"],
    })
}

#[test]
fn email_is_handed_in_with_one_request() {
    let server =
        Server::start(|_, _| Reply::Json(201, json!({"$id": "n1", "status": "processing"})));
    let client = client(&server.endpoint());
    send(&client).unwrap();
    let seen = server.seen();
    assert_eq!((seen[0].method.as_str(), seen.len()), ("POST", 1));
    assert_eq!(seen[0].path, "/v1/messaging/messages/email");
    assert_eq!(
        seen[0].body,
        json!({"messageId": "n1", "subject": "Shop: it is done", "content": "It is done.\n",
            "users": ["ann"], "html": false})
    );
}

#[test]
fn email_is_never_handed_in_again() {
    for failure in [
        || Reply::Close,
        || refusal(500, "general_unknown"),
        || refusal(429, "general_rate_limit_exceeded"),
    ] {
        let server = Server::start(move |_, _| failure());
        let client = client(&server.endpoint());
        send(&client).unwrap_err();
        assert_eq!(counts(&client), [("messages.create_email", 1)]);
    }
}

#[test]
fn taken_id_is_named() {
    let server = Server::start(|_, _| refusal(409, "message_already_exists"));
    let error = send(&client(&server.endpoint())).unwrap_err();
    assert_eq!(error.kind(), Some(&ErrorType::MessageAlreadyExists));
}
