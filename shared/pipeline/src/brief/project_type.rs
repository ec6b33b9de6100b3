//! What kind of software is asked for.

use serde::{Deserialize, Serialize};

/// What kind of software is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ProjectType {
    /// A site.
    #[default]
    Web,
    /// An installable web app.
    Mobile,
    /// An HTTP service.
    Api,
    /// A site with a service and a database.
    Fullstack,
}

impl ProjectType {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a site is deployed.
    pub const fn has_site(self) -> bool {
        match self {
            Self::Web | Self::Mobile | Self::Fullstack => true,
            Self::Api => false,
        }
    }

    /// Whether functions may be deployed.
    pub const fn has_functions(self) -> bool {
        match self {
            Self::Api | Self::Fullstack => true,
            Self::Web | Self::Mobile => false,
        }
    }

    /// The word in a brief.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Mobile => "mobile",
            Self::Api => "api",
            Self::Fullstack => "fullstack",
        }
    }
}
