//! Functions, schedules, sites and hosting of the embedded platform, over HTTP and with real
//! processes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail loudly"
)]

mod deployments;
mod faults;
mod functions;
mod generated;
mod queue;
mod sites;
mod world;
