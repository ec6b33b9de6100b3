//! The generated README.

use super::escape::markdown;
use super::{App, Coverage, titles};
use crate::models::brief::Kind;
use crate::models::features::{Feature, Home};

const NOTICE: &str = "> Made by the **scripted model**: a deterministic stand-in for a coding model, which assembles an app from prepared parts.\n\
    > It claims nothing that is not listed under *What it does*.\n";

/// Writes the README of an app.
pub(super) fn readme(app: &App) -> String {
    let mut text = format!("# {}\n\n", markdown(&app.brief.name));
    if !app.brief.description.is_empty() {
        text += &format!("{}\n\n", markdown(&app.brief.description));
    }
    text += NOTICE;
    text += &requirements(app);
    text += &run(app);
    text += &storage(app);
    text += "\n## Files\n\n";
    if let Some(path) = app.project_path() {
        text += &format!("- `{path}`: name, storage prefix and features, written with the plan\n");
    }
    for path in app.paths() {
        text += &format!("- `{path}`: {}\n", purpose(&path));
    }
    text
}

fn requirements(app: &App) -> String {
    let mut built = String::new();
    let mut missing = String::new();
    for (text, coverage) in &app.requirements {
        let text = markdown(text);
        match coverage {
            Coverage::Built(found) => {
                built += &format!("- {text}: {}\n", titles(found, app.home()))
            }
            Coverage::Partly(found) => {
                built += &format!(
                    "- {text}: partly ({}); the rest is not implemented\n",
                    titles(found, app.home())
                )
            }
            Coverage::Missing => missing += &format!("- {text}\n"),
        }
    }
    if built.is_empty() {
        let all = [Feature::Items, Feature::Responsive];
        let has = all.into_iter().filter(|feature| app.has(*feature));
        built = has
            .map(|feature| format!("- {}\n", feature.title(app.home())))
            .collect();
    }
    if missing.is_empty() {
        missing = "Every requirement of the brief was recognised.\n".to_owned();
    }
    format!("\n## What it does\n\n{built}\n## Not implemented by the scripted model\n\n{missing}")
}

/// How to use the app, or how to call the service.
fn run(app: &App) -> String {
    let folder = match app.brief.kind {
        Kind::Fullstack => "the folder `site`",
        Kind::Web | Kind::Mobile | Kind::Api => "the folder",
    };
    match app.home() {
        Home::Browser | Home::Nowhere => "\n## Run it\n\nThe app is static files without a build step.\nServe the folder over HTTP, for instance with `python3 -m http.server`, and open the address in a browser.\n".to_owned(),
        Home::Account => format!("\n## Run it\n\nThe app is static files without a build step; accounts need the Appwrite project it is deployed to, which `app-config.json` beside the deployed page names.\nTo try the guest list alone, serve {folder} over HTTP, for instance with `python3 -m http.server`, and open the address in a browser.\n"),
        Home::Service => SERVICE.to_owned(),
    }
}

/// How to call the service.
const SERVICE: &str = r#"
## Use it

`$API` is the address of the service, `$APPWRITE` Appwrite's endpoint (with `/v1`) and `$PROJECT` the project's id.
Make an account once, sign in, and make a JWT, which is good for 15 minutes:

```sh
curl "$APPWRITE/account" -H "X-Appwrite-Project: $PROJECT" -H 'Content-Type: application/json' \
  -d '{"userId": "unique()", "email": "ada@example.org", "password": "a-long-password", "name": "Ada"}'
curl "$APPWRITE/account/sessions/email" -H "X-Appwrite-Project: $PROJECT" -H 'Content-Type: application/json' \
  -c cookies.txt -d '{"email": "ada@example.org", "password": "a-long-password"}'
JWT=$(curl -s -X POST "$APPWRITE/account/jwts" -H "X-Appwrite-Project: $PROJECT" -b cookies.txt | sed 's/.*"jwt": *"\([^"]*\)".*/\1/')
```

Then use items:

```sh
curl "$API/"
curl "$API/items" -H "X-Account-JWT: $JWT" -d '{"title": "Water the plants", "due": "2030-12-31", "tags": ["home"]}'
curl "$API/items?limit=10" -H "X-Account-JWT: $JWT"
curl -X PATCH "$API/items/$ID" -H "X-Account-JWT: $JWT" -d '{"done": true}'
curl -X DELETE "$API/items/$ID" -H "X-Account-JWT: $JWT"
```

What goes wrong is told as `{"error": "…"}`: 400 for a body or a query that is not right, 401 without a good JWT, 404 for what is not there, 405 for a method that a path does not have, 502 where the database can not answer.
Pages of other origins can not call it: it sends no CORS headers.
"#;

fn storage(app: &App) -> String {
    let prefix = app.storage();
    match app.home() {
        Home::Browser => format!(
            "\n## Where the data is\n\nItems are kept in the browser's localStorage under `{prefix}/items/…`; nothing is sent to a server.\nOther devices do not see them, and clearing the site's data removes them.\n"
        ),
        Home::Account => format!(
            "\n## Where the data is\n\nGuests' items are kept in the browser's localStorage under `{prefix}/items/guest`; clearing the site's data removes them.\nItems of an account are rows of the table `items` in the app's database; only the account that made a row may read or change it, besides whoever runs the Appwrite project.\nA change shows at once and is saved in the background; until it is saved it waits in localStorage under `{prefix}/unsaved/…`. The first 2000 items are read.\nAccounts are those of the Appwrite project; it keeps the passwords, as hashes. There is no way yet to confirm an e-mail address or to reset a password.\nWhile a person is signed in, localStorage holds the session, which signing out ends and removes.\n"
        ),
        Home::Nowhere => format!(
            "\n## Where the data is\n\nThe page asks for nothing and sends nothing; the choice of a theme is kept in the browser's localStorage under `{prefix}/theme`.\n"
        ),
        Home::Service => "\n## Where the data is\n\nItems are rows of the table `items` in the app's database; only the account that made a row may read or change it, besides whoever runs the Appwrite project.\nThe function keeps nothing and has no rights of its own: it passes the caller's JWT on.\n".to_owned(),
    }
}

fn purpose(path: &str) -> &'static str {
    match path.strip_prefix("site/").unwrap_or(path) {
        "index.html" => "the page",
        "styles.css" => "the layout and colours",
        "icon.svg" => "the icon",
        "js/main.js" => "starts the parts",
        "js/theme.js" => "light and dark",
        "js/store.js" => "keeps the items",
        "js/items.js" => "shows the items and takes input",
        "js/account.js" => "signing up, in and out",
        "js/appwrite.js" => "speaks with Appwrite",
        "js/rows.js" => "keeps the items of an account as rows",
        "js/totals.js" => "shows the counts of the function",
        "functions/items/main.js" => "the service",
        "functions/stats/main.js" => "the function that counts a person's items",
        "functions/items/package.json" | "functions/stats/package.json" => {
            "says that the function is a module"
        }
        "js/offline.js" => "installing and the offline note",
        "sw.js" => "the copy for offline use",
        "manifest.webmanifest" => "what an installed app shows",
        "README.md" => "this file",
        _ => "one feature",
    }
}
