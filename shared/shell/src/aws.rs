//! The API of AWS Lambda, as far as functions that run there need it: to start each other.
//!
//! Source: AWS, "Create a signed AWS API request" (Signature Version 4) and the operation `Invoke`
//! of Lambda, read 2026-11.

use std::time::Duration;

use jiff::Timestamp;
use pipeline::Stage;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::blocking::blocking;
use crate::clock;
use crate::invocation::Trigger;
use crate::trouble::Trouble;

/// Longest that Lambda may take to accept an invocation.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often an invocation is asked for. One too many is one that finds the unit held.
const ATTEMPTS_MAX: u32 = 3;
/// Status of an accepted invocation that nobody waits for.
const ACCEPTED: u16 = 202;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Who vouches for an invocation that a function of ours made. Requests from outside can not hold
/// it: what stands beside it is written by AWS.
pub(crate) const SIBLING: &str = "orchestrator";

/// What Lambda tells its functions of themselves.
#[derive(Clone, Debug)]
pub(crate) struct Lambda {
    /// Name of the own function; its end is the function's id.
    pub(crate) function_name: String,
    /// `AWS_REGION`.
    pub(crate) region: String,
    /// `AWS_ENDPOINT_URL_LAMBDA`, for emulators; `None` is the service itself.
    pub(crate) endpoint: Option<String>,
    /// The keys of the function's role.
    pub(crate) keys: Option<Keys>,
}

/// Keys of a role.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: SecretString,
    pub(crate) token: Option<SecretString>,
}

/// Starts functions on Lambda.
#[derive(Clone, Debug)]
pub(crate) struct Invoker {
    lambda: Lambda,
    agent: ureq::Agent,
}

impl Invoker {
    pub(crate) fn new(lambda: Lambda) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self {
            lambda,
            agent: config.into(),
        }
    }

    /// Starts the own function for a row, without waiting for it.
    ///
    /// # Errors
    /// Lambda did not accept it.
    pub(crate) async fn start_own(&self, row_id: &str, trigger: Trigger) -> Result<(), Trouble> {
        let name = self.lambda.function_name.clone();
        self.start(name, row_id, trigger).await
    }

    /// Starts another function, as the function of `own`: its name begins like the own one.
    ///
    /// # Errors
    /// Lambda did not accept it, or the own name does not end in the function's id.
    pub(crate) async fn start_sibling(
        &self,
        own: Stage,
        function_id: &str,
        row_id: &str,
    ) -> Result<(), Trouble> {
        let name = &self.lambda.function_name;
        let Some(prefix) = name.strip_suffix(own.function_id()) else {
            return Err(Trouble::Lambda(format!(
                "the function `{name}` must have a name that ends in `{}`, so that the others' names follow from it",
                own.function_id()
            )));
        };
        self.start(format!("{prefix}{function_id}"), row_id, Trigger::Http)
            .await
    }

    async fn start(&self, name: String, row_id: &str, trigger: Trigger) -> Result<(), Trouble> {
        let payload = event(row_id, trigger).to_string();
        let mut attempt = 1;
        loop {
            let (own, name, payload) = (self.clone(), name.clone(), payload.clone());
            match blocking(move || own.invoke(&name, &payload)).await {
                Ok(()) => return Ok(()),
                Err(refusal) if refusal.is_final || attempt == ATTEMPTS_MAX => {
                    return Err(Trouble::Lambda(refusal.message));
                }
                Err(_) => attempt += 1,
            }
        }
    }

    fn invoke(&self, name: &str, payload: &str) -> Result<(), Refusal> {
        let Some(keys) = &self.lambda.keys else {
            return Err(Refusal::of("the function has no keys of a role"));
        };
        let endpoint = self.endpoint();
        let Some((_, host)) = endpoint.split_once("://") else {
            return Err(Refusal::of("AWS_ENDPOINT_URL_LAMBDA must be a URL"));
        };
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let time = clock::now();
        let date = amz_date(time);
        let token = keys.token.as_ref().map(|token| token.expose_secret());
        let mut headers = vec![
            ("host", host),
            ("x-amz-date", date.as_str()),
            ("x-amz-invocation-type", "Event"),
        ];
        headers.extend(token.map(|token| ("x-amz-security-token", token)));
        headers.sort_unstable();
        let request = Request {
            method: "POST",
            path: &path,
            query: "",
            headers: &headers,
            payload: payload.as_bytes(),
        };
        let scope = Scope {
            region: &self.lambda.region,
            service: "lambda",
        };
        let authorization = authorization(keys, &scope, &request, time);
        let mut call = self
            .agent
            .post(format!("{endpoint}{path}"))
            .header("authorization", authorization);
        for (header, value) in headers.iter().filter(|(header, _)| *header != "host") {
            call = call.header(*header, *value);
        }
        let answer = call.send(payload).map_err(|cause| Refusal {
            message: format!("`{name}` could not be started: {cause}"),
            is_final: false,
        })?;
        match answer.status().as_u16() {
            ACCEPTED => Ok(()),
            status => Err(Refusal {
                message: format!("`{name}` could not be started: Lambda answered {status}"),
                is_final: status < 500 && status != 429,
            }),
        }
    }

    fn endpoint(&self) -> String {
        let region = &self.lambda.region;
        let end = if region.starts_with("cn-") { ".cn" } else { "" };
        self.lambda
            .endpoint
            .clone()
            .unwrap_or_else(|| format!("https://lambda.{region}.amazonaws.com{end}"))
    }
}

struct Refusal {
    message: String,
    is_final: bool,
}

impl Refusal {
    fn of(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            is_final: true,
        }
    }
}

/// What a function URL would send for `{"rowId": …}`, with the word of one of us.
fn event(row_id: &str, trigger: Trigger) -> Value {
    let http = json!({"method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": SIBLING});
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "routeKey": "$default", "stage": "$default", "timeEpoch": 0, "http": http,
            "authorizer": {"lambda": {SIBLING: trigger.as_str()}},
        },
        "body": json!({"rowId": row_id}).to_string(), "isBase64Encoded": false,
    })
}

/// What is signed. Header names are lower case, in the order of the alphabet.
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: &'a [(&'a str, &'a str)],
    payload: &'a [u8],
}

/// Where a signature counts.
struct Scope<'a> {
    region: &'a str,
    service: &'a str,
}

fn amz_date(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Value of the header `authorization`.
fn authorization(keys: &Keys, scope: &Scope<'_>, request: &Request<'_>, time: Timestamp) -> String {
    let Scope { region, service } = scope;
    let day = time.strftime("%Y%m%d").to_string();
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let headers: String = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect();
    let canonical = format!(
        "{}\n{}\n{}\n{headers}\n{names}\n{}",
        request.method,
        request.path,
        request.query,
        hex(&Sha256::digest(request.payload))
    );
    let credential = format!("{day}/{region}/{service}/aws4_request");
    let text = format!(
        "{ALGORITHM}\n{}\n{credential}\n{}",
        amz_date(time),
        hex(&Sha256::digest(canonical))
    );
    let first = format!("AWS4{}", keys.secret.expose_secret());
    let key = [day.as_str(), region, service, "aws4_request"]
        .iter()
        .fold(first.into_bytes(), |key, part| mac(&key, part.as_bytes()));
    let signature = hex(&mac(&key, text.as_bytes()));
    format!(
        "{ALGORITHM} Credential={}/{credential}, SignedHeaders={names}, Signature={signature}",
        keys.id
    )
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's own guide to Signature Version 4.
    #[test]
    fn signatures_are_those_of_the_published_example() {
        let keys = Keys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            token: None,
        };
        let scope = Scope {
            region: "us-east-1",
            service: "iam",
        };
        let headers = [
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ];
        let request = Request {
            method: "GET",
            path: "/",
            query: "Action=ListUsers&Version=2010-05-08",
            headers: &headers,
            payload: b"",
        };
        let time: Timestamp = "2015-08-30T12:36:00Z".parse().unwrap();
        assert_eq!(amz_date(time), "20150830T123600Z");
        assert_eq!(
            authorization(&keys, &scope, &request, time),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    #[test]
    fn each_region_has_its_address() {
        let endpoint = |region: &str| {
            Invoker::new(Lambda {
                function_name: "a-plan".to_owned(),
                region: region.to_owned(),
                endpoint: None,
                keys: None,
            })
            .endpoint()
        };
        assert_eq!(
            endpoint("eu-west-1"),
            "https://lambda.eu-west-1.amazonaws.com"
        );
        assert_eq!(
            endpoint("cn-north-1"),
            "https://lambda.cn-north-1.amazonaws.com.cn"
        );
    }
}
