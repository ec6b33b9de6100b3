//! Both hosts, as processes of their own: the `echo` example with nothing in its environment but
//! what a test gives it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod client;
mod lambda;
mod open_runtimes;
mod process;
mod secrets;
mod startup;
