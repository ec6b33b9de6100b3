//! A blocking client for Appwrite, for functions and for the terminal.
//!
//! Here: databases with their schema and rows, executions, accounts, sites and functions with their
//! deployments and variables, proxy rules, and e-mail messages, as spoken by Appwrite 1.9.6. Not here: transactions,
//! storage, Realtime, and anything that a console user does.
//!
//! Every call states whether it may be repeated. Three rules cover all of them:
//!
//! - A read, a delete, a patch and a put are repeated on a transport error, on 429 and on 5xx.
//! - A create with a chosen id is repeated only after a look-up has shown that the answer that was
//!   lost had not created anything.
//! - An upload, an execution and a new session are repeated only when the request provably did
//!   nothing; otherwise [`Error::OutcomeUnknown`] leaves the look-up to the caller.
//!
//! Start reading at [`Client`], then `retry.rs`.

mod account;
mod agent;
mod call;
mod client;
mod column;
mod database;
mod deployment;
mod error;
mod error_type;
mod execution;
mod function;
mod kind;
mod message;
mod observer;
mod owner;
mod pace;
mod query;
mod retry;
mod row;
mod rule;
mod same;
mod site;
mod table;
#[cfg(test)]
mod tests;
mod variable;
mod visit;

pub use account::{Account, Session, User};
pub use client::{
    Client, Credential, REQUEST_BYTES_MAX, RESPONSE_FORMAT, RETRIES_DEFAULT, Settings,
    TIMEOUT_DEFAULT,
};
pub use column::{Column, ColumnKind, Index, IndexKind, NewColumn, NewIndex, SchemaStatus};
pub use database::{
    COLUMNS_PER_CREATE_MAX, Database, Databases, TableList, TableSchema, TableSettings,
};
pub use deployment::{
    ARCHIVE_BYTES_MAX, DOWNLOAD_BYTES_MAX, Deployment, DeploymentArchive, DeploymentList,
    DeploymentStatus,
};
pub use error::{Error, Operation, Refusal, Retry};
pub use error_type::ErrorType;
pub use execution::{Execution, ExecutionStatus, Executions, Method, NewExecution};
pub use function::{Function, Functions, NewFunction};
pub use kind::Kind;
pub use message::{Messages, NewEmail};
pub use observer::{Observed, Observer, Repeated};
pub use query::Query;
pub use row::{NewRow, Row, RowList};
pub use rule::{Rule, RuleList, Rules};
pub use site::{NewSite, STATIC_RUNTIME, Site, Sites};
pub use table::{ROWS_PER_CREATE_MAX, ROWS_PER_PAGE, Table};
pub use variable::{NewVariable, Variable, VariableList};
pub use visit::{VISIT_BYTES_MAX, Visit};
