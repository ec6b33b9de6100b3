//! The acceptance checks: how the planner words each of them, and how the reviewer decides it.

use super::files::Files;
use super::{Problem, css, html, lint, script};
use crate::models::app::{App, Part, PartId};
use crate::models::features::Feature;

/// One criterion of an acceptance list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    LabelledForm,
    StrictPolicy,
    HonestPage,
    NarrowAndWide,
    VisibleFocus,
    BothThemes,
    StartsParts,
    ChangesSaved,
    TextOnly,
    ItemControls,
    HashedPasswords,
    GuestList,
    Installs(String),
    Manifest,
    WorkerAnswers,
    NoServer,
    HonestReadme,
}

const FIXED: &[Check] = &[
    Check::LabelledForm,
    Check::StrictPolicy,
    Check::HonestPage,
    Check::NarrowAndWide,
    Check::VisibleFocus,
    Check::BothThemes,
    Check::StartsParts,
    Check::ChangesSaved,
    Check::TextOnly,
    Check::ItemControls,
    Check::HashedPasswords,
    Check::GuestList,
    Check::Manifest,
    Check::WorkerAnswers,
    Check::NoServer,
    Check::HonestReadme,
];

const INSTALLS: &str = " exports install(app), and its brackets are balanced.";

impl Check {
    /// The acceptance list of one part.
    pub(crate) fn of_part(app: &App, part: &Part) -> Vec<Self> {
        match part.id {
            PartId::Page => {
                let mut checks = vec![
                    Self::LabelledForm,
                    Self::StrictPolicy,
                    Self::HonestPage,
                    Self::NarrowAndWide,
                    Self::VisibleFocus,
                    Self::StartsParts,
                ];
                if app.has(Feature::Theme) {
                    checks.push(Self::BothThemes);
                }
                if part.paths.contains(&"sw.js") {
                    checks.extend([Self::Manifest, Self::WorkerAnswers]);
                }
                checks
            }
            PartId::Items => vec![Self::ChangesSaved, Self::TextOnly, Self::ItemControls],
            PartId::Account => vec![
                Self::HashedPasswords,
                Self::GuestList,
                Self::Installs("js/account.js".to_owned()),
            ],
            PartId::Features => part
                .paths
                .iter()
                .map(|path| Self::Installs((*path).to_owned()))
                .collect(),
            PartId::Offline => vec![
                Self::Manifest,
                Self::WorkerAnswers,
                Self::Installs("js/offline.js".to_owned()),
            ],
            PartId::Resource => vec![Self::NoServer, Self::Installs("js/resource.js".to_owned())],
            PartId::Docs => vec![Self::HonestReadme],
        }
    }

    /// The sentence in the plan.
    pub(crate) fn wording(&self) -> String {
        match self {
            Self::LabelledForm => "index.html has a text box with a visible label and a button `Add`.",
            Self::StrictPolicy => "index.html sets a content security policy with script-src 'self' and holds no inline script, style or handler.",
            Self::HonestPage => "The footer of index.html says that the scripted model made the app.",
            Self::NarrowAndWide => "styles.css adapts the layout to narrow and to wide screens.",
            Self::VisibleFocus => "styles.css shows where the keyboard focus is.",
            Self::BothThemes => "styles.css has a light and a dark theme and follows the system until the person chooses.",
            Self::StartsParts => "js/main.js calls every install function that it imports.",
            Self::ChangesSaved => "Adding, changing and deleting an item are each saved: after a reload the list is as it was left.",
            Self::TextOnly => "What people write reaches the page as text, never as markup.",
            Self::ItemControls => "Each item has a checkbox, and buttons with the visible text Edit and Delete.",
            Self::HashedPasswords => "A password is stored only as a salted PBKDF2 hash.",
            Self::GuestList => "Without an account the guest list is used, and each account has a list of its own.",
            Self::Installs(path) => return format!("{path}{INSTALLS}"),
            Self::Manifest => "manifest.webmanifest is JSON with name, start_url, display and icons.",
            Self::WorkerAnswers => "sw.js keeps a copy of the files and answers from it without a network.",
            Self::NoServer => "js/resource.js answers requests in the page and sends none to a server.",
            Self::HonestReadme => "README.md names the scripted model, what is not implemented, and where the data is.",
        }
        .to_owned()
    }

    /// Finds the check for a sentence of a plan.
    pub(crate) fn from_wording(wording: &str) -> Option<Self> {
        let wording = wording.trim();
        if let Some(path) = wording.strip_suffix(INSTALLS) {
            return Some(Self::Installs(path.to_owned()));
        }
        FIXED
            .iter()
            .find(|check| check.wording() == wording)
            .cloned()
    }

    /// Decides the check on the files: the evidence, or what is wrong.
    pub(crate) fn run(&self, files: &Files) -> Result<String, Problem> {
        let page = || files.get("index.html");
        let styles = || files.get("styles.css");
        match self {
            Self::LabelledForm => html::labelled_form("index.html", page()?),
            Self::StrictPolicy => html::strict_policy("index.html", page()?),
            Self::HonestPage => html::honest_page("index.html", page()?),
            Self::NarrowAndWide => {
                css::requires(
                    "styles.css",
                    styles()?,
                    "@media (max-width:",
                    "narrow screens get the wide layout",
                )?;
                css::requires(
                    "styles.css",
                    styles()?,
                    "@media (min-width:",
                    "wide screens get the narrow layout",
                )
            }
            Self::VisibleFocus => css::requires(
                "styles.css",
                styles()?,
                ":focus-visible",
                "keyboard users cannot see where they are",
            ),
            Self::BothThemes => {
                css::requires(
                    "styles.css",
                    styles()?,
                    "prefers-color-scheme: dark",
                    "the system's choice is ignored",
                )?;
                css::requires(
                    "styles.css",
                    styles()?,
                    "data-theme=\"dark\"",
                    "the person's choice is ignored",
                )
            }
            Self::StartsParts => starts_parts(files.get("js/main.js")?),
            Self::ChangesSaved => changes_saved(files.get("js/store.js")?),
            Self::TextOnly => has_all(
                files,
                "js/items.js",
                &["textContent: item.text"],
                "item text is not set as text",
            ),
            Self::ItemControls => has_all(
                files,
                "js/items.js",
                &[
                    "type: \"checkbox\"",
                    "textContent: \"Edit\"",
                    "textContent: \"Delete\"",
                    "store.remove(",
                ],
                "an item lacks one of its controls",
            ),
            Self::HashedPasswords => has_all(
                files,
                "js/account.js",
                &["PBKDF2", "deriveBits", "getRandomValues"],
                "the password is not hashed with a salt",
            ),
            Self::GuestList => has_all(
                files,
                "js/account.js",
                &["GUEST", "store.use("],
                "lists are not kept apart",
            ),
            Self::Installs(path) => installs(files, path),
            Self::Manifest => manifest(files.get("manifest.webmanifest")?),
            Self::WorkerAnswers => has_all(
                files,
                "sw.js",
                &["caches.open(", "addEventListener(\"fetch\"", "cache.match("],
                "the worker does not answer offline",
            ),
            Self::NoServer => no_server(files.get("js/resource.js")?),
            Self::HonestReadme => has_all(
                files,
                "README.md",
                &[
                    "scripted model",
                    "## Not implemented by the scripted model",
                    "## Where the data is",
                ],
                "the README leaves out what a reader has to know",
            ),
        }
    }
}

fn problem(path: &str, line: usize, problem: String, required_change: String) -> Problem {
    Problem {
        path: path.to_owned(),
        line,
        problem,
        required_change,
    }
}

fn has_all(files: &Files, path: &str, needles: &[&str], meaning: &str) -> Result<String, Problem> {
    let text = files.get(path)?;
    let mut places = Vec::new();
    for needle in needles {
        match lint::line_of(text, needle) {
            Some(line) => places.push(format!("`{needle}` at line {line}")),
            None => {
                return Err(problem(
                    path,
                    1,
                    format!("{meaning}: `{needle}` is missing"),
                    format!("add `{needle}`"),
                ));
            }
        }
    }
    Ok(places.join(", "))
}

fn changes_saved(store: &str) -> Result<String, Problem> {
    let mut lines = Vec::new();
    for (name, effect) in [
        ("add", "a new item is gone after a reload"),
        (
            "update",
            "a changed or completed item is as before after a reload",
        ),
        ("remove", "a deleted item is back after a reload"),
        (
            "replace",
            "imported or restored items are gone after a reload",
        ),
    ] {
        let Some(function) = script::function(store, name) else {
            return Err(problem(
                "js/store.js",
                1,
                format!("`{name}` is missing"),
                format!("write `{name}`"),
            ));
        };
        if !function.body.contains("save()") {
            return Err(problem(
                "js/store.js",
                function.line,
                format!("`{name}` changes the items without saving them: {effect}"),
                format!(
                    "call `save()` in `{name}` after the items have changed and before the listeners are told"
                ),
            ));
        }
        lines.push(format!("`{name}` saves (line {})", function.line));
    }
    Ok(lines.join(", "))
}

fn starts_parts(main: &str) -> Result<String, Problem> {
    let mut count = 0;
    for (index, line) in main.lines().enumerate() {
        let Some(name) = line
            .strip_prefix("import { install as ")
            .and_then(|rest| rest.split(' ').next())
        else {
            continue;
        };
        if lint::line_of(main, &format!("{name}(app);")).is_none() {
            return Err(problem(
                "js/main.js",
                index + 1,
                format!("`{name}` is imported and never started"),
                format!("call `{name}(app)`"),
            ));
        }
        count += 1;
    }
    if lint::line_of(main, "createStore(").is_none() {
        return Err(problem(
            "js/main.js",
            1,
            "the store is never created".to_owned(),
            "call `createStore`".to_owned(),
        ));
    }
    Ok(format!("{count} imported parts are started"))
}

fn installs(files: &Files, path: &str) -> Result<String, Problem> {
    let text = files.get(path)?;
    if let Some((line, reason)) = script::unbalanced(text) {
        return Err(problem(
            path,
            line,
            reason,
            "balance the brackets".to_owned(),
        ));
    }
    match lint::line_of(text, "export function install(") {
        Some(line) => Ok(format!("install at line {line}")),
        None => Err(problem(
            path,
            1,
            "it exports no install function".to_owned(),
            "export function install(app)".to_owned(),
        )),
    }
}

fn manifest(text: &str) -> Result<String, Problem> {
    let path = "manifest.webmanifest";
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        problem(
            path,
            error.line().max(1),
            format!("not JSON: {error}"),
            "write valid JSON".to_owned(),
        )
    })?;
    for key in ["name", "start_url", "display", "icons"] {
        if value[key].is_null() {
            return Err(problem(
                path,
                1,
                format!("`{key}` is missing"),
                format!("add `{key}`"),
            ));
        }
    }
    Ok("all four members are present".to_owned())
}

fn no_server(text: &str) -> Result<String, Problem> {
    let code = script::code_only(text);
    for call in ["fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon"] {
        if let Some(line) = lint::line_of(&code, call) {
            return Err(problem(
                "js/resource.js",
                line,
                format!("`{call}` sends a request"),
                "answer in the page".to_owned(),
            ));
        }
    }
    Ok("no call that leaves the page".to_owned())
}
