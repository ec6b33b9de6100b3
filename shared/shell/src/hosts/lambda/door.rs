//! Who may call a function on Lambda, where its address is open to everybody.
//!
//! Source: Appwrite 1.9.6, `Platform/Workers/Webhooks.php`: a webhook's signature is the base64 of
//! HMAC-SHA1 over its URL, as it was configured, and the body. The other headers of a webhook are
//! not signed and not believed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method};
use lambda_http::aws_lambda_events::apigw::ApiGatewayRequestAuthorizer;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::aws::SIBLING;
use crate::hosts::request::header_text;
use crate::invocation::{Reply, Trigger};

/// Header of a webhook's signature; whatever has it is a webhook.
const SIGNATURE: &str = "x-appwrite-webhook-signature";
/// The one header of Appwrite that proves itself: every effect needs a key that Appwrite takes.
pub(super) const APPWRITE_KEY: &str = "x-appwrite-key";
/// Longest id of a row.
const ROW_ID_CHARS_MAX: usize = 36;

/// What the door knows of webhooks.
pub(super) struct Door {
    /// The webhook's signature key.
    pub(super) key: Option<SecretString>,
    /// Its URL, where that is another than the one that Lambda was called by.
    pub(super) url: Option<String>,
}

/// A request, as far as it says who made it.
pub(super) struct Knock<'a> {
    pub(super) method: &'a Method,
    /// Domain by which Lambda was called, as AWS tells it.
    pub(super) domain: &'a str,
    /// Path as sent, without the query.
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    /// What was said of the caller in front of the function, by AWS or by a person's authorizer.
    pub(super) authorizer: Option<&'a ApiGatewayRequestAuthorizer>,
}

/// What is done with a request.
pub(super) enum Admission {
    /// The handler gets it.
    Enter(Trigger),
    /// A row of this id was created.
    Created(String),
    /// Nobody gets it.
    Refused(Reply),
}

impl Door {
    pub(super) fn admit(&self, knock: &Knock<'_>) -> Admission {
        if let Some(signature) = knock.headers.get(SIGNATURE) {
            return match self.webhook(knock, signature.as_bytes()) {
                Ok(row_id) => Admission::Created(row_id),
                Err(refusal) => Admission::Refused(refusal),
            };
        }
        if let Some(trigger) = knock.authorizer.and_then(vouched) {
            return Admission::Enter(trigger);
        }
        let is_self_check = knock.method == Method::GET && matches!(knock.path, "" | "/");
        if is_self_check || header_text(knock.headers, APPWRITE_KEY).is_some() {
            return Admission::Enter(Trigger::Http);
        }
        let message = "Call it as a webhook of Appwrite, with a key of the project in `x-appwrite-key`, or behind an authorizer.";
        Admission::Refused(Reply::error(401, "unauthorized", message))
    }

    /// The id of the row that a webhook tells of.
    fn webhook(&self, knock: &Knock<'_>, signature: &[u8]) -> Result<String, Reply> {
        let refused = |message| Reply::error(401, "webhook_refused", message);
        let Some(key) = &self.key else {
            return Err(refused("APPWRITE_WEBHOOK_SIGNATURE_KEY is not set."));
        };
        let key = hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            key.expose_secret().as_bytes(),
        );
        let signature = STANDARD.decode(signature).unwrap_or_default();
        let is_signed = self.urls(knock).iter().any(|url| {
            let message = [url.as_bytes(), knock.body].concat();
            // It takes as long whatever is wrong.
            hmac::verify(&key, &message, &signature).is_ok()
        });
        if !is_signed {
            return Err(refused(
                "The webhook's signature is not that of its URL and body.",
            ));
        }
        let row: Value = serde_json::from_slice(knock.body).unwrap_or_default();
        let id = row["$id"].as_str().unwrap_or_default();
        if id.is_empty() || id.len() > ROW_ID_CHARS_MAX {
            let message = "The body of a webhook must be the row that was created.";
            return Err(Reply::error(400, "invalid_body", message));
        }
        Ok(id.to_owned())
    }

    /// How the URL may have been written down.
    fn urls(&self, knock: &Knock<'_>) -> Vec<String> {
        if let Some(url) = &self.url {
            return vec![url.clone()];
        }
        let query = knock
            .query
            .filter(|query| !query.is_empty())
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let url = |path: &str| format!("https://{}{path}{query}", knock.domain);
        match knock.path {
            "" | "/" => vec![url("/"), url("")],
            path => vec![url(path)],
        }
    }
}

/// Why the function was started, where AWS or an authorizer knows the caller.
fn vouched(authorizer: &ApiGatewayRequestAuthorizer) -> Option<Trigger> {
    if let Some(word) = authorizer.fields.get(SIBLING) {
        return Some(Trigger::parse(word.as_str()));
    }
    let is_known =
        authorizer.iam.is_some() || authorizer.jwt.is_some() || !authorizer.fields.is_empty();
    is_known.then_some(Trigger::Http)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    const BODY: &[u8] = br#"{"$id":"p1","unitKey":"x"}"#;
    /// `printf '%s' 'https://abc.example/{"$id":"p1","unitKey":"x"}' | openssl dgst -sha1 -hmac
    /// signature-key -binary | base64`.
    const SIGNED: &str = "zONwXt91TMol9YTsKyKqfp10Dkw=";
    /// The same without the slash after the domain.
    const SIGNED_BARE: &str = "3m9S8O9sZmILk9a+6Y2j14q2/tM=";

    struct Call {
        headers: Vec<(&'static str, String)>,
        body: &'static [u8],
        authorizer: Option<ApiGatewayRequestAuthorizer>,
        method: Method,
    }

    fn call(headers: &[(&'static str, &str)], body: &'static [u8]) -> Call {
        Call {
            headers: headers
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            body,
            authorizer: None,
            method: Method::POST,
        }
    }

    fn door(key: Option<&str>, url: Option<&str>) -> Door {
        Door {
            key: key.map(SecretString::from),
            url: url.map(str::to_owned),
        }
    }

    /// What becomes of a call: the trigger, the row's id, or the status and code of the refusal.
    fn admitted(door: &Door, call: &Call) -> String {
        let headers: HeaderMap = call
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        let knock = Knock {
            method: &call.method,
            domain: "abc.example",
            path: "/",
            query: None,
            headers: &headers,
            body: call.body,
            authorizer: call.authorizer.as_ref(),
        };
        match door.admit(&knock) {
            Admission::Enter(trigger) => format!("{trigger:?}"),
            Admission::Created(id) => format!("row {id}"),
            Admission::Refused(reply) => {
                let body: Value = serde_json::from_slice(&reply.body).unwrap();
                format!(
                    "{} {}",
                    reply.status,
                    body["error"]["code"].as_str().unwrap()
                )
            }
        }
    }

    #[test]
    fn only_webhooks_that_are_signed_are_believed() {
        let own = door(Some("signature-key"), None);
        let signed = |signature: &str| call(&[(SIGNATURE, signature)], BODY);
        assert_eq!(admitted(&own, &signed(SIGNED)), "row p1");
        assert_eq!(admitted(&own, &signed(SIGNED_BARE)), "row p1");
        let named = door(Some("signature-key"), Some("https://abc.example/"));
        assert_eq!(admitted(&named, &signed(SIGNED)), "row p1");
        let refused = "401 webhook_refused";
        assert_eq!(admitted(&named, &signed(SIGNED_BARE)), refused);
        for signature in ["", "AAAA", "no base64!", &SIGNED[1..]] {
            assert_eq!(admitted(&own, &signed(signature)), refused, "{signature}");
        }
        let changed = call(&[(SIGNATURE, SIGNED)], br#"{"$id":"p2","unitKey":"x"}"#);
        assert_eq!(admitted(&own, &changed), refused);
        for other in [door(Some("another-key"), None), door(None, None)] {
            assert_eq!(admitted(&other, &signed(SIGNED)), refused);
        }
    }

    #[test]
    fn a_key_beside_a_false_signature_opens_nothing() {
        let both = call(&[(SIGNATURE, "AAAA"), (APPWRITE_KEY, "key")], BODY);
        let own = door(Some("signature-key"), None);
        assert_eq!(admitted(&own, &both), "401 webhook_refused");
    }

    #[test]
    fn a_signed_body_that_is_no_row_is_refused() {
        let own = door(Some("signature-key"), None);
        let sign = |body: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"signature-key");
            let message = [b"https://abc.example/", body].concat();
            STANDARD.encode(hmac::sign(&key, &message))
        };
        let bodies: [&[u8]; 5] = [
            b"",
            b"[]",
            b"{}",
            br#"{"$id":7}"#,
            br#"{"$id":"0123456789012345678901234567890123456"}"#,
        ];
        for body in bodies {
            let wrong = call(&[(SIGNATURE, &sign(body))], body);
            assert_eq!(admitted(&own, &wrong), "400 invalid_body", "{body:?}");
        }
    }

    #[test]
    fn strangers_may_look_at_the_health_and_nothing_else() {
        let own = door(None, None);
        let mut stranger = call(&[], br#"{"rowId":"p1"}"#);
        assert_eq!(admitted(&own, &stranger), "401 unauthorized");
        stranger.method = Method::GET;
        assert_eq!(admitted(&own, &stranger), "Http");
        let with_key = call(&[(APPWRITE_KEY, "key")], b"{}");
        assert_eq!(admitted(&own, &with_key), "Http");
    }

    #[test]
    fn who_is_vouched_for_enters() {
        let own = door(None, None);
        let authorized = |authorizer: Value| {
            let mut call = call(&[], b"{}");
            call.authorizer = Some(serde_json::from_value(authorizer).unwrap());
            admitted(&own, &call)
        };
        assert_eq!(authorized(json!({"iam": {"userArn": "arn"}})), "Http");
        assert_eq!(authorized(json!({"lambda": {"by": "a person"}})), "Http");
        assert_eq!(authorized(json!({"lambda": {SIBLING: "event"}})), "Event");
        assert_eq!(
            authorized(json!({"lambda": {SIBLING: "schedule"}})),
            "Schedule"
        );
        assert_eq!(authorized(json!({})), "401 unauthorized");
    }
}
