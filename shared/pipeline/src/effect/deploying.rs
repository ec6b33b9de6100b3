//! What is asked of Appwrite when an app is deployed.

use serde::{Deserialize, Serialize};

use crate::app_config::AppConfig;
use crate::plan::Callers;
use crate::tables::{Replaced, Table};
use crate::workspace::Workspace;

/// Tables to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrateRequest {
    /// The database's id.
    pub database_id: String,
    /// The name the console shows.
    pub name: String,
    /// The tables.
    pub tables: Vec<Table>,
    /// Columns that may be made anew, losing what they hold: the owner agreed.
    pub replaces: Vec<Replaced>,
}

/// Files to upload.
#[derive(Clone, Debug, PartialEq)]
pub struct UploadRequest {
    /// What they are deployed to.
    pub resource: Resource,
    /// The site's or function's id.
    pub resource_id: String,
    /// The name the console shows.
    pub name: String,
    /// First label of the public address; `None` without one.
    pub subdomain: Option<String>,
    /// Folder of the workspace that is deployed, `.` for all of it.
    pub folder: String,
    /// How a function is run.
    pub function: Option<FunctionSettings>,
    /// The files.
    pub files: Workspace,
    /// What the app is told of its surroundings.
    pub config: AppConfig,
    /// The deployment of the very same files that is there already.
    pub there: Option<DeploymentRef>,
}

/// How a function is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionSettings {
    /// The module that answers requests, in the folder.
    pub entrypoint: String,
    /// Who may call it.
    pub access: Callers,
    /// What makes it ready to run; empty for nothing.
    pub commands: String,
}

/// What Appwrite deploys to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// A site.
    #[default]
    Site,
    /// A function.
    Function,
}

impl Resource {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Function => "function",
        }
    }
}

/// A deployment of a site or a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct DeploymentRef {
    /// What it is a deployment of.
    #[serde(default, skip_serializing_if = "Resource::is_default")]
    pub resource: Resource,
    /// The site's or function's id. Journals call it `siteId` since there were only sites.
    #[serde(rename = "siteId")]
    pub resource_id: String,
    /// The deployment's id.
    pub deployment_id: String,
}

/// A public address to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyRequest {
    /// The address.
    pub url: String,
    /// The release that a site must say it is; nothing is asked of a function.
    pub release: Option<String>,
}
