//! The platform from outside: over HTTP and WebSocket, on a free port.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "platform/support.rs"]
mod support;

#[path = "platform/accounts.rs"]
mod accounts;
#[path = "platform/admin.rs"]
mod admin;
#[path = "platform/changes.rs"]
mod changes;
#[path = "platform/console.rs"]
mod console;
#[path = "platform/counts.rs"]
mod counts;
#[path = "platform/deployed.rs"]
mod deployed;
#[path = "platform/faults.rs"]
mod faults;
#[path = "platform/legacy.rs"]
mod legacy;
#[path = "platform/messaging.rs"]
mod messaging;
#[path = "platform/realtime.rs"]
mod realtime;
#[path = "platform/rows.rs"]
mod rows;
#[path = "platform/schema.rs"]
mod schema;
#[path = "platform/server.rs"]
mod server;
#[path = "platform/storage.rs"]
mod storage;
#[path = "platform/transactions.rs"]
mod transactions;
#[path = "platform/whole.rs"]
mod whole;
