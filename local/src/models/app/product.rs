//! What of an app is deployed beside its files' text: its database, its functions, and what a
//! plan and a page say of where the data is.

use serde_json::{Value, json};

use super::App;
use crate::models::brief::Kind;
use crate::models::features::Home;

/// Characters of an item's text, as `js/store.js` and `functions/items/main.js` limit it.
const TEXT_CHARS_MAX: u32 = 500;
/// Characters of a tag, as above.
const TAG_CHARS_MAX: u32 = 40;
/// Characters of a date such as 2030-12-31.
const DATE_CHARS: u32 = 10;

/// The folder of the site, as a prefix of its paths.
pub(super) fn site_prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::Fullstack => "site/",
        Kind::Web | Kind::Mobile | Kind::Api => "",
    }
}

/// The technical choices of a plan.
pub(crate) fn stack(kind: Kind) -> Value {
    let (output_dir, appwrite_kind) = match kind {
        Kind::Web | Kind::Mobile => (".", "static-site"),
        Kind::Fullstack => ("site", "static-site"),
        Kind::Api => (".", "function"),
    };
    json!({
        "language": "JavaScript", "framework": "none", "build_command": "", "test_command": "",
        "output_dir": output_dir, "appwrite_kind": appwrite_kind,
    })
}

/// The tables of the app's database.
pub(crate) fn tables(app: &App) -> Vec<Value> {
    match app.home() {
        Home::Browser | Home::Nowhere => Vec::new(),
        Home::Account | Home::Service => vec![json!({
            "id": "items", "name": "Items", "access": "private",
            "columns": [
                column("title", "string", TEXT_CHARS_MAX, true, false),
                column("done", "boolean", 0, false, false),
                column("created", "integer", 0, false, false),
                column("due", "string", DATE_CHARS, false, false),
                column("tags", "string", TAG_CHARS_MAX, false, true),
            ],
            "indexes": indexes(app.brief.kind),
        })],
    }
}

/// What items are found by: only the function that counts them looks for some.
fn indexes(kind: Kind) -> Value {
    match kind {
        Kind::Fullstack => json!([{"key": "by_done", "type": "key", "columns": ["done"]}]),
        Kind::Web | Kind::Mobile | Kind::Api => json!([]),
    }
}

fn column(key: &str, kind: &str, size: u32, required: bool, array: bool) -> Value {
    json!({"key": key, "type": kind, "size": size, "required": required, "array": array, "elements": []})
}

/// The functions of the app.
pub(crate) fn functions(app: &App) -> Vec<Value> {
    let function = |id: &str, access: &str| json!({"id": id, "folder": format!("functions/{id}"), "entrypoint": "main.js", "access": access});
    match app.brief.kind {
        Kind::Web | Kind::Mobile => Vec::new(),
        Kind::Api => vec![function("items", "any")],
        Kind::Fullstack => vec![function("stats", "users")],
    }
}

/// Where the page may send requests, in the words of a content security policy. Where the app
/// will be deployed is not known yet.
pub(super) fn connections(home: Home) -> &'static str {
    match home {
        Home::Browser | Home::Nowhere => "'self'",
        Home::Account | Home::Service => "'self' https: http://localhost:* http://127.0.0.1:*",
    }
}

/// What the page says of where the data is.
pub(super) fn data_note(home: Home) -> &'static str {
    match home {
        Home::Browser => {
            "Everything stays in this browser (localStorage): nothing is sent to a server, other devices do not see it, and clearing the site's data removes it."
        }
        Home::Nowhere => "This page keeps nothing but the choice of a theme, in this browser.",
        Home::Account | Home::Service => {
            "The guest list stays in this browser (localStorage): clearing the site's data removes it. Items of an account are rows on the server that no other account may read; a change that is not saved yet waits in this browser."
        }
    }
}

/// What may go wrong, for the plan.
pub(crate) fn risks(home: Home) -> &'static [&'static str] {
    match home {
        Home::Browser => &["Items live in one browser; there is no server."],
        Home::Nowhere => {
            &["The page says what the brief says; nobody has checked that it is true."]
        }
        Home::Account => &[
            "Guests' items live in one browser.",
            "Where one account is open twice, the later change of an item wins.",
            "Accounts belong to the Appwrite project, whose other apps share them.",
        ],
        Home::Service => &[
            "A JWT lasts minutes; whoever calls the API must make new ones.",
            "Accounts belong to the Appwrite project, whose other apps share them.",
        ],
    }
}
