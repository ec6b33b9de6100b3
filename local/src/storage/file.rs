//! A file: its record as it is stored and answered.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bucket::Bucket;
use super::disk;
use super::seal::Seal;
use crate::error::ApiError;
use crate::{clock, ids};

/// Bytes of a chunk as SDKs send them; the number of chunks is counted in these (Appwrite 1.9.6,
/// measured).
const CHUNK_BYTES: u64 = 5 * 1024 * 1024;

/// A file as it is stored. Names are those that lists are filtered by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    pub(super) id: String,
    pub(super) bucket_id: String,
    /// Number of the bucket.
    pub(super) bucket: i64,
    /// Milliseconds since the Unix epoch.
    pub(super) created_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub(super) updated_ms: i64,
    pub(super) permissions: Vec<String>,
    pub(super) name: String,
    /// MD5 of the content; empty until all of it has arrived.
    pub(super) signature: String,
    /// Empty until all of the content has arrived.
    pub(super) mime_type: String,
    pub(super) size_original: u64,
    /// Bytes on disk; 0 until all of the content has arrived.
    pub(super) size_actual: u64,
    pub(super) chunks_total: u64,
    pub(super) chunks_uploaded: u64,
    /// Name of its bytes on disk, never used for other bytes.
    pub(super) blob: String,
    /// Chunks that have arrived: where each begins and ends. Empty once they are put together.
    pub(super) chunks: BTreeMap<u64, u64>,
    /// Whether all of the content has arrived.
    pub(super) complete: bool,
    /// How its bytes on disk are sealed, if they are.
    pub(super) seal: Option<Seal>,
}

impl File {
    pub(super) fn new(bucket: &Bucket, id: String, name: String, size: u64) -> Self {
        let now = clock::now().as_millisecond();
        Self {
            id,
            bucket_id: bucket.id.clone(),
            bucket: bucket.number,
            created_ms: now,
            updated_ms: now,
            permissions: Vec::new(),
            name,
            signature: String::new(),
            mime_type: String::new(),
            size_original: size,
            size_actual: 0,
            chunks_total: size.div_ceil(CHUNK_BYTES).max(1),
            chunks_uploaded: 0,
            blob: ids::unique(),
            chunks: BTreeMap::new(),
            complete: false,
            seal: None,
        }
    }

    /// Notes a chunk. Returns whether all of the content has arrived.
    pub(super) fn take(&mut self, start: u64, end: u64) -> bool {
        self.chunks.insert(start, end);
        let covered = self.chunks.iter().try_fold(0, |reach: u64, (from, to)| {
            (*from <= reach).then(|| reach.max(*to))
        });
        let whole = covered == Some(self.size_original);
        self.chunks_uploaded = if whole {
            self.chunks_total
        } else {
            // Chunks of another size do not add up to the number that is announced.
            let most = self.chunks_total.saturating_sub(1);
            (self.chunks.len() as u64).min(most)
        };
        whole
    }

    /// Folder of its bytes.
    pub(super) fn folder(&self, data_dir: &Path) -> PathBuf {
        disk::root(data_dir).join(self.bucket.to_string())
    }

    /// The file as the API answers it (Appwrite 1.9.6, measured).
    pub(super) fn json(&self) -> Value {
        json!({
            "$id": self.id,
            "bucketId": self.bucket_id,
            "$createdAt": clock::format_ms(self.created_ms),
            "$updatedAt": clock::format_ms(self.updated_ms),
            "$permissions": self.permissions,
            "name": self.name,
            "signature": self.signature,
            "mimeType": self.mime_type,
            "sizeOriginal": self.size_original,
            "sizeActual": self.size_actual,
            "chunksTotal": self.chunks_total,
            "chunksUploaded": self.chunks_uploaded,
            "encryption": self.seal.is_some(),
            "compression": if self.complete { "none" } else { "" },
        })
    }

    /// Writes the record, for the first time or anew.
    pub(super) fn save(&self, db: &Connection) -> Result<(), ApiError> {
        db.prepare_cached(
            "INSERT INTO storage_files (bucket, id, document) VALUES (?1, ?2, ?3)
             ON CONFLICT (bucket, id) DO UPDATE SET document = excluded.document",
        )?
        .execute((self.bucket, &self.id, serde_json::to_string(self)?))?;
        Ok(())
    }
}

/// Reads a file that may be missing.
pub(super) fn find(db: &Connection, bucket: i64, id: &str) -> Result<Option<File>, ApiError> {
    let text: Option<String> = db
        .prepare_cached("SELECT document FROM storage_files WHERE bucket = ?1 AND id = ?2")?
        .query_row((bucket, id), |row| row.get(0))
        .optional()?;
    Ok(text.as_deref().map(serde_json::from_str).transpose()?)
}

/// Reads a file.
///
/// # Errors
/// 404 `storage_file_not_found`.
pub(super) fn get(db: &Connection, bucket: i64, id: &str) -> Result<File, ApiError> {
    find(db, bucket, id)?.ok_or_else(missing)
}

/// 404 `storage_file_not_found`.
pub(super) fn missing() -> ApiError {
    let message = "The requested file could not be found.";
    ApiError::not_found("storage_file_not_found", message)
}

/// Names of all bytes that records speak of, and whether they are put together.
pub(super) fn blobs(db: &Connection) -> Result<HashMap<String, bool>, ApiError> {
    let sql = "SELECT json_extract(document, '$.blob'), json_extract(document, '$.complete') FROM storage_files";
    let mut statement = db.prepare(sql)?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}
