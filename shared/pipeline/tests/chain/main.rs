//! The whole chain as pure decisions: no network, no clock, a world in memory.

mod agent;
mod deliveries;
mod review;
mod snapshots;
mod world;
