//! The embedded platform: an Appwrite-compatible server on SQLite, run inside
//! the process that needs it.
//!
//! It follows what a real Appwrite 1.9.6 was measured to do. Start reading at
//! [`kernel`], which every other module takes.

pub mod accounts;
pub mod auth;
pub mod bus;
pub mod clock;
pub mod counts;
pub mod error;
pub mod faults;
pub mod ids;
pub mod kernel;
pub mod schema;
pub mod server;
pub mod store;
