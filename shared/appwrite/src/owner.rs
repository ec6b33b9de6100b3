//! What has deployments and variables: a site or a function.

use crate::client::Client;
use crate::function::Functions;
use crate::site::Sites;

/// One site or function, for what both have.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) client: &'a Client,
    /// `sites` or `functions`.
    route: &'static str,
    pub(crate) id: &'a str,
}

impl Owner<'_> {
    /// The path of its deployments or variables.
    pub(crate) fn path(&self, parts: &str) -> String {
        format!("/{}/{}/{parts}", self.route, self.id)
    }
}

impl Sites<'_> {
    pub(crate) fn owner<'b>(&'b self, id: &'b str) -> Owner<'b> {
        Owner {
            client: self.client,
            route: "sites",
            id,
        }
    }
}

impl Functions<'_> {
    pub(crate) fn owner<'b>(&'b self, id: &'b str) -> Owner<'b> {
        Owner {
            client: self.client,
            route: "functions",
            id,
        }
    }
}
