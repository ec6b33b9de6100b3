//! A deployment: one uploaded source of a function and what became of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::registry::{self, Latest};
use crate::error::ApiError;
use crate::executor::keep_end;
use crate::store::Writer;
use crate::{clock, ids};

/// What a list may be filtered and ordered by (Appwrite 1.9.6).
pub(super) const ATTRIBUTES: &[&str] = &[
    "$id",
    "$sequence",
    "$createdAt",
    "$updatedAt",
    "type",
    "status",
    "activate",
    "entrypoint",
    "sourceSize",
    "buildSize",
    "totalSize",
    "buildDuration",
];

/// Name of the uploaded archive in a deployment's folder.
pub(super) const SOURCE_FILE: &str = "source.tar.gz";
/// Name of the packed output in a deployment's folder.
pub(super) const OUTPUT_FILE: &str = "output.tar.gz";
/// Name of the folder of unpacked files in a deployment's folder.
pub(super) const CODE_FOLDER: &str = "code";

/// How far a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Status {
    /// Uploaded, or still being uploaded in chunks.
    Waiting,
    /// Being built.
    Building,
    /// Built; may be activated.
    Ready,
    /// The build failed.
    Failed,
    /// Given up by a caller before it was built.
    Canceled,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Building => "building",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// A deployment as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) function_id: String,
    pub(super) created_ms: i64,
    updated_ms: i64,
    pub(super) entrypoint: String,
    pub(super) commands: String,
    /// Bytes of the whole source.
    pub(super) source_size: u64,
    /// Bytes of the packed output.
    pub(super) build_size: u64,
    pub(super) activate: bool,
    pub(super) status: Status,
    pub(super) build_logs: String,
    /// Whole seconds.
    pub(super) build_duration_s: u64,
    /// Chunks that have arrived: where each begins and ends in the source.
    pub(super) chunks: BTreeMap<u64, u64>,
}

impl Deployment {
    pub(super) fn new(function_id: &str, activate: bool, source_size: u64) -> Self {
        let now = clock::now().as_millisecond();
        Self {
            id: ids::unique(),
            function_id: function_id.to_owned(),
            created_ms: now,
            updated_ms: now,
            entrypoint: String::new(),
            commands: String::new(),
            source_size,
            build_size: 0,
            activate,
            status: Status::Waiting,
            build_logs: String::new(),
            build_duration_s: 0,
            chunks: BTreeMap::new(),
        }
    }

    /// Whether every byte of the source has arrived.
    pub(super) fn is_complete(&self) -> bool {
        let mut end = 0;
        for (from, to) in &self.chunks {
            if *from > end {
                return false;
            }
            end = end.max(*to);
        }
        end == self.source_size
    }

    /// Folder of this deployment's files.
    pub(super) fn folder(&self, data_dir: &Path) -> PathBuf {
        folder(data_dir, &self.function_id, &self.id)
    }

    /// The deployment as the API answers it (Appwrite 1.9.6, measured).
    pub(super) fn json(&self) -> Value {
        json!({
            "$id": self.id,
            "$createdAt": clock::format_ms(self.created_ms),
            "$updatedAt": clock::format_ms(self.updated_ms),
            "type": "manual",
            "resourceId": self.function_id,
            "resourceType": "functions",
            "entrypoint": self.entrypoint,
            "sourceSize": self.source_size,
            "buildSize": self.build_size,
            "totalSize": self.source_size + self.build_size,
            "buildId": "",
            "activate": self.activate,
            "screenshotLight": "",
            "screenshotDark": "",
            "status": self.status.word(),
            "buildLogs": keep_end(&self.build_logs),
            "buildDuration": self.build_duration_s,
            "providerRepositoryName": "",
            "providerRepositoryOwner": "",
            "providerRepositoryUrl": "",
            "providerCommitHash": "",
            "providerCommitAuthorUrl": "",
            "providerCommitAuthor": "",
            "providerCommitMessage": "",
            "providerCommitUrl": "",
            "providerBranch": "",
            "providerBranchUrl": "",
        })
    }

    /// Writes the record, for the first time or anew, and the function's note of its latest one.
    pub(super) fn save(&mut self, db: &mut Writer) -> Result<(), ApiError> {
        self.updated_ms = clock::now().as_millisecond();
        if self.chunks.len() <= 1 && self.status == Status::Waiting {
            // A new record was made at the time it bears.
            self.updated_ms = self.created_ms;
        }
        let transaction = db.transaction()?;
        transaction
            .prepare_cached(
                "INSERT INTO function_deployments (id, function_id, state, document)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET state = excluded.state, document = excluded.document",
            )?
            .execute((
                &self.id,
                &self.function_id,
                serde_json::to_string(self)?,
                self.json().to_string(),
            ))?;
        note_latest(&transaction, &self.function_id)?;
        Ok(transaction.commit()?)
    }

    fn latest(&self) -> Latest {
        Latest {
            id: self.id.clone(),
            created_ms: self.created_ms,
            status: self.status.word().to_owned(),
        }
    }
}

/// Folder of a deployment's files. Both ids follow the rule for ids, so it stays inside.
pub(super) fn folder(data_dir: &Path, function_id: &str, id: &str) -> PathBuf {
    data_dir.join("deployments").join(function_id).join(id)
}

/// Reads a deployment of a function.
///
/// # Errors
/// 404 `deployment_not_found`.
pub(super) fn get(db: &Connection, function_id: &str, id: &str) -> Result<Deployment, ApiError> {
    let sql = "SELECT state FROM function_deployments WHERE id = ?1 AND function_id = ?2";
    let text: Option<String> = db
        .prepare_cached(sql)?
        .query_row([id, function_id], |row| row.get(0))
        .optional()?;
    let message = "Deployment with the requested ID could not be found.";
    let text = text.ok_or_else(|| ApiError::not_found("deployment_not_found", message))?;
    Ok(serde_json::from_str(&text)?)
}

/// Removes a deployment; an active one leaves its function without any.
///
/// # Errors
/// 404 `deployment_not_found`.
pub(super) fn delete(db: &mut Writer, function_id: &str, id: &str) -> Result<(), ApiError> {
    let transaction = db.transaction()?;
    let deployment = get(&transaction, function_id, id)?;
    transaction.execute(
        "DELETE FROM function_deployments WHERE id = ?1",
        [&deployment.id],
    )?;
    registry::change(&transaction, function_id, |function| {
        if function.deployment_id == deployment.id {
            function.deployment_id.clear();
            function.deployment_created_ms = 0;
        }
    })?;
    note_latest(&transaction, function_id)?;
    Ok(transaction.commit()?)
}

/// Deployments whose source is whole and whose build did not end, which a stop of the platform
/// leaves behind.
pub(super) fn unfinished(db: &Connection) -> Result<Vec<Deployment>, ApiError> {
    let mut statement = db.prepare_cached(
        "SELECT state FROM function_deployments
         WHERE json_extract(state, '$.status') IN ('waiting', 'building') ORDER BY sequence",
    )?;
    let texts = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    let mut found = Vec::new();
    for text in texts {
        let deployment: Deployment = serde_json::from_str(&text)?;
        if deployment.is_complete() {
            found.push(deployment);
        }
    }
    Ok(found)
}

fn note_latest(db: &Connection, function_id: &str) -> Result<(), ApiError> {
    let sql = "SELECT state FROM function_deployments WHERE function_id = ?1
               ORDER BY sequence DESC LIMIT 1";
    let text: Option<String> = db
        .prepare_cached(sql)?
        .query_row([function_id], |row| row.get(0))
        .optional()?;
    let latest: Option<Deployment> = text.as_deref().map(serde_json::from_str).transpose()?;
    let latest = latest.as_ref().map(Deployment::latest);
    registry::change(db, function_id, |function| function.latest = latest).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_complete_when_chunks_cover_it() {
        let mut deployment = Deployment::new("f", false, 10);
        assert!(!deployment.is_complete());
        deployment.chunks.insert(5, 10);
        assert!(!deployment.is_complete());
        deployment.chunks.insert(0, 4);
        assert!(!deployment.is_complete());
        deployment.chunks.insert(0, 5);
        assert!(deployment.is_complete());
    }
}
