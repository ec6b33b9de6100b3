//! The kinds of request, and how many of each were sent.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// The kind of a request, the key of [`Client::counts`](crate::Client::counts).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $($(#[doc = $doc])+ $variant,)+ }

        impl Kind {
            /// Every kind, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in counts, errors and logs.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

kinds! {
    /// Reads one row.
    RowsGet = "rows.get",
    /// Reads one page of rows.
    RowsList = "rows.list",
    /// Creates one row.
    RowsCreate = "rows.create",
    /// Creates up to 100 rows.
    RowsCreateMany = "rows.create_many",
    /// Changes one row.
    RowsPatch = "rows.patch",
    /// Creates or changes one row, without an event that a function hears.
    RowsPut = "rows.put",
    /// Deletes one row.
    RowsDelete = "rows.delete",
    /// Deletes rows that match.
    RowsDeleteMany = "rows.delete_many",
    /// Starts a function.
    ExecutionsCreate = "executions.create",
    /// Reads one execution.
    ExecutionsGet = "executions.get",
    /// Sends an e-mail to users.
    MessagesCreateEmail = "messages.create_email",
    /// Makes a user with an e-mail address and a password.
    AccountCreate = "account.create",
    /// Signs a user in, an anonymous one that is made for it too.
    AccountCreateSession = "account.create_session",
    /// Signs a user out.
    AccountDeleteSession = "account.delete_session",
    /// Gives a user an e-mail address.
    AccountUpdateEmail = "account.update_email",
    /// Reads the signed-in user.
    AccountGet = "account.get",
    /// Reads one site.
    SitesGet = "sites.get",
    /// Creates a site.
    SitesCreate = "sites.create",
    /// Changes a site's settings.
    SitesUpdate = "sites.update",
    /// Chooses a site's active deployment.
    SitesActivate = "sites.activate",
    /// Reads one function.
    FunctionsGet = "functions.get",
    /// Creates a function.
    FunctionsCreate = "functions.create",
    /// Changes a function's settings.
    FunctionsUpdate = "functions.update",
    /// Chooses a function's active deployment.
    FunctionsActivate = "functions.activate",
    /// Gives a site or function a variable.
    VariablesCreate = "variables.create",
    /// Reads a site's or function's variables.
    VariablesList = "variables.list",
    /// Changes a variable.
    VariablesUpdate = "variables.update",
    /// Deletes a variable.
    VariablesDelete = "variables.delete",
    /// Uploads an archive.
    DeploymentsCreate = "deployments.create",
    /// Reads one deployment.
    DeploymentsGet = "deployments.get",
    /// Reads a site's or function's deployments.
    DeploymentsList = "deployments.list",
    /// Calls off a build.
    DeploymentsCancel = "deployments.cancel",
    /// Downloads an archive.
    DeploymentsDownload = "deployments.download",
    /// Deletes a deployment.
    DeploymentsDelete = "deployments.delete",
    /// Gives a site or function a domain.
    RulesCreate = "rules.create",
    /// Reads proxy rules.
    RulesList = "rules.list",
    /// Takes a domain away.
    RulesDelete = "rules.delete",
    /// Reads one database.
    DatabasesGet = "databases.get",
    /// Creates a database.
    DatabasesCreate = "databases.create",
    /// Reads the tables of a database, with their columns and indexes.
    TablesList = "tables.list",
    /// Reads one table, with its columns and indexes.
    TablesGet = "tables.get",
    /// Creates a table.
    TablesCreate = "tables.create",
    /// Changes a table's name and permissions.
    TablesUpdate = "tables.update",
    /// Deletes a table with its rows.
    TablesDelete = "tables.delete",
    /// Reads one column.
    ColumnsGet = "columns.get",
    /// Creates a column.
    ColumnsCreate = "columns.create",
    /// Changes a column.
    ColumnsUpdate = "columns.update",
    /// Deletes a column with its values.
    ColumnsDelete = "columns.delete",
    /// Reads one index.
    IndexesGet = "indexes.get",
    /// Creates an index.
    IndexesCreate = "indexes.create",
    /// Deletes an index.
    IndexesDelete = "indexes.delete",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many requests of each kind left, repeats and look-ups included.
#[derive(Debug)]
pub(crate) struct Counters([AtomicU64; Kind::ALL.len()]);

impl Counters {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    pub(crate) fn add(&self, kind: Kind) {
        if let Some(counter) = self.0.get(kind as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The kinds that were used, by name.
    pub(crate) fn read(&self) -> BTreeMap<&'static str, u64> {
        Kind::ALL
            .iter()
            .zip(&self.0)
            .map(|(kind, counter)| (kind.as_str(), counter.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}
