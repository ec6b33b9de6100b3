//! The platform under strain, as a process of its own: kills, and requests that nobody should send.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod durability;
mod frames;
mod malformed;
mod process;
mod random;
mod request;
