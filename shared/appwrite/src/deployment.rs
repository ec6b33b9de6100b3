//! Deployments of sites and functions.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::call::{self, Archive, Call, Repeat};
use crate::error::{Error, Operation};
use crate::function::Functions;
use crate::kind::Kind;
use crate::owner::Owner;
use crate::query::Query;
use crate::site::Sites;

/// Largest archive, in bytes: one request of 12 MiB with room for the form around it. Appwrite
/// takes larger ones in chunks, which this client does not send.
pub const ARCHIVE_BYTES_MAX: usize = 12 * 1024 * 1024 - 64 * 1024;
/// Largest download, in bytes.
pub const DOWNLOAD_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Least time for an upload or a download.
const ARCHIVE_TIMEOUT: Duration = Duration::from_secs(120);

/// How far a deployment is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum DeploymentStatus {
    /// Queued.
    Waiting,
    /// Being fetched.
    Processing,
    /// Being built.
    Building,
    /// Built: it can be activated.
    Ready,
    /// The build failed; the site or function keeps its active deployment.
    Failed,
    /// Cancelled by someone.
    Canceled,
    /// A status that this client does not know.
    Other(String),
}

impl From<String> for DeploymentStatus {
    fn from(name: String) -> Self {
        match name.as_str() {
            "waiting" => Self::Waiting,
            "processing" => Self::Processing,
            "building" => Self::Building,
            "ready" => Self::Ready,
            "failed" => Self::Failed,
            "canceled" => Self::Canceled,
            _ => Self::Other(name),
        }
    }
}

/// Reads the status of a newest deployment, which is empty without one.
pub(crate) fn status_or_none<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DeploymentStatus>, D::Error> {
    let name = String::deserialize(deserializer)?;
    Ok((!name.is_empty()).then(|| DeploymentStatus::from(name)))
}

/// A deployment.
///
/// Source: Appwrite 1.9.6 REST, deployments (measured). Fixture: `deployment_created.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// The id, chosen by the server.
    #[serde(rename = "$id")]
    pub id: String,
    /// RFC 3339.
    #[serde(rename = "$createdAt")]
    pub created_at: String,
    /// RFC 3339.
    #[serde(rename = "$updatedAt")]
    pub updated_at: String,
    /// The site or function.
    pub resource_id: String,
    /// The archive's bytes: with the time, what tells one's own upload in a list.
    pub source_size: u64,
    /// The output's bytes; 0 before it is built.
    pub build_size: u64,
    /// True if it is served as soon as it is ready.
    pub activate: bool,
    /// How far it is.
    pub status: DeploymentStatus,
    /// The last 1,000,000 characters, with ANSI colours; untrusted.
    pub build_logs: String,
    /// Seconds.
    pub build_duration: u64,
}

/// Some deployments, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeploymentList {
    /// How many match.
    pub total: u64,
    /// The deployments of this page.
    pub deployments: Vec<Deployment>,
}

/// Which archive of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentArchive {
    /// What was uploaded.
    Source,
    /// What the build made of it.
    Output,
}

impl DeploymentArchive {
    fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Output => "output",
        }
    }
}

impl Owner<'_> {
    fn upload(
        &self,
        archive: &[u8],
        activate: bool,
        more: &[(&str, &str)],
    ) -> Result<Deployment, Error> {
        let operation = call::operation(Kind::DeploymentsCreate, &[self.id])?;
        if archive.len() > ARCHIVE_BYTES_MAX {
            return Err(Error::Argument {
                operation,
                reason: "the archive is over 12 MiB less 64 KiB",
            });
        }
        let activate = if activate { "true" } else { "false" };
        let mut fields = vec![("activate", activate)];
        fields.extend_from_slice(more);
        let archive = Archive {
            bytes: archive,
            fields: &fields,
        };
        let mut call =
            Call::post(operation, self.path("deployments"), Repeat::Never).archive(archive);
        call.timeout_min = Some(ARCHIVE_TIMEOUT);
        self.client.fetch(&call)?.decode(&call.operation)
    }

    fn operation(&self, kind: Kind, deployment_id: &str) -> Result<Operation, Error> {
        call::operation(kind, &[self.id, deployment_id])
    }

    fn deployment_path(&self, deployment_id: &str) -> String {
        format!("{}/{deployment_id}", self.path("deployments"))
    }

    fn get_deployment(&self, deployment_id: &str) -> Result<Deployment, Error> {
        let operation = self.operation(Kind::DeploymentsGet, deployment_id)?;
        let call = Call::get(operation, self.deployment_path(deployment_id));
        self.client.fetch(&call)?.decode(&call.operation)
    }

    fn list_deployments(&self, queries: &[Query]) -> Result<DeploymentList, Error> {
        let operation = call::operation(Kind::DeploymentsList, &[self.id])?;
        let query = Query::query_string(queries);
        let call = Call::get(operation, format!("{}{query}", self.path("deployments")));
        self.client.fetch(&call)?.decode(&call.operation)
    }

    fn cancel_deployment(&self, deployment_id: &str) -> Result<Deployment, Error> {
        let operation = self.operation(Kind::DeploymentsCancel, deployment_id)?;
        let path = format!("{}/status", self.deployment_path(deployment_id));
        let call = Call::patch(operation, path).json(&json!({}))?;
        self.client.fetch(&call)?.decode(&call.operation)
    }

    fn delete_deployment(&self, deployment_id: &str) -> Result<(), Error> {
        let operation = self.operation(Kind::DeploymentsDelete, deployment_id)?;
        let path = self.deployment_path(deployment_id);
        self.client.remove(&Call::delete(operation, path))
    }

    fn download_deployment(
        &self,
        deployment_id: &str,
        archive: DeploymentArchive,
    ) -> Result<Vec<u8>, Error> {
        let operation = self.operation(Kind::DeploymentsDownload, deployment_id)?;
        let kind = archive.as_str();
        let path = format!(
            "{}/download?type={kind}",
            self.deployment_path(deployment_id)
        );
        let mut call = Call::get(operation, path);
        call.timeout_min = Some(ARCHIVE_TIMEOUT);
        call.answer_bytes_max = DOWNLOAD_BYTES_MAX;
        Ok(self.client.fetch(&call)?.body)
    }
}

impl Sites<'_> {
    /// Uploads a flat gzipped tar and starts its build, in one request.
    ///
    /// # Errors
    /// [`Error::Argument`] over [`ARCHIVE_BYTES_MAX`]. [`Error::OutcomeUnknown`] if the answer was
    /// lost: list the deployments before another upload.
    /// [`ErrorType::StorageFileTypeUnsupported`](crate::ErrorType) for anything but `.tar.gz`.
    ///
    /// # Idempotency
    /// Not repeated once the request may have arrived, as each upload is a new deployment.
    pub fn create_deployment(
        &self,
        site_id: &str,
        archive: Vec<u8>,
        activate: bool,
    ) -> Result<Deployment, Error> {
        self.owner(site_id).upload(&archive, activate, &[])
    }
}

impl Functions<'_> {
    /// Uploads a flat gzipped tar and starts its build, in one request. With an empty entrypoint
    /// or empty commands the function's own count.
    ///
    /// # Errors
    /// [`Error::Argument`] over [`ARCHIVE_BYTES_MAX`]. [`Error::OutcomeUnknown`] if the answer was
    /// lost: list the deployments before another upload.
    /// [`ErrorType::StorageFileTypeUnsupported`](crate::ErrorType) for anything but `.tar.gz`.
    ///
    /// # Idempotency
    /// Not repeated once the request may have arrived, as each upload is a new deployment.
    pub fn create_deployment(
        &self,
        function_id: &str,
        archive: Vec<u8>,
        activate: bool,
        entrypoint: &str,
        commands: &str,
    ) -> Result<Deployment, Error> {
        let mut more = vec![("entrypoint", entrypoint), ("commands", commands)];
        more.retain(|(_, text)| !text.is_empty());
        self.owner(function_id).upload(&archive, activate, &more)
    }
}

macro_rules! deployments {
    ($of:ident) => {
        impl $of<'_> {
            /// Reads one deployment.
            ///
            /// # Errors
            /// [`ErrorType::DeploymentNotFound`](crate::ErrorType). Repeated: it is a read.
            pub fn get_deployment(
                &self,
                id: &str,
                deployment_id: &str,
            ) -> Result<Deployment, Error> {
                self.owner(id).get_deployment(deployment_id)
            }

            /// Reads the deployments: 25 unless a [`Query::limit`] says otherwise.
            ///
            /// # Errors
            /// [`ErrorType::SiteNotFound`](crate::ErrorType) or
            /// [`ErrorType::FunctionNotFound`](crate::ErrorType). Repeated: it is a read.
            pub fn list_deployments(
                &self,
                id: &str,
                queries: &[Query],
            ) -> Result<DeploymentList, Error> {
                self.owner(id).list_deployments(queries)
            }

            /// Calls off the build of a deployment.
            ///
            /// # Errors
            /// [`ErrorType::BuildAlreadyCompleted`](crate::ErrorType) once it has ended,
            /// [`ErrorType::DeploymentNotFound`](crate::ErrorType) without it.
            ///
            /// # Idempotency
            /// Repeated: a build that was called off can be called off again.
            pub fn cancel_deployment(
                &self,
                id: &str,
                deployment_id: &str,
            ) -> Result<Deployment, Error> {
                self.owner(id).cancel_deployment(deployment_id)
            }

            /// Deletes a deployment with its preview rule, the active one too: what it served is
            /// gone at once.
            ///
            /// # Errors
            /// [`ErrorType::DeploymentNotFound`](crate::ErrorType) if there was none.
            ///
            /// # Idempotency
            /// Repeated; "not found" after a lost answer counts as done.
            pub fn delete_deployment(&self, id: &str, deployment_id: &str) -> Result<(), Error> {
                self.owner(id).delete_deployment(deployment_id)
            }

            /// Downloads an archive of a deployment, at most [`DOWNLOAD_BYTES_MAX`] bytes.
            ///
            /// # Errors
            /// [`ErrorType::DeploymentNotFound`](crate::ErrorType), also for an output that is not
            /// built. Repeated: it is a read.
            pub fn download_deployment(
                &self,
                id: &str,
                deployment_id: &str,
                archive: DeploymentArchive,
            ) -> Result<Vec<u8>, Error> {
                self.owner(id).download_deployment(deployment_id, archive)
            }
        }
    };
}

deployments!(Sites);
deployments!(Functions);
