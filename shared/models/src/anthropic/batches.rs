//! Message Batches: a request is handed in, answered within a day, and costs half.
//!
//! A batch holds one request. Its results are read under a path made from its id, whatever its
//! `results_url` says, so that the key goes to the configured server only.

use super::Anthropic;
use crate::call::{Call, Fault};
use crate::error::{ErrorKind, ModelError};
use crate::exchange::{self, Answered, Exchange, Submitted};
use crate::http::{Http, request_id};
use crate::wire::Omit;
use crate::wire::anthropic::batch::{self, Batch, Outcome};
use crate::wire::anthropic::{self, MessagesAnswer, MessagesRequest};

const PATH: &str = "/v1/messages/batches";

/// Batches on a page of the list.
const PAGE_ITEMS: &str = "100";

/// Pages that are looked through for one request.
const PAGES_MAX: u32 = 20;

/// Results that are read while one request is looked for.
const RESULTS_MAX: u32 = 200;

/// How far the clocks of two machines may be apart, in seconds.
const CLOCKS_APART_MAX: i64 = 300;

/// What there is of a request in a batch.
#[derive(Debug)]
pub enum Batched {
    /// It is not done yet.
    Pending,
    /// The answer, at half the price. It can be read again for 29 days.
    Answered(Box<MessagesAnswer>),
    /// The request was refused, or the provider failed: the error that a plain call would have
    /// had. Nothing is billed; a new submission can help where it is transient.
    Errored(ModelError),
    /// There will be no answer, and nothing is billed: why.
    Lost(String),
}

/// Whether a request is in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is in the batch with this id.
    Yes(String),
    /// It may be in one that is not done yet, whose custom ids cannot be seen; or there are more
    /// batches than can be looked through.
    MaybeLater,
    /// It was not taken.
    No,
}

impl Anthropic {
    /// Hands a request in to be answered within a day, at half the price: the id of its batch.
    /// `custom_id` is 1 to 64 letters, digits, `-` and `_`.
    ///
    /// A request that may have been taken is not sent again. The error of such a call is
    /// unsettled: [`find`](Self::find) it before the request is submitted again.
    ///
    /// The request's own fields are checked by the provider later:
    /// [`Batched::Errored`] tells what it refuses.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn submit(
        &self,
        custom_id: &str,
        request: &MessagesRequest,
    ) -> Result<String, ModelError> {
        let submission = Submission {
            http: &self.http,
            custom_id,
            request,
        };
        Ok(exchange::make(&self.http, submission).await?.0)
    }

    /// Looks for the answer to a request in a batch, with bounded retries; it may be called again
    /// at any time. `requested` is the model that was asked for; it matters for the price only.
    ///
    /// # Errors
    /// See [`ErrorKind`]: the look failed, and says nothing about the request.
    pub async fn collect(
        &self,
        batch: &str,
        custom_id: &str,
        requested: &str,
    ) -> Result<Batched, ModelError> {
        let collection = Collection {
            http: &self.http,
            batch,
            custom_id,
            requested,
        };
        exchange::make(&self.http, collection).await
    }

    /// Looks for a request in the batches that were made since a time, in seconds of Unix time,
    /// with bounded retries: after a submission whose answer is not known.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn find(&self, custom_id: &str, since: i64) -> Result<Found, ModelError> {
        let search = Search {
            http: &self.http,
            custom_id,
            since: since.saturating_sub(CLOCKS_APART_MAX),
            after: None,
            pages: 0,
            results: 0,
            is_open: false,
        };
        exchange::make(&self.http, search).await
    }

    /// Stops a batch, with bounded retries. What the model has begun is still answered and
    /// billed: collect it. A batch that is not known is stopped.
    ///
    /// # Errors
    /// See [`ErrorKind`]; one that has ended is refused ([`ErrorKind::InvalidRequest`]).
    pub async fn cancel(&self, batch: &str) -> Result<(), ModelError> {
        let http = &self.http;
        let Cancelled = exchange::make(http, Cancellation { http, batch }).await?;
        Ok(())
    }
}

fn checked_id(batch: &str) -> Result<(), &'static str> {
    match batch::is_batch_id(batch) {
        true => Ok(()),
        false => Err("the id of the batch cannot stand in a path"),
    }
}

fn checked_custom_id(custom_id: &str) -> Result<(), &'static str> {
    match batch::is_custom_id(custom_id) {
        true => Ok(()),
        false => Err("the custom id is not 1 to 64 letters, digits, `-` and `_`"),
    }
}

/// What is looked at can be looked at again, and costs nothing.
fn looked(fault: Fault) -> Fault {
    Fault {
        lost: false,
        ..fault
    }
}

async fn read(http: &Http, path: &str, query: &[(&str, &str)]) -> Result<String, Fault> {
    let mut response = http.get_with(path, query, "").await.map_err(looked)?;
    http.body(&mut response).await.map_err(looked)
}

/// Reads the results of a batch; `None` where they are not there any more.
async fn results(http: &Http, batch: &str) -> Result<Option<String>, Fault> {
    match read(http, &format!("{PATH}/{batch}/results"), &[]).await {
        Ok(raw) => Ok(Some(raw)),
        Err(fault) if is_not_found(&fault) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn is_not_found(fault: &Fault) -> bool {
    matches!(fault.kind, ErrorKind::NotFound { .. })
}

struct Submission<'a> {
    http: &'a Http,
    custom_id: &'a str,
    request: &'a MessagesRequest,
}

impl Exchange for Submission<'_> {
    type Answer = Submitted;

    fn model(&self) -> &str {
        &self.request.model
    }

    fn optional(&self) -> Omit {
        anthropic::optional(self.request)
    }

    fn check(&self) -> Result<(), &'static str> {
        checked_custom_id(self.custom_id)?;
        anthropic::check(self.request)
    }

    fn body(&self, omit: Omit) -> serde_json::Result<Vec<u8>> {
        batch::submission_without(self.custom_id, self.request, omit)
    }

    async fn attempt(&mut self, body: &[u8], _: &mut Call) -> Result<Submitted, Fault> {
        let patience = Some(self.http.idle());
        let sent = self.http.send(PATH, body, self.model(), patience).await;
        let mut response = sent.map_err(perhaps_taken)?;
        let id = request_id(response.headers());
        let raw = self.http.body(&mut response).await.map_err(Fault::once)?;
        let batch = batch::batch(&raw).map_err(|kind| Fault {
            request_id: id,
            ..Fault::lost(kind).once()
        })?;
        Ok(Submitted(batch.id))
    }
}

/// A provider that failed may have taken the request before it did.
fn perhaps_taken(fault: Fault) -> Fault {
    let has_failed = matches!(
        fault.kind,
        ErrorKind::Server { .. } | ErrorKind::Timeout { .. }
    );
    let is_connected = !fault
        .source
        .as_ref()
        .is_some_and(reqwest::Error::is_connect);
    Fault {
        lost: fault.lost || (has_failed && is_connected),
        ..fault
    }
    .once()
}

struct Collection<'a> {
    http: &'a Http,
    batch: &'a str,
    custom_id: &'a str,
    requested: &'a str,
}

impl Answered for Batched {
    fn is_unsettled(&self) -> bool {
        match self {
            Self::Answered(answer) => answer.unsettled > 0,
            Self::Pending | Self::Errored(_) | Self::Lost(_) => false,
        }
    }

    fn counted(self, _: u32, unsettled: u32) -> Self {
        match self {
            // The model was asked once, however often its answer was looked for.
            Self::Answered(answer) => Self::Answered(Box::new(answer.counted(1, unsettled))),
            Self::Pending | Self::Errored(_) | Self::Lost(_) => self,
        }
    }
}

impl Exchange for Collection<'_> {
    type Answer = Batched;

    fn model(&self) -> &str {
        self.requested
    }

    fn optional(&self) -> Omit {
        Omit::default()
    }

    fn check(&self) -> Result<(), &'static str> {
        checked_id(self.batch)?;
        checked_custom_id(self.custom_id)
    }

    fn body(&self, _: Omit) -> serde_json::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    async fn attempt(&mut self, _: &[u8], _: &mut Call) -> Result<Batched, Fault> {
        let lost = |why: &str| Ok(Batched::Lost(why.to_owned()));
        let raw = match read(self.http, &format!("{PATH}/{}", self.batch), &[]).await {
            Ok(raw) => raw,
            Err(fault) if is_not_found(&fault) => return lost("the service does not know it"),
            Err(fault) => return Err(fault),
        };
        if !batch::batch(&raw).map_err(Fault::free)?.is_ended {
            return Ok(Batched::Pending);
        }
        let Some(raw) = results(self.http, self.batch).await? else {
            return lost("its results are not kept any more");
        };
        match batch::outcome(&raw, self.custom_id).map_err(Fault::free)? {
            Some(Outcome::Succeeded { message }) => {
                let answer = batch::answer(&message, self.http.tariff(self.requested));
                Ok(Batched::Answered(Box::new(answer.map_err(Fault::free)?)))
            }
            Some(Outcome::Errored { error }) => {
                let kind = self.http.redacted(batch::error(&error, self.requested));
                Ok(Batched::Errored(ModelError::of_batch(kind)))
            }
            Some(Outcome::Canceled) => lost("it was cancelled"),
            Some(Outcome::Expired) => lost("it expired before the model was asked"),
            Some(Outcome::Unknown) => lost("its result is of an unknown type"),
            None => lost("its batch has no result for it"),
        }
    }
}

struct Search<'a> {
    http: &'a Http,
    custom_id: &'a str,
    since: i64,
    /// The page to read next; a retry goes on there.
    after: Option<String>,
    pages: u32,
    results: u32,
    /// Whether it may be in a batch that is not done.
    is_open: bool,
}

impl Answered for Found {
    fn is_unsettled(&self) -> bool {
        false
    }

    fn counted(self, _: u32, _: u32) -> Self {
        self
    }
}

impl Exchange for Search<'_> {
    type Answer = Found;

    fn model(&self) -> &'static str {
        ""
    }

    fn optional(&self) -> Omit {
        Omit::default()
    }

    fn check(&self) -> Result<(), &'static str> {
        checked_custom_id(self.custom_id)
    }

    fn body(&self, _: Omit) -> serde_json::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    async fn attempt(&mut self, _: &[u8], _: &mut Call) -> Result<Found, Fault> {
        while self.pages < PAGES_MAX {
            let page = self.page().await?;
            for batch in &page.batches {
                if batch.created_at < self.since {
                    return Ok(self.none());
                }
                // Ours hold one request.
                if batch.requests == 1 && self.holds(batch).await? {
                    return Ok(Found::Yes(batch.id.clone()));
                }
            }
            let Some(next) = page.next else {
                return Ok(self.none());
            };
            self.after = Some(next);
            self.pages += 1;
        }
        Ok(Found::MaybeLater)
    }
}

impl Search<'_> {
    async fn page(&self) -> Result<batch::Page, Fault> {
        let mut query = vec![("limit", PAGE_ITEMS)];
        query.extend(self.after.as_deref().map(|after| ("after_id", after)));
        let raw = read(self.http, PATH, &query).await?;
        batch::page(&raw).map_err(Fault::free)
    }

    async fn holds(&mut self, batch: &Batch) -> Result<bool, Fault> {
        if batch.is_archived {
            return Ok(false);
        }
        if !batch.is_ended || self.results == RESULTS_MAX {
            self.is_open = true;
            return Ok(false);
        }
        self.results += 1;
        let Some(raw) = results(self.http, &batch.id).await? else {
            return Ok(false);
        };
        let outcome = batch::outcome(&raw, self.custom_id).map_err(Fault::free)?;
        Ok(outcome.is_some())
    }

    fn none(&self) -> Found {
        match self.is_open {
            true => Found::MaybeLater,
            false => Found::No,
        }
    }
}

struct Cancellation<'a> {
    http: &'a Http,
    batch: &'a str,
}

struct Cancelled;

impl Answered for Cancelled {
    fn is_unsettled(&self) -> bool {
        false
    }

    fn counted(self, _: u32, _: u32) -> Self {
        self
    }
}

impl Exchange for Cancellation<'_> {
    type Answer = Cancelled;

    fn model(&self) -> &'static str {
        ""
    }

    fn optional(&self) -> Omit {
        Omit::default()
    }

    fn check(&self) -> Result<(), &'static str> {
        checked_id(self.batch)
    }

    fn body(&self, _: Omit) -> serde_json::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    async fn attempt(&mut self, body: &[u8], _: &mut Call) -> Result<Cancelled, Fault> {
        let path = format!("{PATH}/{}/cancel", self.batch);
        let patience = Some(self.http.idle());
        match self.http.send(&path, body, "", patience).await {
            Ok(_) => Ok(Cancelled),
            Err(fault) if is_not_found(&fault) => Ok(Cancelled),
            Err(fault) => Err(looked(fault)),
        }
    }
}
