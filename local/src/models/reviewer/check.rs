//! The acceptance checks: how the planner words each of them, and how the reviewer decides it.

use super::files::Files;
use super::{Problem, css, html, lint, script};
use crate::models::app::{App, Part, PartId};
use crate::models::features::{Feature, Home};

/// One criterion of an acceptance list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    LabelledForm,
    StrictPolicy,
    HonestPage,
    Sections,
    NarrowAndWide,
    VisibleFocus,
    BothThemes,
    StartsParts,
    ChangesSaved,
    TextOnly,
    ItemControls,
    RealAccounts,
    OwnRows,
    GuestList,
    Installs(String),
    Manifest,
    WorkerAnswers,
    PassesToken,
    ClearErrors,
    CountsOwn,
    HonestReadme,
    Examples,
}

const FIXED: &[Check] = &[
    Check::LabelledForm,
    Check::StrictPolicy,
    Check::HonestPage,
    Check::Sections,
    Check::NarrowAndWide,
    Check::VisibleFocus,
    Check::BothThemes,
    Check::StartsParts,
    Check::ChangesSaved,
    Check::TextOnly,
    Check::ItemControls,
    Check::RealAccounts,
    Check::OwnRows,
    Check::GuestList,
    Check::Manifest,
    Check::WorkerAnswers,
    Check::PassesToken,
    Check::ClearErrors,
    Check::CountsOwn,
    Check::HonestReadme,
    Check::Examples,
];

const INSTALLS: &str = " exports install(app), and its brackets are balanced.";

impl Check {
    /// The acceptance list of one part.
    pub(crate) fn of_part(app: &App, part: &Part) -> Vec<Self> {
        let installed = |name: &'static str| {
            let paths = part.paths.iter().filter(move |path| path.contains(name));
            paths.map(|path| Self::Installs(path.clone()))
        };
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
                if part.paths.iter().any(|path| path.ends_with("sw.js")) {
                    checks.extend([Self::Manifest, Self::WorkerAnswers]);
                }
                checks
            }
            PartId::Landing => vec![Self::Sections, Self::StrictPolicy, Self::HonestPage],
            PartId::Look => {
                let mut checks = vec![Self::NarrowAndWide, Self::VisibleFocus, Self::BothThemes];
                checks.extend(installed("js/theme.js"));
                checks
            }
            PartId::Items => vec![Self::ChangesSaved, Self::TextOnly, Self::ItemControls],
            PartId::Account => {
                let mut checks = vec![Self::RealAccounts, Self::OwnRows, Self::GuestList];
                checks.extend(installed("js/account.js"));
                checks
            }
            PartId::Features => installed("js/features/").collect(),
            PartId::Offline => {
                let mut checks = vec![Self::Manifest, Self::WorkerAnswers];
                checks.extend(installed("js/offline.js"));
                checks
            }
            PartId::Service => vec![Self::PassesToken, Self::ClearErrors],
            PartId::Totals => {
                let mut checks = vec![Self::CountsOwn];
                checks.extend(installed("js/totals.js"));
                checks
            }
            PartId::Docs => match app.home() {
                Home::Browser | Home::Account | Home::Nowhere => vec![Self::HonestReadme],
                Home::Service => vec![Self::HonestReadme, Self::Examples],
            },
        }
    }

    /// The sentence in the plan.
    pub(crate) fn wording(&self) -> String {
        match self {
            Self::LabelledForm => "index.html has a text box with a visible label and a button `Add`.",
            Self::StrictPolicy => "index.html sets a content security policy with script-src 'self' and holds no inline script, style or handler.",
            Self::HonestPage => "The footer of index.html says that the scripted model made the app.",
            Self::Sections => "index.html has one main title, every section has a title, and each link to a place on the page leads there.",
            Self::NarrowAndWide => "styles.css adapts the layout to narrow and to wide screens.",
            Self::VisibleFocus => "styles.css shows where the keyboard focus is.",
            Self::BothThemes => "styles.css has a light and a dark theme and follows the system until the person chooses.",
            Self::StartsParts => "js/main.js calls every install function that it imports.",
            Self::ChangesSaved => "Adding, changing and deleting an item are each saved: after a reload the list is as it was left.",
            Self::TextOnly => "What people write reaches the page as text, never as markup.",
            Self::ItemControls => "Each item has a checkbox, and buttons with the visible text Edit and Delete.",
            Self::RealAccounts => "Signing up, in and out is Appwrite's; no password is kept.",
            Self::OwnRows => "Items of an account are rows of the table items, read page by page up to a limit, and what is not saved yet waits in the browser.",
            Self::GuestList => "Without an account the guest list is used, and each account has a list of its own.",
            Self::Installs(path) => return format!("{path}{INSTALLS}"),
            Self::Manifest => "manifest.webmanifest is JSON with name, start_url, display and icons.",
            Self::WorkerAnswers => "sw.js keeps a copy of the files and answers from it without a network.",
            Self::PassesToken => "functions/items/main.js asks the database with the caller's JWT and with no rights of its own.",
            Self::ClearErrors => "functions/items/main.js answers what it refuses with 400, 401, 404 or 405 and a JSON error.",
            Self::CountsOwn => "functions/stats/main.js counts the caller's items in the caller's name.",
            Self::HonestReadme => "README.md names the scripted model, what is not implemented, and where the data is.",
            Self::Examples => "README.md shows with curl how to sign in and how to use items.",
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
            Self::Sections => html::sections("index.html", page()?),
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
            Self::RealAccounts => real_accounts(files),
            Self::OwnRows => has_all(
                files,
                "js/rows.js",
                &[
                    "cursorAfter",
                    "ITEMS_MAX",
                    "keep(",
                    "\"POST\"",
                    "\"PATCH\"",
                    "\"DELETE\"",
                ],
                "items are not kept as rows",
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
            Self::PassesToken => has_all(
                files,
                "functions/items/main.js",
                &["export default", "X-Appwrite-JWT", "APP_DATABASE_ID"],
                "the caller's JWT does not reach the database",
            ),
            Self::ClearErrors => has_all(
                files,
                "functions/items/main.js",
                &["Refusal(400", "Refusal(401", "Refusal(404", "Refusal(405"],
                "a bad request has no clear answer",
            ),
            Self::CountsOwn => has_all(
                files,
                "functions/stats/main.js",
                &["export default", "x-appwrite-user-jwt", "X-Appwrite-JWT"],
                "it does not count in the caller's name",
            ),
            Self::Examples => has_all(
                files,
                "README.md",
                &["/account/jwts", "/items"],
                "the README shows no request",
            ),
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

/// Appwrite's accounts are used, and what is typed as a password goes into no storage.
fn real_accounts(files: &Files) -> Result<String, Problem> {
    let path = "js/appwrite.js";
    let evidence = has_all(
        files,
        path,
        &[
            "\"/account/sessions/email\"",
            "\"/account/sessions/current\"",
            "X-Fallback-Cookies",
            "credentials: \"include\"",
        ],
        "accounts are not Appwrite's",
    )?;
    for path in [path, "js/account.js"] {
        let lines = files.get(path)?.lines().enumerate();
        let mut stored =
            lines.filter(|(_, line)| line.contains("setItem(") && line.contains("password"));
        if let Some((index, _)) = stored.next() {
            return Err(problem(
                path,
                index + 1,
                "a password is kept in the browser".to_owned(),
                "keep no password".to_owned(),
            ));
        }
    }
    Ok(evidence)
}
