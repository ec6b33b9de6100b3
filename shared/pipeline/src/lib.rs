//! What the orchestrator decides, without doing any of it.
//!
//! Facts go in, decisions come out: [`advance()`] says which rows must exist and what a
//! task shows, [`decide()`] says which effects a unit of work needs next, and
//! [`record()`] turns an effect's answer into the journal entry that replays it.
//!
//! Deliberately not here: clocks, networks, environment, randomness, async. A caller
//! passes in what it learned outside; two calls with equal arguments give equal results.
//!
//! Start reading at [`mod@advance`], then [`mod@unit`], then [`mod@agent`].

pub mod advance;
pub mod agent;
pub mod app_config;
pub mod assignment;
pub mod brief;
pub mod build;
pub mod command;
pub mod deployment;
pub mod economy;
pub mod effect;
pub mod estimate;
pub mod facts;
pub mod failure;
pub mod hidden;
pub mod ids;
pub mod import;
pub mod json;
pub mod law;
pub mod ledger;
pub mod limits;
pub mod messages;
pub mod model;
pub mod money;
pub mod notice;
pub mod path;
pub mod plan;
pub mod plan_mend;
pub mod plan_rules;
pub mod planning;
pub mod progress;
pub mod prompts;
pub mod quota;
pub mod release;
pub mod release_record;
pub mod replay;
pub mod retention;
pub mod review;
pub mod rows;
pub mod secrets;
pub mod stage;
pub mod sweep;
pub mod tables;
pub mod trace;
#[cfg(test)]
mod typescript;
pub mod unit;
pub mod work;
pub mod workspace;

pub use advance::{Advance, advance};
pub use command::Command;
pub use facts::{Done, Fact, Facts, Outcome};
pub use failure::{Code, Failure};
pub use ids::{TaskId, UnitId, UnitKey, UnitKind};
pub use law::Law;
pub use path::SafePath;
pub use stage::{Stage, Status};
pub use unit::{Journal, Step, Work, decide, record};
