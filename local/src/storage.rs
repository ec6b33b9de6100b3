//! Storage: buckets and their files.
//!
//! `bucket` and `file` are the records, `routes` and `files` answer requests, `upload` reads
//! forms, `disk` keeps bytes. A record never speaks of bytes that are not on disk: they are
//! written, synced and renamed first. What a killed process leaves behind without a record is
//! removed at the next start.

use std::sync::Arc;

use axum::Router;
use tokio::sync::Mutex;

mod access;
mod bucket;
mod digest;
mod disk;
mod download;
mod file;
mod files;
mod listing;
mod media;
mod publish;
mod routes;
mod seal;
pub mod upload;

use crate::config::BucketConfig;
use crate::error::ApiError;
use crate::kernel::Kernel;

/// Largest file in bytes that a bucket may allow (Appwrite's default).
pub const FILE_BYTES_MAX: u64 = 30_000_000;

/// Tables of this module.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS storage_buckets (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE COLLATE NOCASE,
    document TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS storage_files (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket INTEGER NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE,
    document TEXT NOT NULL,
    UNIQUE (bucket, id)
) STRICT;
";

/// The storage of a running platform, attached to its kernel.
#[derive(Debug)]
pub struct Storage {
    sealer: seal::Sealer,
    /// Held while bytes are written and recorded, so that of two chunks at once one sees the other.
    writing: Mutex<()>,
}

impl Storage {
    /// Attaches storage to the kernel and removes bytes that no record speaks of.
    ///
    /// # Errors
    /// The store or the data folder fails; not worth a retry.
    pub async fn start(kernel: &Arc<Kernel>) -> Result<Arc<Self>, ApiError> {
        let sealer = kernel.store.run(|db| seal::Sealer::load(db)).await?;
        let storage = Arc::new(Self {
            sealer,
            writing: Mutex::default(),
        });
        kernel.attach(Arc::clone(&storage));
        let known = kernel.store.run(|db| file::blobs(db)).await?;
        let root = disk::root(&kernel.data_dir);
        disk::blocking(move || disk::sweep(&root, &known)).await?;
        Ok(storage)
    }

    /// The storage of a kernel.
    ///
    /// # Errors
    /// 500 when [`Storage::start`] was not called.
    pub fn of(kernel: &Kernel) -> Result<Arc<Self>, ApiError> {
        kernel
            .part::<Self>()
            .ok_or_else(|| ApiError::internal(&"storage is not started"))
    }

    /// Adds or updates the buckets of `appwrite.json`; others are left alone. Safe to repeat.
    ///
    /// # Errors
    /// The store fails; not worth a retry.
    pub async fn apply(&self, kernel: &Kernel, configs: Vec<BucketConfig>) -> Result<(), ApiError> {
        kernel
            .store
            .run(move |db| bucket::apply(db, &configs))
            .await
    }
}

/// The routes; the state's kernel must have [`Storage`] attached.
pub fn router() -> Router<Arc<Kernel>> {
    routes::router().merge(files::router())
}
