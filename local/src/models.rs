//! Stand-ins for the two model services, over HTTP and with the real wire shapes.
//!
//! [`Models`] serves xAI's Responses API and Anthropic's Messages API on one port. The services
//! are strict: what the real ones refuse is refused here with their status and text, so that a
//! client that works here has its requests right. They share no types with our clients.
//!
//! The answers come from a scripted intelligence that knows nothing but the prompt. It plans,
//! codes and reviews small browser apps and is deterministic: an equal request has an equal
//! answer. Ids of real models behave like `scripted` under the rules of that model. Other names:
//!
//! | model | service | behaviour |
//! | --- | --- | --- |
//! | `scripted` | both | plans, codes, reviews; the agent's first version of a `web` app's store has one defect, which the reviewer finds |
//! | `scripted-flawless` | both | the same without the defect |
//! | `scripted-invalid-plan` | xAI | the first plan has a dependency cycle and overlapping files; the answer to the repair message is right |
//! | `scripted-hopeless-plan` | xAI | no plan is ever right |
//! | `scripted-refusal` | both | refuses: a refusal item, or stop reason `refusal` |
//! | `scripted-overloaded` | both | each conversation is answered with 529 twice, then as `scripted` |
//! | `scripted-busy` | both | the model's first call is answered with 429 and `retry-after: 31`, then as `scripted` |
//! | `scripted-slow` | Anthropic | an answer's stream stands still for two seconds before each event |
//! | `scripted-out-of-credit` | both | every call is answered as if the account's spending limit were reached |
//! | `scripted-too-long` | both | every prompt is longer than the model can read |
//! | `scripted-truncated` | both | each conversation's first answer breaks off (a stream without its last event, else a truncated answer), then as `scripted` |
//! | `scripted-stuck` | Anthropic | repeats one tool call for ever |
//! | `scripted-never-satisfied` | xAI | the reviewer always requests changes |
//! | `scripted-rubber-stamp` | xAI | the reviewer approves every assignment, whatever it reads |
//! | `scripted-miscites` | xAI | the reviewer always finds something in a file that does not exist |
//! | `scripted-suspicious` | xAI | the reviewer always suspects text meant to influence it |
//! | `scripted-empty` | Anthropic | an agent's first answer is empty; once it is told more, as `scripted` |
//! | `scripted-cut-off` | Anthropic | an agent's answers reach the token limit until it is told more, then as `scripted` |
//! | `scripted-invalid-json` | Anthropic | the arguments of the last call of an agent's first answer break off, then as `scripted` |
//!
//! A name acts as `scripted` where its behaviour does not apply. Chat Completions answer for
//! the planner and the reviewer, at once or deferred. What is not here: agents over Chat
//! Completions, files, stored responses, rate limits, and the expiry of cache entries. A batch
//! has the behaviour of its models, without the overload that the service waits out itself.
//!
//! Start reading at [`Models::start`]; `xai` and `anthropic` are the services, `planner`, `agent`
//! and `reviewer` the intelligence, `app` what it builds.

mod agent;
mod anthropic;
mod app;
mod brief;
mod catalog;
mod digest;
mod features;
mod planner;
mod reviewer;
mod server;
mod structure;
mod wire;
mod xai;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use server::State;

/// How long a shutdown waits for open answers.
const SHUTDOWN_MAX: Duration = Duration::from_secs(2);

/// How the services are started.
#[derive(Debug)]
pub struct ModelsConfig {
    /// Address to listen on; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The one key that both services accept.
    pub key: SecretString,
    /// Faults for every model, besides those that a model's name brings.
    pub faults: Faults,
}

/// Faults of the services; the default has none.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The first calls of each service that are answered with 529.
    pub overloaded_calls: u32,
    /// The first calls of each service that are answered with 429 and `retry-after: 1`.
    pub rate_limited_calls: u32,
    /// Every call is answered as if the account's spending limit were reached (429, no
    /// `retry-after`).
    pub spending_limit: bool,
    /// How often a deferred completion is looked for in vain before it is done.
    pub deferred_looks: u32,
    /// How often a batch is looked at, by itself or in the list, before it has ended.
    pub batch_looks: u32,
    /// What becomes of the first batches, in the order of their submission; later ones are
    /// answered.
    pub batch_faults: Vec<BatchFault>,
    /// Cuts streams into pieces of this many bytes, through lines and characters alike.
    pub piece_bytes: Option<usize>,
    /// Waits this long between the events of a stream.
    pub pace: Option<Duration>,
    /// A conversation of the coding agent's service waits for its second answer, and for every
    /// further one, until this holds `true`.
    pub goes_on: Option<watch::Receiver<bool>>,
}

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchFault {
    /// Its requests are answered, or refused as plain calls would be.
    #[default]
    Answered,
    /// The service fails at every request.
    Errored,
    /// A day passes before any model is asked.
    Expired,
    /// Somebody else cancels it.
    Canceled,
}

/// A batch that was submitted and not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRecord {
    /// Its id.
    pub id: String,
    /// The custom ids of its requests.
    pub custom_ids: Vec<String>,
    /// `in_progress`, `canceling` or `ended`.
    pub status: &'static str,
}

/// Which of the two services was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// The planner's and reviewer's.
    Xai,
    /// The coding agent's.
    Anthropic,
}

/// One call for an answer of a model, or the submission of a batch. Model lists, key checks and token counts are not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// The service that was called.
    pub service: Service,
    /// The model's name in the request, empty when it could not be read.
    pub model: String,
    /// SHA-256 of the request's body, 64 lower-case hexadecimal digits.
    pub fingerprint: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The header `traceparent` of the request.
    pub traceparent: Option<String>,
    /// Input tokens that it wrote to the prompt cache; 0 for xAI.
    pub cache_written_tokens: u64,
    /// Input tokens that it read from there; 0 for xAI.
    pub cache_read_tokens: u64,
}

/// The running services. Dropping it stops them without waiting.
#[derive(Debug)]
pub struct Models {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Models {
    /// Starts both services on one port.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(config: ModelsConfig) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(config.bind)
            .await
            .with_context(|| format!("could not listen on `{}`", config.bind))?;
        let address = listener
            .local_addr()
            .context("could not read the address of the model services")?;
        let state = Arc::new(State::new(config.key, config.faults));
        let router = server::router(Arc::clone(&state));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(async move {
                // A dropped sender stops the server too.
                let _ = stopped.await;
            });
            if let Err(error) = served.await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the model services stopped"
                );
            }
        });
        Ok(Self {
            address,
            state,
            stop: Some(stop),
            server,
        })
    }

    /// The base URL for an xAI client, `http://127.0.0.1:PORT/v1`.
    pub fn xai_base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The base URL for an Anthropic client, `http://127.0.0.1:PORT`.
    pub fn anthropic_base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every recorded call in the order of its answer.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.state.calls()
    }

    /// How many streams of the coding agent's service were given up by who listened before their
    /// last event.
    pub fn dropped_streams(&self) -> u32 {
        self.state.dropped_streams()
    }

    /// Every batch in the order of its submission.
    pub fn batches(&self) -> Vec<BatchRecord> {
        self.state.batches().records()
    }

    /// Stops the services and waits until open answers are sent.
    ///
    /// An answer that is still open after two seconds is cut off.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have stopped already.
            let _ = stop.send(());
        }
        if tokio::time::timeout(SHUTDOWN_MAX, &mut self.server)
            .await
            .is_err()
        {
            self.server.abort();
        }
    }
}
