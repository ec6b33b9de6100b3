use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, json};

use super::*;
use crate::agent::checks;
use crate::brief::ProjectType;
use crate::workspace::FileVersion;

fn workspace(files: &[(&str, &str)]) -> Workspace {
    let version = |(path, content): &(&str, &str)| FileVersion {
        path: SafePath::parse(path).unwrap(),
        content: Some((*content).to_owned()),
        assignment: "a".to_owned(),
        round: 1,
    };
    Workspace::of(&files.iter().map(version).collect::<Vec<_>>())
}

/// What GitHub's schema of workflows has against a text.
fn against_schema(text: &str) -> Vec<String> {
    let schema = serde_json::from_str(include_str!("github-workflow.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let workflow = read(text);
    let errors = validator.iter_errors(&workflow);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// YAML without anchors and tags, as workflows are.
fn read(text: &str) -> Value {
    let events = Parser::new_from_str(text).map(|event| event.unwrap().0);
    let is_frame =
        |event: &Event<'_>| matches!(event, Event::StreamStart | Event::DocumentStart(_));
    let mut events = events.skip_while(is_frame);
    let first = events.next().unwrap();
    value(first, &mut events)
}

fn value<'a>(event: Event<'a>, rest: &mut impl Iterator<Item = Event<'a>>) -> Value {
    if let Event::Scalar(text, style, ..) = event {
        return scalar(&text, style);
    }
    if let Event::SequenceStart(..) = event {
        let mut items = Vec::new();
        while let Some(item) = rest.next().filter(|item| *item != Event::SequenceEnd) {
            items.push(value(item, rest));
        }
        return json!(items);
    }
    assert!(matches!(event, Event::MappingStart(..)), "{event:?}");
    let mut map = Map::new();
    while let Some(Event::Scalar(key, ..)) = rest.next() {
        let item = rest.next().unwrap();
        map.insert(key.into_owned(), value(item, rest));
    }
    Value::Object(map)
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match serde_json::from_str(text) {
        Ok(value) if style == ScalarStyle::Plain => value,
        Ok(_) | Err(_) if style == ScalarStyle::Plain && text.is_empty() => Value::Null,
        Ok(_) | Err(_) => json!(text),
    }
}

#[test]
fn the_schema_finds_what_is_wrong() {
    let right = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: y\n";
    assert_eq!(against_schema(right), Vec::<String>::new());
    let wrong = right.replace("runs-on", "run-on");
    assert_eq!(against_schema(&wrong).len(), 1);
}

fn task() -> TaskId {
    TaskId::of_request("owner", "request")
}

fn made(files: &[(&str, &str)], unshown: &[String], workflows: Workflows) -> String {
    let project = Project {
        name: "Test app".to_owned(),
        output_dir: ".".to_owned(),
        workflows,
        ..Project::default()
    };
    of(files, unshown, &project)
}

fn of(files_: &[(&str, &str)], unshown: &[String], project: &Project) -> String {
    let task = task();
    let target = Target {
        project,
        task: &task,
        branch: "main",
        site_domain: "sites.example.org",
    };
    let made = files(&workspace(files_), unshown, &target);
    for (path, text) in &made {
        // Under a name that agents may write, so that it can be parsed at all.
        let plain = SafePath::parse(path.trim_start_matches(".github/")).unwrap();
        assert_eq!(checks::problems(&plain, text), Vec::<String>::new());
        if path.ends_with(".yml") {
            assert_eq!(against_schema(text), Vec::<String>::new(), "{text}");
        }
        let is_run_as_said = text.matches("uses: ").count() == text.matches("# v").count();
        assert!(is_run_as_said, "an action is not pinned: {text}");
    }
    let named = made
        .iter()
        .map(|(path, text)| format!("--- {path}\n{text}"));
    named.collect()
}

#[test]
fn what_needs_node_is_built_and_tested() {
    let files = [
        (
            "package.json",
            r#"{"scripts": {"build": "vite build", "test": "vitest run"}}"#,
        ),
        ("functions/api/package.json", r#"{"name": "api"}"#),
        ("functions/api/package-lock.json", "{}"),
        ("functions/api/src/main.js", "export default () => {};"),
    ];
    insta::assert_snapshot!(made(&files, &[], Workflows::Deploy));
}

/// An app with everything that can be deployed.
fn fullstack() -> Project {
    let tables = json!([{
        "id": "items", "name": "Items", "access": "private",
        "columns": [
            {"key": "title", "type": "string", "size": 80, "required": true, "array": false, "elements": []},
            {"key": "state", "type": "enum", "size": 0, "required": false, "array": false, "elements": ["open", "done"]},
            {"key": "share", "type": "float", "size": 0, "required": false, "array": true, "elements": []},
        ],
        "indexes": [{"key": "by_title", "type": "key", "columns": ["title"]}],
    }]);
    let functions = json!([
        {"id": "stats", "folder": "api/stats/", "entrypoint": "index.mjs", "access": "any"},
        {"id": "mail", "folder": "api/mail", "entrypoint": "src/main.js", "access": "users"},
    ]);
    Project {
        name: "Rob's \"app\"".to_owned(),
        output_dir: "public".to_owned(),
        workflows: Workflows::Deploy,
        project_type: ProjectType::Fullstack,
        tables: serde_json::from_value(tables).unwrap(),
        functions: serde_json::from_value(functions).unwrap(),
        ..Project::default()
    }
}

#[test]
fn what_the_plan_has_is_deployed_as_the_orchestrator_does() {
    let files = [
        ("api/mail/package.json", r#"{"dependencies": {"a": "1"}}"#),
        ("api/mail/src/main.js", ""),
        ("api/stats/index.mjs", ""),
        ("public/index.html", "<p>"),
    ];
    insta::assert_snapshot!(of(&files, &[CI.to_owned()], &fullstack()));
}

#[test]
fn only_what_there_is_is_pushed() {
    let pushed = |project: &Project| {
        let text = of(&[("public/index.html", "<p>")], &[], project);
        let lines = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("appwrite push "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let push = |kind: &str| format!("{kind} --all --force --activate");
    let whole = fullstack();
    assert_eq!(pushed(&whole), [push("functions"), push("sites")]);
    let api = Project {
        project_type: ProjectType::Api,
        ..whole.clone()
    };
    assert_eq!(pushed(&api), [push("functions")]);
    let web = Project {
        functions: Vec::new(),
        ..whole
    };
    assert_eq!(pushed(&web), [push("sites")]);
}

#[test]
fn a_site_whose_folder_is_not_there_is_built() {
    let files = [
        ("package.json", r#"{"scripts": {"build": "vite build"}}"#),
        ("src/main.js", ""),
    ];
    let project = Project {
        output_dir: "./dist/".to_owned(),
        ..fullstack()
    };
    let text = of(&files, &[], &project);
    for part in [
        r#""buildCommand": "npm run build && cp app-config.json dist/""#,
        r#""outputDirectory": "./dist""#,
        "APP_CONFIG_PATH: 'app-config.json'",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn pages_are_read_without_actions_of_others() {
    insta::assert_snapshot!(made(&[("index.html", "<p>")], &[], Workflows::Ci));
}

#[test]
fn nothing_that_means_more_than_itself_gets_in() {
    let files = [
        ("${{ secrets.X }}/package.json", "{}"),
        ("a b/package.json", "{}"),
        ("-x/package.json", "{}"),
        ("functions/$(id)/x.js", ""),
    ];
    let text = made(&files, &[], Workflows::Deploy);
    for bad in ["secrets.X", "a b", "-x", "$(id)", "npm ci"] {
        assert!(!text.contains(bad), "{bad}: {text}");
    }
}

#[test]
fn what_is_there_is_left_alone() {
    let unshown = [
        CI.to_owned(),
        ".GITHUB/workflows/appwrite-deploy.yml".to_owned(),
    ];
    let files = [("index.html", "<p>"), (CONFIG, "{}")];
    assert_eq!(made(&files, &unshown, Workflows::Deploy), "");
    assert_eq!(made(&files, &[], Workflows::None), "");
}

#[test]
fn a_key_is_seen_by_the_steps_that_need_it_alone() {
    let text = made(&[("index.html", "<p>")], &[], Workflows::Deploy);
    assert!(
        !text
            .lines()
            .any(|line| line.contains("run:") && line.contains("${{"))
    );
    assert_eq!(text.matches("secrets.APPWRITE_API_KEY").count(), 2);
    assert_eq!(text.matches("permissions:\n  contents: read").count(), 2);
    assert_eq!(
        text.matches("persist-credentials: false").count(),
        text.matches("uses: actions/checkout@").count()
    );
}
