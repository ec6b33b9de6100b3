//! The embedded platform: an Appwrite-compatible server on SQLite, run inside
//! the process that needs it.
//!
//! It follows what a real Appwrite 1.9.6 was measured to do. Start reading at
//! [`kernel`], which every other module takes.

pub mod accounts;
pub mod admin;
pub mod auth;
pub mod bus;
pub mod clock;
pub mod config;
pub(crate) mod console;
pub mod counts;
pub mod error;
pub mod events;
pub mod executor;
pub mod faults;
pub mod functions;
pub mod github;
pub mod health;
pub mod hosting;
pub mod ids;
pub mod kernel;
pub mod legacy;
pub mod limits;
pub mod messaging;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "JSON's six kinds will stay six, and a stand-in refuses all but one or two"
)]
pub mod models;
pub mod permissions;
pub mod platform;
pub mod proxy;
pub mod queries;
pub mod queue;
pub mod realtime;
pub mod rows;
pub mod sandbox;
pub mod schedule;
pub mod schema;
pub mod server;
pub(crate) mod serving;
pub mod sites;
mod stand_in;
pub mod storage;
pub mod store;
