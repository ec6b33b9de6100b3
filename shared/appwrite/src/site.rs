//! Sites.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{self, Call, Repeat};
use crate::client::Client;
use crate::deployment::{self, DeploymentStatus};
use crate::error::Error;
use crate::kind::Kind;
use crate::retry::{self, Budget};

/// The runtime that packs files without building them.
pub const STATIC_RUNTIME: &str = "static-1";

/// A site.
///
/// Source: Appwrite 1.9.6 REST, sites (measured). Fixture: `site_created.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Site {
    /// The id.
    #[serde(rename = "$id")]
    pub id: String,
    /// The name.
    pub name: String,
    /// `other`, `vite` and so on.
    pub framework: String,
    /// `static-1`, `node-22` and so on.
    pub build_runtime: String,
    /// `static` or `ssr`; empty until a build has found out.
    pub adapter: String,
    /// Served for unknown paths; empty for none.
    pub fallback_file: String,
    /// The command before the build; may be empty.
    pub install_command: String,
    /// The build; may be empty.
    pub build_command: String,
    /// What is served, below the archive's root; empty for the framework's default.
    pub output_directory: String,
    /// The active deployment; empty for none.
    pub deployment_id: String,
    /// The newest deployment, active or not; empty for none.
    pub latest_deployment_id: String,
    /// The newest deployment's status; `None` without one.
    #[serde(deserialize_with = "deployment::status_or_none")]
    pub latest_deployment_status: Option<DeploymentStatus>,
}

/// A site to be created or changed. Empty fields are left to the server.
///
/// Source: Appwrite 1.9.6 REST, create and update site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewSite {
    /// The chosen id.
    #[serde(rename = "siteId")]
    pub id: String,
    /// The name.
    pub name: String,
    /// `other` for plain files.
    pub framework: String,
    /// [`STATIC_RUNTIME`] or a Node runtime.
    pub build_runtime: String,
    /// `static` or `ssr`; `other` allows only `static`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub adapter: String,
    /// `index.html` for single-page applications.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fallback_file: String,
    /// The command before the build.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub install_command: String,
    /// The build.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub build_command: String,
    /// What is served, below the archive's root.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output_directory: String,
}

impl NewSite {
    /// A site of plain files at the archive's root.
    pub fn of_files(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            framework: "other".to_owned(),
            build_runtime: STATIC_RUNTIME.to_owned(),
            adapter: "static".to_owned(),
            fallback_file: String::new(),
            install_command: String::new(),
            build_command: String::new(),
            output_directory: "./".to_owned(),
        }
    }

    /// Says whether this made the site. A build may have filled in what was left empty.
    fn made(&self, site: &Site) -> bool {
        let agree = |sent: &str, stored: &str| sent.is_empty() || sent == stored;
        self.id == site.id
            && self.name == site.name
            && self.framework == site.framework
            && self.build_runtime == site.build_runtime
            && agree(&self.adapter, &site.adapter)
            && agree(&self.fallback_file, &site.fallback_file)
            && agree(&self.install_command, &site.install_command)
            && agree(&self.build_command, &site.build_command)
            && agree(&self.output_directory, &site.output_directory)
    }
}

/// The sites and their deployments.
#[derive(Debug, Clone, Copy)]
pub struct Sites<'a> {
    pub(crate) client: &'a Client,
}

impl Client {
    /// The sites; nothing is sent.
    pub fn sites(&self) -> Sites<'_> {
        Sites { client: self }
    }
}

impl Sites<'_> {
    /// Reads one site.
    ///
    /// # Errors
    /// [`ErrorType::SiteNotFound`](crate::ErrorType). Repeated: it is a read.
    pub fn get(&self, site_id: &str) -> Result<Site, Error> {
        self.get_within(site_id, &mut self.client.budget())
    }

    fn get_within(&self, site_id: &str, budget: &mut Budget) -> Result<Site, Error> {
        let operation = call::operation(Kind::SitesGet, &[site_id])?;
        let call = Call::get(operation, format!("/sites/{site_id}"));
        self.client.send(&call, budget)?.decode(&call.operation)
    }

    /// Creates a site.
    ///
    /// # Errors
    /// [`ErrorType::SiteAlreadyExists`](crate::ErrorType) if it is refused at once;
    /// [`Error::Conflict`] if an answer was lost and the site is there but differs;
    /// [`Error::OutcomeUnknown`] if the look-up failed too.
    ///
    /// # Idempotency
    /// Repeated after a lost answer only if a look-up finds no site.
    pub fn create(&self, new: &NewSite) -> Result<Site, Error> {
        let operation = call::operation(Kind::SitesCreate, &[&new.id])?;
        let body = json!(new);
        let call = Call::post(operation, "/sites".to_owned(), Repeat::AfterLookUp).json(&body)?;
        self.client.create(
            &call,
            |answer| answer.decode(&call.operation),
            |budget| retry::none_if_missing(self.get_within(&new.id, budget)),
            |site| new.made(site),
        )
    }

    /// Sets everything that [`NewSite`] names, what is empty to nothing. Builds use it from the
    /// next deployment on.
    ///
    /// # Errors
    /// [`ErrorType::SiteNotFound`](crate::ErrorType).
    ///
    /// # Idempotency
    /// Repeated: it sets all values.
    pub fn update(&self, new: &NewSite) -> Result<Site, Error> {
        let operation = call::operation(Kind::SitesUpdate, &[&new.id])?;
        let mut body = json!(new);
        if let Some(body) = body.as_object_mut() {
            body.remove("siteId");
        }
        let call = Call::put(operation, format!("/sites/{}", new.id)).json(&body)?;
        self.client.fetch(&call)?.decode(&call.operation)
    }

    /// Serves this deployment, which must be ready.
    ///
    /// # Errors
    /// [`ErrorType::BuildNotReady`](crate::ErrorType) before it is ready,
    /// [`ErrorType::DeploymentNotFound`](crate::ErrorType) without it.
    ///
    /// # Idempotency
    /// Repeated: it sets one value.
    pub fn activate(&self, site_id: &str, deployment_id: &str) -> Result<Site, Error> {
        let operation = call::operation(Kind::SitesActivate, &[site_id, deployment_id])?;
        let body = json!({ "deploymentId": deployment_id });
        let call = Call::patch(operation, format!("/sites/{site_id}/deployment")).json(&body)?;
        self.client.fetch(&call)?.decode(&call.operation)
    }
}
