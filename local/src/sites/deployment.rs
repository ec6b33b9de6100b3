//! A deployment: one uploaded source of a site and what became of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::site::{self, Pointer};
use crate::bus::Event;
use crate::error::ApiError;
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
    "sourceSize",
    "buildSize",
    "totalSize",
    "buildDuration",
];
/// Characters of a build log that are kept.
const BUILD_LOG_CHARS_MAX: usize = 1_000_000;

/// How far a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Status {
    /// Uploaded, or still being uploaded in chunks.
    Waiting,
    /// Being built.
    Building,
    /// Built; may be activated.
    Ready,
    /// The build failed.
    Failed,
    /// Somebody has called the build off.
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
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) site_id: String,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    /// Bytes of the whole source.
    pub(super) source_size: u64,
    /// Bytes of the packed output.
    pub(super) build_size: u64,
    pub(super) activate: bool,
    pub(super) status: Status,
    pub(super) build_logs: String,
    /// Whole seconds.
    pub(super) build_duration_s: u64,
    pub(super) install_command: String,
    pub(super) build_command: String,
    pub(super) output_directory: String,
    /// Chunks that have arrived: where each begins and ends in the source. Complete when they
    /// cover `source_size`.
    pub(super) chunks: BTreeMap<u64, u64>,
}

impl Deployment {
    pub(super) fn new(site_id: &str, activate: bool, source_size: u64) -> Self {
        let now = clock::now().as_millisecond();
        Self {
            id: ids::unique(),
            site_id: site_id.to_owned(),
            created_ms: now,
            updated_ms: now,
            source_size,
            build_size: 0,
            activate,
            status: Status::Waiting,
            build_logs: String::new(),
            build_duration_s: 0,
            install_command: String::new(),
            build_command: String::new(),
            output_directory: String::new(),
            chunks: BTreeMap::new(),
        }
    }

    /// Whether every byte of the source has arrived.
    pub(super) fn is_complete(&self) -> bool {
        let covered = self.chunks.iter().try_fold(0, |end, (from, to)| {
            if *from <= end {
                Some(end.max(*to))
            } else {
                None
            }
        });
        covered == Some(self.source_size)
    }

    /// Folder of this deployment's files. Both ids follow the rule for ids, so it stays inside.
    pub(crate) fn folder(&self, data_dir: &Path) -> PathBuf {
        folder(data_dir, &self.site_id, &self.id)
    }

    /// The deployment as the API answers it (Appwrite 1.9.6, measured).
    pub(crate) fn json(&self) -> Value {
        let skip = self
            .build_logs
            .chars()
            .count()
            .saturating_sub(BUILD_LOG_CHARS_MAX);
        let logs: String = self.build_logs.chars().skip(skip).collect();
        json!({
            "$id": self.id,
            "$createdAt": clock::format_ms(self.created_ms),
            "$updatedAt": clock::format_ms(self.updated_ms),
            "type": "manual",
            "resourceId": self.site_id,
            "resourceType": "sites",
            "entrypoint": "",
            "sourceSize": self.source_size,
            "buildSize": self.build_size,
            "totalSize": self.source_size + self.build_size,
            "buildId": "",
            "activate": self.activate,
            "screenshotLight": "",
            "screenshotDark": "",
            "status": self.status.word(),
            "buildLogs": logs,
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

    /// What functions are told when it has become ready or has failed.
    pub(super) fn event(&self) -> Event {
        let (site, id) = (&self.site_id, &self.id);
        let mut names = Vec::new();
        for (site, id) in [
            (site.as_str(), id.as_str()),
            ("*", "*"),
            (site, "*"),
            ("*", id),
        ] {
            names.push(format!("sites.{site}.deployments.{id}.update"));
            names.push(format!("sites.{site}.deployments.{id}"));
        }
        names.extend([format!("sites.{site}"), "sites.*".to_owned()]);
        Event {
            realtime_names: names.clone().into(),
            names: names.into(),
            channels: Vec::new(),
            readers: Vec::new(),
            payload: self.json(),
            user_id: None,
        }
    }

    /// Writes the record, for the first time or anew, and the site's note of its latest one.
    pub(super) fn save(&mut self, db: &mut Writer) -> Result<(), ApiError> {
        self.updated_ms = clock::now().as_millisecond();
        let transaction = db.transaction()?;
        self.write(&transaction)?;
        if let Some(mut site) = site::find(&transaction, &self.site_id)? {
            let newest = site
                .latest
                .as_ref()
                .is_none_or(|it| it.created_ms <= self.created_ms);
            if newest {
                site.latest = Some(self.pointer());
                site.latest_status = self.status.word().to_owned();
                site.touch();
                site.save(&transaction)?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn write(&self, db: &Connection) -> Result<(), ApiError> {
        db.prepare_cached(
            "INSERT INTO site_deployments (id, site_id, state, document) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET state = excluded.state, document = excluded.document",
        )?
        .execute((
            &self.id,
            &self.site_id,
            serde_json::to_string(self)?,
            self.json().to_string(),
        ))?;
        Ok(())
    }

    pub(super) fn pointer(&self) -> Pointer {
        Pointer {
            id: self.id.clone(),
            created_ms: self.created_ms,
        }
    }
}

/// Folder of a deployment's files.
pub(crate) fn folder(data_dir: &Path, site_id: &str, id: &str) -> PathBuf {
    data_dir.join("sites").join(site_id).join(id)
}

/// Reads a deployment of a site.
///
/// # Errors
/// 404 `deployment_not_found`.
pub(super) fn get(db: &Connection, site_id: &str, id: &str) -> Result<Deployment, ApiError> {
    let text: Option<String> = db
        .prepare_cached("SELECT state FROM site_deployments WHERE id = ?1 AND site_id = ?2")?
        .query_row([id, site_id], |row| row.get(0))
        .optional()?;
    let message = "Deployment with the requested ID could not be found.";
    let text = text.ok_or_else(|| ApiError::not_found("deployment_not_found", message))?;
    Ok(serde_json::from_str(&text)?)
}

/// The deployment of a site that was made last.
pub(super) fn newest(db: &Connection, site_id: &str) -> Result<Option<Deployment>, ApiError> {
    let text: Option<String> = db
        .prepare_cached(
            "SELECT state FROM site_deployments WHERE site_id = ?1 ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row([site_id], |row| row.get(0))
        .optional()?;
    Ok(text.as_deref().map(serde_json::from_str).transpose()?)
}

/// Deployments whose source is whole and whose build did not end, which a stop of the platform
/// leaves behind.
pub(super) fn unfinished(db: &Connection) -> Result<Vec<Deployment>, ApiError> {
    let mut statement = db.prepare_cached(
        "SELECT state FROM site_deployments
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_complete_when_chunks_cover_it() {
        let mut deployment = Deployment::new("s", false, 10);
        assert!(!deployment.is_complete());
        deployment.chunks.insert(5, 10);
        assert!(!deployment.is_complete());
        deployment.chunks.insert(0, 4);
        assert!(!deployment.is_complete());
        deployment.chunks.insert(0, 5);
        assert!(deployment.is_complete());
    }

    #[test]
    fn the_event_bears_every_wildcard_form() {
        let deployment = Deployment::new("web", true, 1);
        let names = deployment.event().names.list().to_vec();
        assert_eq!(
            names[0],
            format!("sites.web.deployments.{}.update", deployment.id)
        );
        for pattern in [
            "sites.*.deployments.*.update",
            "sites.web.deployments.*.update",
        ] {
            assert!(names.iter().any(|name| name == pattern), "{pattern}");
        }
    }
}
