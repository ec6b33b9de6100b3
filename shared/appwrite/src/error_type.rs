//! Appwrite's names for its errors.

use std::fmt;

/// Longest unknown name kept, in characters: a few server errors put a whole sentence there.
const OTHER_CHARS_MAX: usize = 200;

macro_rules! error_types {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal $(| $alias:literal)*,)+) => {
        /// The `type` of an Appwrite error: what callers branch on, never the message.
        ///
        /// The older `document_*` and `attribute_*` spellings, which some row routes still answer
        /// with, are read as the row and column ones.
        ///
        /// Source: Appwrite 1.9.6, error bodies `{message, code, type, version}`.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum ErrorType {
            $($(#[doc = $doc])+ $variant,)+
            /// A name that this client does not tell apart, cut at 200 characters.
            Other(String),
        }

        impl ErrorType {
            /// Reads the `type` field of an error body.
            pub fn parse(name: &str) -> Self {
                match name {
                    $($name $(| $alias)* => Self::$variant,)+
                    other => Self::Other(other.chars().take(OTHER_CHARS_MAX).collect()),
                }
            }

            /// The name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other(name) => name,
                }
            }
        }
    };
}

error_types! {
    /// 409: a row has this id, or another row has this value in a unique index.
    RowAlreadyExists = "row_already_exists" | "document_already_exists",
    /// 409: another row has this value in a unique index (newer servers only).
    RowUniqueConstraintViolation = "row_unique_constraint_violation",
    /// 404: no such row, or this user may not read it.
    RowNotFound = "row_not_found" | "document_not_found",
    /// 409: the row changed after the timestamp that the request named.
    RowUpdateConflict = "row_update_conflict" | "document_update_conflict",
    /// 400: a column is missing, unknown or of another type.
    RowInvalidStructure = "row_invalid_structure" | "document_invalid_structure",
    /// 400: no data, or a body that was not JSON.
    RowMissingData = "row_missing_data" | "document_missing_data",
    /// 400: a patch that says nothing.
    RowMissingPayload = "row_missing_payload" | "document_missing_payload",
    /// 403: a relationship keeps the row.
    RowDeleteRestricted = "row_delete_restricted" | "document_delete_restricted",
    /// 400: an increment would pass its bound.
    ColumnLimitExceeded = "column_limit_exceeded" | "attribute_limit_exceeded",
    /// 409: a database has this id.
    DatabaseAlreadyExists = "database_already_exists",
    /// 409: a table of the database has this id.
    TableAlreadyExists = "table_already_exists" | "collection_already_exists",
    /// 404: no such column.
    ColumnNotFound = "column_not_found" | "attribute_not_found",
    /// 409: a column of the table has this key.
    ColumnAlreadyExists = "column_already_exists" | "attribute_already_exists",
    /// 400: an index names a column that is missing or not yet available.
    ColumnUnknown = "column_unknown" | "attribute_unknown",
    /// 400: the column is still being made or deleted.
    ColumnNotAvailable = "column_not_available" | "attribute_not_available",
    /// 400: a default for a column that is required or a list.
    ColumnDefaultUnsupported = "column_default_unsupported" | "attribute_default_unsupported",
    /// 400: bounds or a default that the column itself refuses.
    ColumnValueInvalid = "column_value_invalid" | "attribute_value_invalid",
    /// 404: no such index.
    IndexNotFound = "column_index_not_found" | "index_not_found",
    /// 409: an index of the table has this key.
    IndexAlreadyExists = "column_index_already_exists" | "index_already_exists",
    /// 400: an index that the database can not make, such as one over too many bytes.
    IndexInvalid = "column_index_invalid" | "index_invalid",
    /// 400: the table has as many indexes as it can have.
    IndexLimitExceeded = "column_index_limit_exceeded" | "index_limit_exceeded",
    /// 404: no such table.
    TableNotFound = "table_not_found" | "collection_not_found",
    /// 404: no such database.
    DatabaseNotFound = "database_not_found",
    /// 408: a query took longer than the server allows (15 s).
    DatabaseTimeout = "database_timeout",
    /// 409: a row of the transaction changed after it was staged.
    TransactionConflict = "transaction_conflict",
    /// 404: no such transaction.
    TransactionNotFound = "transaction_not_found",
    /// 410: the transaction's time is over.
    TransactionExpired = "transaction_expired",
    /// 400: committed, committing or failed already.
    TransactionNotReady = "transaction_not_ready",
    /// 400: over 100 operations.
    TransactionLimitExceeded = "transaction_limit_exceeded",
    /// 429: too many requests by this user or address; keys are not limited.
    GeneralRateLimitExceeded = "general_rate_limit_exceeded",
    /// 400: a parameter is missing or out of range.
    GeneralArgumentInvalid = "general_argument_invalid",
    /// 400: the request makes no sense to the server.
    GeneralBadRequest = "general_bad_request",
    /// 400: a query that is malformed or names an unknown column.
    GeneralQueryInvalid = "general_query_invalid",
    /// 400: the row that a cursor names is gone.
    GeneralCursorNotFound = "general_cursor_not_found",
    /// 409: another user has this id or address.
    UserAlreadyExists = "user_already_exists",
    /// 401: no such address, or not its password.
    UserInvalidCredentials = "user_invalid_credentials",
    /// 401: the key or role lacks a scope.
    GeneralUnauthorizedScope = "general_unauthorized_scope",
    /// 401: no project was named.
    GeneralAccessForbidden = "general_access_forbidden",
    /// 403: the `Origin` is not registered.
    GeneralUnknownOrigin = "general_unknown_origin",
    /// 401: this user may not do this; also every unknown key.
    UserUnauthorized = "user_unauthorized",
    /// 401: a JWT that is expired or malformed.
    UserJwtInvalid = "user_jwt_invalid",
    /// 404: no such project.
    ProjectNotFound = "project_not_found",
    /// 409: a message has this id.
    MessageAlreadyExists = "message_already_exists",
    /// 404: no such function.
    FunctionNotFound = "function_not_found",
    /// 409: a function has this id.
    FunctionAlreadyExists = "function_already_exists",
    /// 404: the server does not run this runtime.
    FunctionRuntimeUnsupported = "function_runtime_unsupported",
    /// 404: no such variable.
    VariableNotFound = "variable_not_found",
    /// 409: the site or function has a variable of this id or name.
    VariableAlreadyExists = "variable_already_exists",
    /// 408: a synchronous execution took over 30 s; the function itself runs on.
    FunctionSynchronousTimeout = "function_synchronous_timeout",
    /// 404: no such execution, or this user may not read it.
    ExecutionNotFound = "execution_not_found",
    /// 404: no such deployment, or none that is ready.
    DeploymentNotFound = "deployment_not_found",
    /// 400: the build has ended and can not be called off.
    BuildAlreadyCompleted = "build_already_completed",
    /// 400: the deployment is not built yet.
    BuildNotReady = "build_not_ready",
    /// 404: no such site.
    SiteNotFound = "site_not_found",
    /// 409: a site has this id.
    SiteAlreadyExists = "site_already_exists",
    /// 404: the site or function of a new rule is missing.
    RuleResourceNotFound = "rule_resource_not_found",
    /// 404: no such proxy rule.
    RuleNotFound = "rule_not_found",
    /// 409: a rule has this domain, in this project or another.
    RuleAlreadyExists = "rule_already_exists",
    /// 400: the archive is not a gzipped tar.
    StorageFileTypeUnsupported = "storage_file_type_unsupported",
}

impl ErrorType {
    /// Says whether a create was refused because its id is taken.
    pub(crate) fn is_already_exists(&self) -> bool {
        matches!(
            self,
            Self::RowAlreadyExists
                | Self::RowUniqueConstraintViolation
                | Self::DatabaseAlreadyExists
                | Self::TableAlreadyExists
                | Self::ColumnAlreadyExists
                | Self::IndexAlreadyExists
                | Self::FunctionAlreadyExists
                | Self::VariableAlreadyExists
                | Self::MessageAlreadyExists
                | Self::SiteAlreadyExists
                | Self::RuleAlreadyExists
        )
    }

    /// Says whether a look-up was refused because there is nothing.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::RowNotFound
                | Self::DatabaseNotFound
                | Self::TableNotFound
                | Self::ColumnNotFound
                | Self::IndexNotFound
                | Self::FunctionNotFound
                | Self::VariableNotFound
                | Self::SiteNotFound
                | Self::RuleNotFound
                | Self::DeploymentNotFound
        )
    }
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
