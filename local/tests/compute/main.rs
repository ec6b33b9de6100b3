//! Functions, schedules, sites and hosting of the embedded platform, over HTTP and with real
//! processes.

mod functions;
mod queue;
mod sites;
mod world;
