use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::PublicKey;
use crypto_box::aead::rand_core::{CryptoRng, Error, RngCore};
use serde_json::{Value, json};

use super::{Hub, NARROW_TOKEN, OTHER_TOKEN, text};

const SECRETS: &str = "/repos/Ada/shop/actions/secrets";
const VARIABLES: &str = "/repos/Ada/shop/actions/variables";

/// The randomness of the sealing side.
struct Random;

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        rand_core_bytes::<4>()
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
    }

    fn next_u64(&mut self) -> u64 {
        rand_core_bytes::<8>()
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Random {}

fn rand_core_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

fn sealed(key: &Value, value: &str) -> Value {
    let bytes = STANDARD.decode(text(&key["key"])).unwrap();
    let public = PublicKey::from_slice(&bytes).unwrap();
    let sealed = public.seal(&mut Random, value.as_bytes()).unwrap();
    json!({ "key_id": key["key_id"], "encrypted_value": STANDARD.encode(sealed) })
}

async fn key(hub: &Hub) -> Value {
    hub.get(&format!("{SECRETS}/public-key")).await.expect(200)
}

#[tokio::test]
async fn a_secret_is_kept_and_never_shown() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let key = key(&hub).await;
    let path = format!("{SECRETS}/api_key");
    let made = hub.put(&path, sealed(&key, "hunter2")).await;
    assert_eq!(made.expect(201), json!({}));
    let hub = hub.restart().await;
    assert_eq!(self::key(&hub).await, key);
    hub.put(&path, sealed(&key, "hunter3")).await.expect(204);
    let kept = hub.github.secret("Ada/shop", "API_KEY").unwrap();
    assert_eq!(kept.unwrap(), b"hunter3");
    assert_eq!(hub.github.secret("Ada/shop", "OTHER").unwrap(), None);
    let list = hub.get(SECRETS).await.expect(200);
    assert_eq!(list["total_count"], 1);
    assert_eq!(list["secrets"][0]["name"], "API_KEY");
    assert!(list["secrets"][0].get("value").is_none());
    hub.get(&path).await.expect(200);
    let none = hub.get(&format!("{SECRETS}/OTHER")).await;
    none.refused(404, "Not Found");
}

#[tokio::test]
async fn a_secret_that_cannot_be_opened_is_refused() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    hub.create("other").await;
    let key = key(&hub).await;
    let other = hub.get("/repos/Ada/other/actions/secrets/public-key").await;
    let mut foreign = sealed(&other.expect(200), "x");
    let path = format!("{SECRETS}/A");
    let wrong_id = hub.put(&path, foreign.clone()).await;
    wrong_id.refused(
        422,
        "Failed to add secret. Please use the correct public key.",
    );
    foreign["key_id"] = key["key_id"].clone();
    let wrong_key = hub.put(&path, foreign).await;
    wrong_key.refused(422, "Bad request - The encrypted value is not valid.");
    let plain = json!({ "key_id": key["key_id"], "encrypted_value": "hunter2" });
    hub.put(&path, plain).await.expect(422);
    let missing = hub.put(&path, json!({ "key_id": key["key_id"] })).await;
    missing.refused(
        422,
        "Invalid request.\n\n\"encrypted_value\" wasn't supplied.",
    );
    let reserved = format!("{SECRETS}/GITHUB_TOKEN");
    hub.put(&reserved, sealed(&key, "x"))
        .await
        .refused(422, "Secret names must not start with GITHUB_.");
    assert_eq!(hub.get(SECRETS).await.expect(200)["total_count"], 0);
}

#[tokio::test]
async fn a_variable_is_created_once_and_then_changed() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let body = json!({ "name": "endpoint", "value": "1" });
    let made = hub.post(VARIABLES, body.clone()).await;
    assert_eq!(made.expect(201), json!({}));
    let again = hub.post(VARIABLES, body).await;
    again.refused(409, "Already exists - Variable already exists");
    let path = format!("{VARIABLES}/ENDPOINT");
    let change = json!({ "name": "ENDPOINT", "value": "2" });
    hub.patch(&path, change).await.expect(204);
    let shown = hub.get(&path).await.expect(200);
    assert_eq!(shown["name"], "ENDPOINT");
    assert_eq!(shown["value"], "2");
    let kept = hub.github.variable("Ada/shop", "ENDPOINT").unwrap();
    assert_eq!(kept.as_deref(), Some("2"));
    assert_eq!(hub.get(VARIABLES).await.expect(200)["total_count"], 1);
    let none = format!("{VARIABLES}/NONE");
    hub.get(&none).await.refused(404, "Not Found");
    hub.patch(&none, json!({ "value": "3" }))
        .await
        .refused(404, "Not Found");
    let reserved = json!({ "name": "GITHUB_X", "value": "1" });
    hub.post(VARIABLES, reserved)
        .await
        .refused(422, "Variable names must not start with GITHUB_.");
}

#[tokio::test]
async fn secrets_are_for_administrators() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let path = format!("{SECRETS}/public-key");
    let answer = hub.try_send(OTHER_TOKEN, "GET", &path, None).await;
    answer
        .unwrap()
        .refused(403, "Must have admin rights to Repository.");
    let answer = hub.try_send(NARROW_TOKEN, "GET", &path, None).await;
    answer.unwrap().expect(200);
}
