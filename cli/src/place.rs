//! Where the functions are: a project of an Appwrite that was named, else the embedded
//! platform, started for as long as the command runs.

use anyhow::Context;

use crate::args::PlatformArgs;
use crate::data::Data;
use crate::environment::Environment;
use crate::hosting::{Hosting, Plan};

/// Where the functions are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The API's address with its `/v1`.
    pub(crate) endpoint: String,
    /// The project's id.
    pub(crate) project: String,
}

impl Place {
    /// The project that `environment` names, or an embedded platform that is started here.
    ///
    /// # Errors
    /// An endpoint without a project, or a platform that does not start.
    pub(crate) async fn open(
        args: &PlatformArgs,
        data: &Data,
        environment: Environment,
    ) -> anyhow::Result<(Self, Option<Hosting>)> {
        if let Some(endpoint) = environment.get("APPWRITE_ENDPOINT") {
            let project = environment
                .get("APPWRITE_PROJECT_ID")
                .context("APPWRITE_ENDPOINT is set but APPWRITE_PROJECT_ID is not")?;
            let place = Self {
                endpoint: endpoint.to_owned(),
                project: project.to_owned(),
            };
            return Ok((place, None));
        }
        let plan = Plan::orchestrator()?;
        let project = plan.project_id.clone();
        let hosting = Hosting::start(args, data, environment, plan).await?;
        let place = Self {
            endpoint: hosting.platform.endpoint().to_owned(),
            project,
        };
        Ok((place, Some(hosting)))
    }
}
