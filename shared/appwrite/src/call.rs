//! One request and its answer.

use std::time::Duration;

use serde::Serialize;
use serde::de::IgnoredAny;
use ureq::http::{HeaderMap, Method};

use crate::client::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use crate::error::{Error, Operation};
use crate::kind::Kind;

/// Longest id that Appwrite takes, in characters.
const ID_CHARS_MAX: usize = 36;

/// What may follow an answer that was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The same request: a second one changes nothing that the first did not.
    Always,
    /// A look-up by the caller, which gets the raw error.
    AfterLookUp,
    /// Nothing: the caller of the client decides.
    Never,
}

/// A deployment's form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Archive<'a> {
    pub(crate) bytes: &'a [u8],
    /// The texts beside it.
    pub(crate) fields: &'a [(&'a str, &'a str)],
}

#[derive(Debug)]
pub(crate) enum Payload<'a> {
    Nothing,
    Json(Vec<u8>),
    Archive(Archive<'a>),
}

/// A request that can be sent more than once.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) operation: Operation,
    pub(crate) method: Method,
    /// Below the endpoint, with its query string.
    pub(crate) path: String,
    pub(crate) payload: Payload<'a>,
    pub(crate) if_unmodified_since: Option<&'a str>,
    pub(crate) repeat: Repeat,
    /// Raises the client's own time-out where one request may take longer.
    pub(crate) timeout_min: Option<Duration>,
    pub(crate) answer_bytes_max: u64,
}

impl<'a> Call<'a> {
    fn new(operation: Operation, method: Method, path: String, repeat: Repeat) -> Self {
        Self {
            operation,
            method,
            path,
            payload: Payload::Nothing,
            if_unmodified_since: None,
            repeat,
            timeout_min: None,
            answer_bytes_max: RESPONSE_BYTES_MAX,
        }
    }

    /// A read, which may always be repeated.
    pub(crate) fn get(operation: Operation, path: String) -> Self {
        Self::new(operation, Method::GET, path, Repeat::Always)
    }

    pub(crate) fn delete(operation: Operation, path: String) -> Self {
        Self::new(operation, Method::DELETE, path, Repeat::Always)
    }

    pub(crate) fn post(operation: Operation, path: String, repeat: Repeat) -> Self {
        Self::new(operation, Method::POST, path, repeat)
    }

    pub(crate) fn patch(operation: Operation, path: String) -> Self {
        Self::new(operation, Method::PATCH, path, Repeat::Always)
    }

    /// A change that sets everything it names, which may always be repeated.
    pub(crate) fn put(operation: Operation, path: String) -> Self {
        Self::new(operation, Method::PUT, path, Repeat::Always)
    }

    /// Gives the request a JSON body.
    ///
    /// # Errors
    /// [`Error::Argument`] over [`REQUEST_BYTES_MAX`], and for what can not be written as JSON.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let Ok(bytes) = serde_json::to_vec(body) else {
            return Err(Error::Argument {
                operation: self.operation,
                reason: "the body is no JSON",
            });
        };
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(Error::Argument {
                operation: self.operation,
                reason: "the body is over 12 MiB",
            });
        }
        self.payload = Payload::Json(bytes);
        Ok(self)
    }

    pub(crate) fn archive(mut self, archive: Archive<'a>) -> Self {
        self.payload = Payload::Archive(archive);
        self
    }
}

/// An answer with a status under 300.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// # Errors
    /// [`Error::Shape`].
    pub(crate) fn decode<T: serde::de::DeserializeOwned>(
        &self,
        operation: &Operation,
    ) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|source| Error::Shape {
            operation: operation.clone(),
            source,
        })
    }

    /// Looks whether it is JSON, and no further.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub(crate) fn skip(&self, operation: &Operation) -> Result<(), Error> {
        self.decode::<IgnoredAny>(operation).map(drop)
    }
}

/// Names an operation on the object of these ids, all of which go into a path.
///
/// # Errors
/// [`Error::Argument`] for an id that Appwrite would refuse, or that would change the path. The
/// magic `unique()` is refused as well: what has no known id cannot be looked up.
pub(crate) fn operation(kind: Kind, ids: &[&str]) -> Result<Operation, Error> {
    let operation = Operation {
        kind,
        object: ids.join("/"),
    };
    if ids.iter().all(|id| is_id(id)) {
        Ok(operation)
    } else {
        Err(Error::Argument {
            operation,
            reason: "an id has 1 to 36 letters, digits, `.`, `_` and `-`, and starts with a letter or digit",
        })
    }
}

fn is_id(id: &str) -> bool {
    id.len() <= ID_CHARS_MAX
        && id.starts_with(|first: char| first.is_ascii_alphanumeric())
        && id
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-'))
}
