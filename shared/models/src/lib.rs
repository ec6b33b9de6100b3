//! Clients of the model APIs: xAI Responses ([`Xai`]), Anthropic Messages ([`Anthropic`]), and Chat
//! Completions ([`Chat`]), which takes the requests of both.
//!
//! The wire formats are pure functions in [`wire`] and [`sse`]; `xai.rs`, `anthropic.rs`,
//! `chat.rs` and `http.rs` do the I/O and nothing else. Start reading in `anthropic.rs`.
//!
//! Not here: the agent loop, prompts, budgets, and what to do about a failure: a call either
//! gives an answer with its usage and cost, or a [`ModelError`] that says whether another attempt
//! can help.

mod anthropic;
mod call;
mod chat;
mod error;
mod exchange;
mod http;
mod meter;
mod pace;
pub mod prices;
mod redact;
mod retry;
pub mod schema;
mod settings;
pub mod sse;
mod traced;
mod usage;
pub mod wire;
mod xai;

pub use anthropic::{Anthropic, Batched, Found, VERSION_DEFAULT};
pub use chat::{Chat, Deferred};
pub use error::{ErrorKind, ModelError, Provider, Retry, StreamFault, Wait};
pub use meter::TOP_SPEED_TOKENS_PER_SECOND;
pub use pace::WAITING_MAX;
pub use prices::{MicroUsd, Price};
pub use retry::PAUSE_MAX;
pub use settings::{ANTHROPIC_BASE_URL, Auth, Settings, XAI_BASE_URL};
pub use traced::traced;
pub use usage::{Billed, Usage};
pub use wire::Effort;
pub use wire::anthropic::batch::is_custom_id;
pub use wire::anthropic::{
    Block, CacheTtl, InvalidJson, Message, MessagesAnswer, MessagesRequest, Role, StopReason,
    StreamEvent, SystemBlock, Tool,
};
pub use wire::chat::Structured;
pub use wire::xai::{
    Finish, InputMessage, InputRole, JsonSchemaFormat, ResponsesAnswer, ResponsesRequest,
};
pub use xai::Xai;
