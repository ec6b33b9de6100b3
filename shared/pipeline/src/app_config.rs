//! What a deployed app is told of its surroundings: the file [`PATH`] that its site serves.

use serde_json::{Map, Value, json};

/// Where the file lies in what a site serves.
pub const PATH: &str = "app-config.json";

/// What an app is told, but for what only the place knows where it is deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppConfig {
    /// The database, if the app has one.
    pub database_id: Option<String>,
    /// The functions.
    pub functions: Vec<ConfiguredFunction>,
    /// Tells this release from every other: the hash of its files.
    pub release: String,
}

/// A function of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredFunction {
    /// Its id in the plan, by which the app knows it.
    pub id: String,
    /// Its id in Appwrite.
    pub function_id: String,
    /// First label of its public address, if it has one.
    pub subdomain: Option<String>,
}

/// Where an app is deployed.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Appwrite's endpoint, with `/v1`, as browsers reach it.
    pub endpoint: &'a str,
    /// The project.
    pub project_id: &'a str,
    /// Domain below which public addresses are, with a port where there is one.
    pub site_domain: &'a str,
}

impl Place<'_> {
    /// The public address with this first label.
    pub fn url(&self, subdomain: &str) -> String {
        let host = self.site_domain.split(':').next().unwrap_or_default();
        self.url_of(&format!("{subdomain}.{host}"))
    }

    /// The public address of a whole domain.
    pub fn url_of(&self, domain: &str) -> String {
        let port = self.site_domain.split_once(':').map(|(_, port)| port);
        let address = address(domain);
        match port {
            None => address,
            Some(port) => format!("{address}:{port}"),
        }
    }
}

/// The public address of a domain without a port: encrypted, but on this computer.
pub fn address(domain: &str) -> String {
    let scheme = if domain.ends_with("localhost") {
        "http"
    } else {
        "https"
    };
    format!("{scheme}://{domain}")
}

impl AppConfig {
    /// What the file says.
    pub fn value(&self, place: &Place<'_>) -> Value {
        let function = |it: &ConfiguredFunction| {
            let url = it.subdomain.as_ref().map(|label| place.url(label));
            (
                it.id.clone(),
                json!({"functionId": it.function_id, "url": url}),
            )
        };
        let functions: Map<String, Value> = self.functions.iter().map(function).collect();
        json!({
            "endpoint": place.endpoint, "projectId": place.project_id,
            "databaseId": self.database_id, "functions": functions, "release": self.release,
        })
    }

    /// The file's text.
    pub fn render(&self, place: &Place<'_>) -> String {
        format!("{:#}\n", self.value(place))
    }

    /// The release that a file of this kind tells of.
    pub fn release_in(text: &str) -> Option<String> {
        let value: Value = serde_json::from_str(text).ok()?;
        Some(value.get("release")?.as_str()?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_told_where_everything_is() {
        let config = AppConfig {
            database_id: Some("t1".to_owned()),
            functions: vec![ConfiguredFunction {
                id: "stats".to_owned(),
                function_id: "fabc".to_owned(),
                subdomain: Some("todo-stats-abc".to_owned()),
            }],
            release: "r1".to_owned(),
        };
        let place = Place {
            endpoint: "http://localhost:1/v1",
            project_id: "p",
            site_domain: "localhost:1",
        };
        let text = config.render(&place);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            json!({
                "endpoint": "http://localhost:1/v1", "projectId": "p", "databaseId": "t1",
                "functions": {"stats": {"functionId": "fabc", "url": "http://todo-stats-abc.localhost:1"}},
                "release": "r1",
            })
        );
        assert_eq!(AppConfig::release_in(&text).as_deref(), Some("r1"));
        assert_eq!(AppConfig::release_in("<html>"), None);
    }

    #[test]
    fn addresses_outside_this_computer_are_encrypted() {
        let place = Place {
            endpoint: "",
            project_id: "",
            site_domain: "sites.example.org",
        };
        assert_eq!(place.url("a"), "https://a.sites.example.org");
    }
}
