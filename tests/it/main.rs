//! Whole-system tests: the embedded platform with real function processes, and stand-ins
//! over HTTP. They need the whole workspace built with the same profile; `scripts/test`
//! does that.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod agents;
mod apps;
mod backends;
mod backup;
mod batches;
mod bench;
mod briefs;
mod browser;
mod budget;
mod cancelling;
mod chain;
mod clients;
mod commands;
mod conformance;
mod corpus;
mod crashes;
mod credentials;
mod deliveries;
mod deploy_crashes;
mod dev;
mod doctor;
mod economy;
mod existing;
mod follow_ups;
mod gate;
mod lambda;
mod misbehaviour;
mod newest;
mod notices;
mod openapi;
mod package;
mod pauses;
mod program;
mod progress;
mod publish_crashes;
mod publishing;
mod push;
mod recovery;
mod releases;
mod repairs;
mod replay;
mod retention;
mod sbom;
mod secrets;
mod seeds;
mod terminal;
mod tidy;
mod traces;
mod world;
