//! Where traces are sent.

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};

use super::Values;

/// The setting of the headers.
pub(super) const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// Where traces are sent.
#[derive(Clone, Debug)]
pub struct ExportSettings {
    /// What `/v1/traces` follows, without a final slash.
    pub endpoint: String,
    /// Headers of each request.
    pub headers: Vec<(HeaderName, SecretString)>,
}

impl Values<'_> {
    pub(super) fn export(&self) -> Option<ExportSettings> {
        Some(ExportSettings {
            endpoint: self.url("OTEL_EXPORTER_OTLP_ENDPOINT")?,
            headers: self.raw(HEADERS).and_then(headers).unwrap_or_default(),
        })
    }
}

/// Reads headers as OpenTelemetry has them in one variable: `name=value` with commas between,
/// values percent-encoded. `None` if one of them is none.
pub(super) fn headers(raw: &str) -> Option<Vec<(HeaderName, SecretString)>> {
    raw.split(',').map(header).collect()
}

fn header(pair: &str) -> Option<(HeaderName, SecretString)> {
    let (name, value) = pair.split_once('=')?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    HeaderValue::from_str(&value).ok()?;
    Some((name.trim().parse().ok()?, value.into_owned().into()))
}

/// What must not be shown of a header: its value, and what follows the scheme in it.
pub(super) fn secrets((_, value): &(HeaderName, SecretString)) -> Vec<&str> {
    let value = value.expose_secret();
    let credential = value.split_once(' ').map(|(_, credential)| credential);
    [Some(value), credential].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Settings;

    fn of(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let map: BTreeMap<_, _> = pairs.iter().map(pair).collect();
        Settings::from_map(&map).map_err(|error| error.to_string())
    }

    #[test]
    fn headers_are_read_as_opentelemetry_writes_them() {
        let settings = of(&[
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "https://traces.example/otlp/",
            ),
            (
                HEADERS,
                "Authorization=Bearer%20key-of-the-traces, x-tenant=one%3Dtwo",
            ),
        ]);
        let settings = settings.unwrap();
        let export = settings.export.clone().unwrap();
        assert_eq!(export.endpoint, "https://traces.example/otlp");
        let headers = export.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.as_str(), value.expose_secret()))
            .collect();
        let bearer = "Bearer key-of-the-traces";
        assert_eq!(
            headers,
            [("authorization", bearer), ("x-tenant", "one=two")]
        );
        let told = settings.redactor().clean("sent key-of-the-traces");
        assert_eq!(told, "sent [redacted]");
        assert!(!format!("{settings:?}").contains("key-of-the-traces"));
    }

    #[test]
    fn what_is_no_header_is_refused_without_its_value() {
        for wrong in [
            "a-secret",
            "=a-secret",
            "a=a-secret,",
            "a=%0a-secret",
            "a b=a-secret",
        ] {
            let told = of(&[(HEADERS, wrong)]).unwrap_err();
            assert!(
                told.contains(HEADERS) && !told.contains("secret,"),
                "{told}"
            );
        }
    }

    #[test]
    fn traces_go_nowhere_unless_somebody_says_where() {
        assert!(of(&[]).unwrap().export.is_none());
        assert!(of(&[(HEADERS, "a=b")]).unwrap().export.is_none());
        let plain = of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://traces.example")]);
        assert!(plain.unwrap_err().contains("https://"));
        assert!(of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")]).is_ok());
    }
}
