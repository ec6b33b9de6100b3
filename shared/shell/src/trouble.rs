//! What keeps an execution from going on. A [`Trouble`] is not recorded: the unit is
//! started again later. What can never succeed is a [`pipeline::Failure`] and is recorded.

use pipeline::Failure;

/// Why an execution stops before its unit has ended.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Appwrite did not do what was asked.
    #[error("appwrite did not answer as needed")]
    Appwrite(#[from] appwrite::Error),
    /// A model service could not answer now.
    #[error("the model service did not answer")]
    Model(#[from] models::ModelError),
    /// GitHub could not answer now.
    #[error("github did not answer")]
    GitHub(#[from] github::Error),
    /// A row does not hold what it should.
    #[error("{0}")]
    Row(String),
    /// A function lacks a setting, or an outside service refused for good.
    #[error("{0}")]
    Terminal(Failure),
}
