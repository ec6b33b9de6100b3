//! Messages to users.

use serde_json::json;

use crate::call::{self, Call, Repeat};
use crate::client::Client;
use crate::error::Error;
use crate::kind::Kind;

/// An e-mail to be sent.
///
/// Source: Appwrite 1.9.6 REST, `POST /v1/messaging/messages/email` (its source).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEmail<'a> {
    /// The message's id, 1 to 36 characters.
    pub id: &'a str,
    /// One line, 1 to 998 characters.
    pub subject: &'a str,
    /// Plain text, 1 to 64,230 characters.
    pub content: &'a str,
    /// Ids of the users whose e-mail targets get it, at least one. Users without a target get
    /// nothing, which the server finds only after it has answered.
    pub users: &'a [&'a str],
}

/// The messages of a project.
#[derive(Debug, Clone, Copy)]
pub struct Messages<'a> {
    client: &'a Client,
}

impl Client {
    /// The messages; nothing is sent.
    pub fn messages(&self) -> Messages<'_> {
        Messages { client: self }
    }
}

impl Messages<'_> {
    /// Hands in an e-mail. Whether it arrives is not known by the answer: a worker of the server
    /// sends it later, and notes what became of it with the message.
    ///
    /// # Errors
    /// [`ErrorType::MessageAlreadyExists`](crate::ErrorType) if the id is taken;
    /// [`ErrorType::GeneralUnauthorizedScope`](crate::ErrorType) without `messages.write`;
    /// [`Error::OutcomeUnknown`] if the answer was lost.
    ///
    /// # Idempotency
    /// One request, never repeated by this client. The caller may: an id that is taken was sent.
    pub fn create_email(&self, new: &NewEmail<'_>) -> Result<(), Error> {
        let operation = call::operation(Kind::MessagesCreateEmail, &[new.id])?;
        let body = json!({
            "messageId": new.id,
            "subject": new.subject,
            "content": new.content,
            "users": new.users,
            "html": false,
        });
        let path = "/messaging/messages/email".to_owned();
        let call = Call::post(operation, path, Repeat::Never).json(&body)?;
        self.client.send_once_only(&call).map(drop)
    }
}
