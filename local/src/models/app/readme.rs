//! The generated README.

use super::escape::markdown;
use super::{App, Coverage, PROJECT_PATH, titles};
use crate::models::features::Feature;

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
    text += "\n## Run it\n\nThe app is static files without a build step.\nServe the folder over HTTP, for instance with `python3 -m http.server`, and open the address in a browser.\n";
    text += &storage(app);
    text += "\n## Files\n\n";
    text +=
        &format!("- `{PROJECT_PATH}`: name, storage prefix and features, written with the plan\n");
    for path in app.paths() {
        text += &format!("- `{path}`: {}\n", purpose(path));
    }
    text
}

fn requirements(app: &App) -> String {
    let mut built = String::new();
    let mut missing = String::new();
    for (text, coverage) in &app.requirements {
        let text = markdown(text);
        match coverage {
            Coverage::Built(found) => built += &format!("- {text}: {}\n", titles(found)),
            Coverage::Partly(found) => {
                built += &format!(
                    "- {text}: partly ({}); the rest is not implemented\n",
                    titles(found)
                )
            }
            Coverage::Missing => missing += &format!("- {text}\n"),
        }
    }
    if built.is_empty() {
        built = format!(
            "- {}\n- {}\n",
            Feature::Items.title(),
            Feature::Responsive.title()
        );
    }
    if missing.is_empty() {
        missing = "Every requirement of the brief was recognised.\n".to_owned();
    }
    format!("\n## What it does\n\n{built}\n## Not implemented by the scripted model\n\n{missing}")
}

fn storage(app: &App) -> String {
    let mut text = format!(
        "\n## Where the data is\n\nItems are kept in the browser's localStorage under `{}/items/…`; nothing is sent to a server.\nOther devices do not see them, and clearing the site's data removes them.\n",
        app.storage()
    );
    if app.has(Feature::Account) {
        text += "Accounts exist in this browser only.\nA password is stored as a salted PBKDF2 hash, which needs a secure context (https or localhost); without one, signing in is off and the guest list works.\n";
    }
    if app.has_resource() {
        text += "The items resource on the page is a demonstration of the interface: the page answers its own requests, and there is no server behind it.\n";
    }
    text
}

fn purpose(path: &str) -> &'static str {
    match path {
        "index.html" => "the page",
        "styles.css" => "the layout and colours",
        "icon.svg" => "the icon",
        "js/main.js" => "starts the parts",
        "js/theme.js" => "light and dark",
        "js/store.js" => "keeps the items",
        "js/items.js" => "shows the items and takes input",
        "js/account.js" => "signing in within the browser",
        "js/resource.js" => "the items resource, demonstrated in the browser",
        "js/offline.js" => "installing and the offline note",
        "sw.js" => "the copy for offline use",
        "manifest.webmanifest" => "what an installed app shows",
        "README.md" => "this file",
        _ => "one feature",
    }
}
