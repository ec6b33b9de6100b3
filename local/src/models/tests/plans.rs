//! What the scripted models plan and write for each type of project.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::models::app::App;
use crate::models::brief::Brief;
use crate::models::catalog::Behaviour;
use crate::models::{planner, reviewer};

const EVERYTHING: [&str; 12] = [
    "User authentication",
    "CRUD operations",
    "Responsive design",
    "Search",
    "Sorting",
    "Tags",
    "Due dates",
    "Statistics",
    "Export",
    "Undo",
    "Keyboard shortcuts",
    "Dark mode",
];

/// A landing page with one entry for each of its places.
const LANDING: [&str; 8] = [
    "Landing page",
    "Dark mode",
    "Headline: Plants that live",
    "Call to action: Begin",
    "Feature: One list a day. The rest can wait.",
    "Step: Name your plants. All of them.",
    "Plan: Sprout, free. Ten plants; one list",
    "Question: Is it <safe>? Yes. It keeps nothing.",
];

fn brief(kind: &str, requirements: &[&str]) -> Value {
    json!({"name": "test-app", "description": "Items", "type": kind, "requirements": requirements})
}

fn plan(brief: &Value) -> Value {
    let text = format!("Plan this project.\n<brief>\n{brief}\n</brief>");
    planner::plan(&[text], Behaviour::Flawless)
}

/// Every file of the project: what the plan carries, and what the agents write.
fn files(brief: &Value) -> Vec<(String, String)> {
    let app = App::new(Brief::from_value(brief));
    let own = app.paths().into_iter().map(|path| {
        let text = app.file(&path).unwrap();
        (path, text)
    });
    let project = app.project_path().map(|path| (path, app.project_file()));
    own.chain(project).collect()
}

fn ids(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|it| it["id"].as_str().unwrap()).collect()
}

/// What decides whether and how a plan is deployed.
fn deployed(kind: &str, requirements: &[&str]) -> Value {
    let plan = plan(&brief(kind, requirements));
    let functions = plan["functions"].as_array().unwrap().iter();
    let functions: Vec<_> = functions
        .map(|it| json!([it["folder"], it["entrypoint"], it["access"]]))
        .collect();
    json!([
        plan["stack"]["output_dir"],
        plan["stack"]["appwrite_kind"],
        ids(&plan["tables"]),
        functions,
    ])
}

#[test]
fn a_database_and_functions_are_planned_where_the_type_or_accounts_need_them() {
    let none: [&str; 0] = [];
    let account = ["User authentication"];
    assert_eq!(deployed("web", &none), json!([".", "static-site", [], []]));
    assert_eq!(
        deployed("web", &account),
        json!([".", "static-site", ["items"], []])
    );
    assert_eq!(
        deployed("mobile", &account),
        json!([".", "static-site", ["items"], []])
    );
    assert_eq!(
        deployed("api", &none),
        json!([
            ".",
            "function",
            ["items"],
            [["functions/items", "main.js", "any"]]
        ])
    );
    assert_eq!(
        deployed("fullstack", &none),
        json!([
            "site",
            "static-site",
            ["items"],
            [["functions/stats", "main.js", "users"]]
        ])
    );
    let items = &plan(&brief("api", &none))["tables"][0];
    assert_eq!(items["access"], "private");
    let columns = items["columns"].as_array().unwrap().iter();
    let keys: Vec<_> = columns.map(|it| it["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["title", "done", "created", "due", "tags"]);
}

#[test]
fn a_refusal_has_every_member_of_a_plan() {
    let refused = planner::plan(&["no brief".to_owned()], Behaviour::Flawless);
    let planned = plan(&brief("web", &[]));
    let keys = |it: &Value| it.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&refused), keys(&planned));
    assert_ne!(refused["refused"], "");
}

#[test]
fn an_api_has_no_page_and_the_parts_of_a_fullstack_app_do_not_mix() {
    let paths = |kind| files(&brief(kind, &EVERYTHING)).into_iter().map(|it| it.0);
    let api: Vec<_> = paths("api").collect();
    assert_eq!(
        api,
        [
            "functions/items/main.js",
            "functions/items/package.json",
            "README.md"
        ]
    );
    let is_placed = |path: &String| {
        path == "README.md" || path.starts_with("site/") || path.starts_with("functions/stats/")
    };
    let stray: Vec<_> = paths("fullstack").filter(|path| !is_placed(path)).collect();
    assert_eq!(stray, Vec::<String>::new());
}

#[test]
fn the_reviewer_approves_what_the_agents_write_for_every_type() {
    for kind in ["web", "mobile", "api", "fullstack"] {
        for requirements in [&EVERYTHING[..], &EVERYTHING[1..2], &LANDING] {
            let brief = brief(kind, requirements);
            let files = files(&brief);
            let plan = plan(&brief);
            let mut text = String::new();
            for (path, content) in &files {
                writeln!(text, "<file_a path={path:?}>\n{content}\n</file_a>").unwrap();
            }
            for assignment in plan["assignments"].as_array().unwrap() {
                let request = json!({"assignment": assignment});
                let request = format!("<review>\n{request}\n</review>\n{text}");
                let verdict = reviewer::review(&request, Behaviour::Flawless);
                assert_eq!(verdict["overall"], "approve", "{kind} {verdict:#}");
            }
            let request =
                json!({"contracts": plan["contracts"], "assignments": plan["assignments"]});
            let request = format!("<integration>\n{request}\n</integration>\n{text}");
            let verdict = reviewer::integrate(&request);
            assert_eq!(verdict["overall"], "approve", "{kind} {verdict:#}");
            let contracts = verdict["contracts"].as_array().unwrap();
            let unclear = contracts.iter().filter(|it| it["verdict"] != "kept");
            assert_eq!(unclear.count(), 0, "{kind} {contracts:#?}");
        }
    }
}

#[test]
fn a_landing_page_holds_what_its_brief_says_and_keeps_nothing() {
    let brief = brief("web", &LANDING);
    let files = files(&brief);
    let paths: Vec<_> = files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "index.html",
            "icon.svg",
            "styles.css",
            "js/theme.js",
            "js/main.js",
            "README.md",
            "js/project.js"
        ]
    );
    for words in [
        "<h1 id=\"hero-title\" dir=\"auto\">Plants that live</h1>",
        "<a class=\"button primary\" href=\"#plans\">Begin</a>",
        "<h3>One list a day</h3>",
        "<p class=\"price\">free</p>",
        "<summary>Is it &lt;safe&gt;?</summary>",
    ] {
        assert!(files[0].1.contains(words), "{words}: {}", files[0].1);
    }
    assert_eq!(
        deployed("web", &LANDING),
        json!([".", "static-site", [], []])
    );
    let summary = plan(&brief)["summary"].as_str().unwrap().to_owned();
    assert!(summary.contains("8 of 8"), "{summary}");
}

#[test]
fn what_a_landing_page_lacks_is_said_on_it() {
    let files = files(&brief("web", &["Landing page", "Search", "Undo"]));
    let (_, foot) = files[0].1.split_once("<footer").unwrap();
    assert!(foot.contains("<bdi>Search</bdi>") && foot.contains("<bdi>Undo</bdi>"));
    assert!(!files[0].1.contains("id=\"features\""));
}

#[test]
fn node_reads_every_script() {
    let folder = tempfile::tempdir().unwrap();
    let landing = ("web", &LANDING[..]);
    let others = ["mobile", "api", "fullstack"].map(|kind| (kind, &EVERYTHING[..]));
    for (kind, requirements) in others.into_iter().chain([landing]) {
        for (path, content) in files(&brief(kind, requirements)) {
            if !path.ends_with(".js") {
                continue;
            }
            let file = folder
                .path()
                .join(format!("{}.mjs", path.replace('/', "-")));
            std::fs::write(&file, content).unwrap();
            let check = Command::new("node").arg("--check").arg(&file).output();
            let check = check.unwrap();
            let error = String::from_utf8_lossy(&check.stderr).into_owned();
            assert!(check.status.success(), "{kind} {path}: {error}");
        }
    }
}
