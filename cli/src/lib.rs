//! `orchestrator`: turns a brief into a running app from a terminal.
//!
//! [`hosting`] puts the embedded platform and its stand-ins together; the whole-system
//! tests start from there too. Start reading at [`command`]: each command has a module there.

pub mod args;
mod backup;
mod brief;
mod browser;
pub mod command;
pub mod data;
mod desk;
mod editor;
pub mod environment;
mod feed;
mod follow;
pub mod hosting;
mod interrupt;
mod live;
pub mod output;
mod paint;
mod place;
mod session;
mod silence;
mod submit;
mod summary;
mod task;
mod task_api;
pub mod trouble;
mod web_page;
