//! The scripted planner: from a brief to a plan, by rules.

use serde_json::{Value, json};

use super::app::{App, Part, PartId, product};
use super::brief::{Brief, Kind, before_follow_up, tagged};
use super::catalog::Behaviour;
use super::features::{Coverage, Home};
use super::reviewer::check::Check;

/// How the repair message starts that follows a rejected plan.
const REPAIR_OPENING: &str = "Your plan is schema-valid but rejected:";

/// Answers a plan call. `texts` are the user's messages in order.
pub(crate) fn plan(texts: &[String], behaviour: Behaviour) -> Value {
    let Some((value, _)) = texts.iter().find_map(|text| tagged(text, "brief")) else {
        return refused("The request holds no brief between <brief> and </brief>.");
    };
    let app = App::new(Brief::from_value(&value));
    let repair = texts
        .last()
        .is_some_and(|text| text.trim_start().starts_with(REPAIR_OPENING));
    let before = before_follow_up(&value).map(|value| App::new(Brief::from_value(&value)));
    let mut plan = sound_plan(&app, before.as_ref());
    match behaviour {
        Behaviour::HopelessPlan => spoil_for_good(&mut plan),
        Behaviour::InvalidPlan if !repair => spoil_plan(&mut plan),
        Behaviour::InvalidPlan
        | Behaviour::Scripted
        | Behaviour::Flawless
        | Behaviour::Unbuildable
        | Behaviour::NeverBuilds
        | Behaviour::Refusal
        | Behaviour::Overloaded
        | Behaviour::Busy
        | Behaviour::Slow
        | Behaviour::OutOfCredit
        | Behaviour::TooLong
        | Behaviour::Truncated
        | Behaviour::Stuck
        | Behaviour::RubberStamp
        | Behaviour::Miscites
        | Behaviour::Suspicious
        | Behaviour::NeverSatisfied
        | Behaviour::Empty
        | Behaviour::CutOff
        | Behaviour::InvalidJson => {}
    }
    plan
}

fn refused(reason: &str) -> Value {
    json!({
        "refused": reason, "project_name": "", "summary": "", "risks": [],
        "stack": product::stack(Kind::Web), "shared_files": [], "contracts": [], "tables": [],
        "functions": [], "assignments": [],
    })
}

/// The plan of the app, or of what is new about it and was not in the one `before`.
fn sound_plan(app: &App, before: Option<&App>) -> Value {
    let mut parts = app.parts();
    let is_new = |path: &str| before.is_none_or(|before| before.file(path) != app.file(path));
    parts.retain(|part| part.paths.iter().any(|path| is_new(path)));
    let assignments: Vec<_> = parts
        .iter()
        .map(|part| assignment(app, part, &parts))
        .collect();
    let shared_files: Vec<_> = app
        .project_path()
        .map(|path| json!({"path": path, "content": app.project_file()}))
        .into_iter()
        .collect();
    json!({
        "refused": "",
        "project_name": app.brief.name,
        "summary": summary(app),
        "risks": risks(app),
        "stack": product::stack(app.brief.kind),
        "shared_files": shared_files,
        "contracts": contracts(&parts),
        "tables": product::tables(app),
        "functions": product::functions(app),
        "assignments": assignments,
    })
}

fn summary(app: &App) -> String {
    let what = match (app.home(), app.brief.kind) {
        (Home::Browser, _) => {
            "A static site without a build step: a list of items that works in the browser."
        }
        (Home::Nowhere, _) => {
            "A static site without a build step: one page that presents the product, with nothing to load from elsewhere and nothing that is kept."
        }
        (_, Kind::Fullstack) => {
            "A static site without a build step, with accounts, a database and a function: a list of items for each account, counted on the server, and one for guests."
        }
        (_, Kind::Api) => {
            "A function without a site: items as JSON over HTTP, in a database where each account has its own."
        }
        (_, Kind::Web | Kind::Mobile) => {
            "A static site without a build step, with accounts and a database: a list of items for each account, and one for guests."
        }
    };
    let built = app
        .requirements
        .iter()
        .filter(|(_, coverage)| matches!(coverage, Coverage::Built(_)))
        .count();
    format!(
        "{what} Recognised in full: {built} of {} requirements; the app and its README name the others as not implemented.",
        app.requirements.len()
    )
}

fn risks(app: &App) -> Vec<&'static str> {
    let mut risks = product::risks(app.home()).to_vec();
    if app
        .requirements
        .iter()
        .any(|(_, coverage)| !matches!(coverage, Coverage::Built(_)))
    {
        risks.push(
            "Some requirements are outside the scripted model's vocabulary and will not be built.",
        );
    }
    risks
}

/// What a part promises to the others: contract id, kind and text.
fn promise(part: PartId) -> (&'static str, &'static str, &'static str) {
    match part {
        PartId::Page => (
            "page-elements",
            "ui",
            "index.html has #new-item-form with the text box #new-item (visible label) and the button Add, #extra-fields, #summary, #toolbar, #items, #empty, #status (role=status), #actions, #whose. js/main.js creates the store and the view and calls install(app) of every part with app = { project, document, store, view, storage }.",
        ),
        PartId::Landing => (
            "sections",
            "ui",
            "index.html has #actions and the sections of the brief in this order: .hero, #features, #steps, #plans, #questions, .closing; cards are .card in .cards, steps .step in .steps, plans .plan in .plans, questions details in .questions.",
        ),
        PartId::Look => (
            "look",
            "module",
            "styles.css lays out the sections for narrow and wide screens in a light and a dark theme. js/theme.js exports install(app), and js/main.js starts it with app = { project, document, storage, view: { addAction } }.",
        ),
        PartId::Items => (
            "store-and-view",
            "module",
            "js/store.js exports GUEST, newId, clean, cleanAll and createStore(storage, prefix) with list, saved, all(), add(fields), update(id, changes), remove(id), replace(items), use(list, shelf), reload(), subscribe(listener); every change is saved on the shelf { load(), save(items) } before listeners hear { kind, before }. js/items.js exports element, field and createView(page, store) with announce, refresh, pause, addTool, addAction, addSummary, addField, addFilter, addDetail, setOrder.",
        ),
        PartId::Account => (
            "account",
            "module",
            "js/appwrite.js exports createBackend(storage, prefix), which js/main.js puts into app.backend, with open, request, signUp, signIn, restore, signOut and call(function, method, path), and explain(error). js/rows.js exports openRows(backend, storage, key, tell): a shelf of the store whose items are rows of the table items. js/account.js exports install(app): signing up, in and out, and app.account = { user, subscribe(listener) }; the guest list is used until then.",
        ),
        PartId::Features => (
            "features",
            "module",
            "Every file in js/features exports install(app) and adds its controls through the view.",
        ),
        PartId::Offline => (
            "offline",
            "module",
            "manifest.webmanifest, sw.js at the root, and js/offline.js, which exports install(app) and registers the worker.",
        ),
        PartId::Service => (
            "service",
            "http",
            "functions/items/main.js: GET / describes the service; GET and POST /items, and GET, PATCH and DELETE /items/{id}, speak JSON with whoever sends X-Account-JWT; errors are { error } with 400, 401, 404, 405 or 502.",
        ),
        PartId::Totals => (
            "totals",
            "http",
            "functions/stats/main.js: GET /counts -> { open, done } of whoever is signed in. js/totals.js exports install(app), which shows them and asks again after every change that is saved.",
        ),
        PartId::Docs => (
            "readme",
            "data",
            "README.md says what is built, what is not, how to run it and where the data is.",
        ),
    }
}

fn contracts(parts: &[Part]) -> Vec<Value> {
    parts
        .iter()
        .filter(|part| part.id != PartId::Docs)
        .map(|part| {
            let (id, kind, definition) = promise(part.id);
            let consumers: Vec<_> = parts
                .iter()
                .filter(|other| other.id != part.id && consumes(other.id, part.id))
                .map(|other| other.id.as_str())
                .collect();
            json!({"id": id, "kind": kind, "definition": definition, "provider": part.id.as_str(), "consumers": consumers})
        })
        .collect()
}

fn consumes(part: PartId, provider: PartId) -> bool {
    // The page starts every part, the documentation describes every part, and all of them build
    // on the page's elements and on the store.
    matches!(part, PartId::Page | PartId::Landing | PartId::Docs)
        || matches!(provider, PartId::Page | PartId::Landing | PartId::Items)
        || (part, provider) == (PartId::Totals, PartId::Account)
}

fn assignment(app: &App, part: &Part, parts: &[Part]) -> Value {
    let is_docs = part.id == PartId::Docs;
    let others = || {
        parts
            .iter()
            .filter(|other| other.id != part.id && other.id != PartId::Docs)
    };
    let depends_on: Vec<_> = if is_docs {
        others().map(|other| other.id.as_str()).collect()
    } else {
        Vec::new()
    };
    let mut may_read: Vec<_> = app.project_path().into_iter().collect();
    if is_docs {
        may_read.extend(others().flat_map(|other| other.paths.clone()));
    }
    let concerned: Vec<_> = parts
        .iter()
        .filter(|other| {
            other.id != PartId::Docs && (other.id == part.id || consumes(part.id, other.id))
        })
        .map(|other| promise(other.id).0)
        .collect();
    let acceptance: Vec<_> = Check::of_part(app, part)
        .iter()
        .enumerate()
        .map(|(index, check)| json!({"id": format!("{}-{}", part.id.as_str(), index + 1), "check": check.wording()}))
        .collect();
    let role = role(part.id);
    json!({
        "id": part.id.as_str(),
        "title": role.title,
        "type": role.kind,
        "specialization": role.specialization,
        "estimate": format!("{} minutes", 5 * part.paths.len()),
        "priority": if is_docs { 2 } else { 1 },
        "objective": format!("{} Files: {}.", role.objective, part.paths.join(", ")),
        "depends_on": depends_on,
        "owns": part.paths,
        "may_read": may_read,
        "contracts": concerned,
        "acceptance": acceptance,
        "out_of_scope": ["Files of other assignments", "A build step, outside dependencies"],
        "size": if part.paths.len() > 3 { "M" } else { "S" },
    })
}

struct Role {
    title: &'static str,
    kind: &'static str,
    specialization: &'static str,
    objective: &'static str,
}

fn role(part: PartId) -> Role {
    let (title, kind, specialization, objective) = match part {
        PartId::Page => (
            "Page, layout and start",
            "frontend",
            "HTML and CSS",
            "Write the page, its layout and the script that starts every part.",
        ),
        PartId::Landing => (
            "Page and its sections",
            "frontend",
            "HTML",
            "Write the page: what the product is, does and costs, in the words of the brief.",
        ),
        PartId::Look => (
            "Layout and colours",
            "frontend",
            "CSS and accessibility",
            "Lay the sections out for every width, light and dark.",
        ),
        PartId::Items => (
            "Items: store and view",
            "frontend",
            "JavaScript",
            "Keep the items and show them: add, edit, complete, delete.",
        ),
        PartId::Account => (
            "Signing in",
            "frontend",
            "web security",
            "Let people sign up and in, and keep their items as rows of the app's database; guests keep a list in the browser.",
        ),
        PartId::Features => (
            "Features of the list",
            "frontend",
            "JavaScript",
            "Add the requested features to the list, each as a module of its own.",
        ),
        PartId::Offline => (
            "Install and offline use",
            "frontend",
            "progressive web apps",
            "Make the app installable and usable without a network.",
        ),
        PartId::Service => (
            "The items service",
            "backend",
            "HTTP interfaces",
            "Write the function that keeps items for whoever calls it with the JWT of an account.",
        ),
        PartId::Totals => (
            "Counts on the server",
            "backend",
            "JavaScript",
            "Write the function that counts the caller's items, and show the counts on the page.",
        ),
        PartId::Docs => (
            "Documentation",
            "documentation",
            "technical writing",
            "Say what the app does, what it does not, how to run it and where its data is.",
        ),
    };
    Role {
        title,
        kind,
        specialization,
        objective,
    }
}

/// Makes a plan that keeps the schema and that nobody can carry out: no path can be written.
fn spoil_for_good(plan: &mut Value) {
    for assignment in plan["assignments"].as_array_mut().into_iter().flatten() {
        assignment["owns"] = json!(["../outside"]);
    }
}

/// Makes a plan that keeps the schema and breaks the rules: a dependency cycle and an overlap.
fn spoil_plan(plan: &mut Value) {
    plan["assignments"][0]["depends_on"] = json!([PartId::Docs.as_str()]);
    if let Some(owns) = plan["assignments"][1]["owns"].as_array_mut() {
        owns.push(json!("index.html"));
    }
}
