//! Who may do what with the files of a bucket.

use rusqlite::Connection;

use super::bucket::{self, Bucket};
use super::file::File;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::permissions::{self, Action};

/// Finds a bucket that the caller may know of: a disabled one is for keys only.
///
/// # Errors
/// 404 `storage_bucket_not_found`.
pub(super) fn bucket(db: &Connection, caller: &Caller, id: &str) -> Result<Bucket, ApiError> {
    let bucket = bucket::get(db, id)?;
    if bucket.enabled || caller.is_key() {
        return Ok(bucket);
    }
    let message = "Storage bucket with the requested ID could not be found.";
    Err(ApiError::not_found("storage_bucket_not_found", message))
}

/// What a caller may do with the files of a bucket.
pub(super) enum Access {
    /// Everything: a key, or a permission of the bucket.
    All,
    /// Files that give it to one of these roles.
    Files { action: Action, roles: Vec<String> },
}

impl Access {
    /// # Errors
    /// 401 `user_unauthorized` for a caller for whom no file can be included.
    pub(super) fn of(bucket: &Bucket, caller: &Caller, action: Action) -> Result<Self, ApiError> {
        let roles = caller.roles();
        if caller.is_key() || permissions::allow(&bucket.permissions, action, &roles) {
            Ok(Self::All)
        } else if bucket.file_security && action != Action::Create {
            Ok(Self::Files { action, roles })
        } else {
            Err(ApiError::unauthorized())
        }
    }

    /// Whether a file is included.
    pub(super) fn includes(&self, file: &File) -> bool {
        match self {
            Self::All => true,
            Self::Files { action, roles } => permissions::allow(&file.permissions, *action, roles),
        }
    }

    /// # Errors
    /// 401 `user_unauthorized` for a caller for whom this file is not included.
    pub(super) fn require(&self, file: &File) -> Result<(), ApiError> {
        if self.includes(file) {
            Ok(())
        } else {
            Err(ApiError::unauthorized())
        }
    }
}
