//! Where apps are deployed: the project that orchestrates, unless the settings or the task's
//! owner name another.

use std::sync::Arc;

use pipeline::app_config::Place;

use super::Performer;
use crate::clients::project_client;
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
    /// Where the task's app is deployed: to the owner's own project, else to the one of the
    /// settings.
    ///
    /// # Errors
    /// `not_configured` without an address for sites or an endpoint, or where the owner's
    /// credential can not be opened; a store that does not answer.
    pub(super) async fn target(&self) -> Result<&Target, Trouble> {
        self.target.get_or_try_init(|| self.find_target()).await
    }

    async fn find_target(&self) -> Result<Target, Trouble> {
        let observer = || Arc::new(self.store.trace().clone());
        if let Some(own) = self.own_appwrite().await? {
            let client = project_client(&own.endpoint, &own.project, &own.key)?;
            return Ok(Target {
                client: client.observed_by(observer()),
                endpoint: own.endpoint,
                site_domain: own.site_domain,
            });
        }
        let settings = self.clients.settings();
        let client = match self.clients.deploy_target()? {
            Some(client) => client.observed_by(observer()),
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
