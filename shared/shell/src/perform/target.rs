//! Where apps are deployed: the project that orchestrates, unless the settings name another.

use pipeline::app_config::Place;

use super::Performer;
use crate::trouble::Trouble;

/// An Appwrite project.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The project, with a key that may deploy.
    pub(super) client: appwrite::Client,
    /// Its endpoint, as browsers reach it.
    pub(super) endpoint: String,
    /// Domain below which its sites and functions are, with a port where there is one.
    pub(super) site_domain: String,
}

impl Target {
    /// What an app is told of it.
    pub(super) fn place(&self) -> Place<'_> {
        Place {
            endpoint: &self.endpoint,
            project_id: self.client.project(),
            site_domain: &self.site_domain,
        }
    }
}

impl Performer<'_> {
    /// Where the task's app is deployed.
    ///
    /// # Errors
    /// `not_configured` without an address for sites or an endpoint.
    pub(super) fn target(&self) -> Result<Target, Trouble> {
        let settings = self.clients.settings();
        let client = match self.clients.deploy_target()? {
            Some(client) => client,
            None => self.store.client().clone(),
        };
        let own = || settings.appwrite_endpoint.clone().unwrap_or_default();
        Ok(Target {
            endpoint: settings.deploy_endpoint.clone().unwrap_or_else(own),
            site_domain: self.clients.site_domain()?.to_owned(),
            client,
        })
    }
}
