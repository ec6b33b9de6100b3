//! The platform from outside: over HTTP and WebSocket, on a free port.

#[path = "platform/support.rs"]
mod support;

#[path = "platform/accounts.rs"]
mod accounts;
#[path = "platform/realtime.rs"]
mod realtime;
#[path = "platform/rows.rs"]
mod rows;
#[path = "platform/server.rs"]
mod server;
