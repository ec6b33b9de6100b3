//! The whole chain as pure decisions: no network, no clock, a world in memory.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests fail as tests do"
)]

mod agent;
mod answers;
mod attacks;
mod commands;
mod corpus;
mod deliveries;
mod deploying;
mod existing;
mod follow_up;
mod planning;
mod progress;
mod repairs;
mod replay;
mod review;
mod simulation;
mod snapshots;
mod walk;
mod world;
