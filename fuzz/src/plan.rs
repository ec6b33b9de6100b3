//! The planner's answer.

use arbitrary::{Arbitrary, Unstructured};
use pipeline::brief::ProjectType;
use pipeline::estimate::Rates;
use pipeline::json::from_model;
use pipeline::limits::PLAN_BYTES_MAX;
use pipeline::plan::Plan;
use pipeline::plan_mend::mend;
use pipeline::plan_rules::{Terms, order, violations};
use pipeline::planning::PlanWork;
use pipeline::{Outcome, SafePath, Work};
use serde_json::{Value, json};

/// More than a plan and its repairs take.
const STEPS_MAX: usize = 5;
const TYPES: [ProjectType; 4] = [
    ProjectType::Web,
    ProjectType::Mobile,
    ProjectType::Api,
    ProjectType::Fullstack,
];
/// Words that mean something in a plan, so that rules are reached that look at several parts.
const WORDS: [&str; 32] = [
    "",
    "a",
    "b",
    "shared",
    "A b",
    "a.js",
    "a/",
    "a/b.js",
    "b.js",
    "../x",
    ".",
    "site",
    "site/",
    "index.html",
    "api",
    "api/main.js",
    "main.js",
    "S",
    "XL",
    "static-site",
    "function",
    "types",
    "any",
    "users",
    "private",
    "string",
    "enum",
    "key",
    "unique",
    "title",
    "package.json",
    "\u{202e}x",
];

/// A plan that is read survives being written; one without violations, and every mended one,
/// keeps the rules; and planning ends whatever the planner says.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let project_type = TYPES[usize::from(choice >> 1) % TYPES.len()];
    let said = if choice % 2 == 0 {
        crate::text(rest)
    } else {
        written(&mut Unstructured::new(rest))
            .unwrap_or_default()
            .to_string()
    };
    let terms = Terms {
        project_type,
        assignments_max: 8,
        existing: Vec::new(),
        unshown: vec!["a/secret.bin".to_owned()],
    };
    if let Ok(plan) = from_model::<Plan>(&said) {
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(from_model::<Plan>(&json).as_ref(), Ok(&plan));
        if violations(&plan, &terms).is_empty() {
            sound(&plan);
        } else if let Some(mended) = mend(&plan, &terms) {
            assert!(!mended.changes.is_empty() && violations(&mended.plan, &terms).is_empty());
            sound(&mended.plan);
        }
    }
    ends(&said, project_type);
}

fn sound(plan: &Plan) {
    assert!(json!(plan).to_string().len() <= PLAN_BYTES_MAX);
    assert_eq!(order(&plan.assignments).len(), plan.assignments.len());
    let shared = plan.shared_files.iter().map(|file| file.path.as_str());
    let owned = plan
        .assignments
        .iter()
        .flat_map(|it| &it.owns)
        .map(|path| path.trim_end_matches('/'));
    for path in shared.chain(owned) {
        crate::paths::holds(&SafePath::parse(path).expect("a path of a sound plan"));
    }
}

fn ends(said: &str, project_type: ProjectType) {
    let mut brief = crate::project::brief();
    brief.project_type = project_type;
    let work = Work::Plan(Box::new(PlanWork::first(brief, Rates::default())));
    let outcome = crate::project::outcome(&work, said, STEPS_MAX);
    assert!(matches!(
        outcome,
        Outcome::Planned { .. } | Outcome::Failed(_)
    ));
}

fn word(u: &mut Unstructured<'_>) -> arbitrary::Result<Value> {
    if u.ratio(1, 16)? {
        return Ok(json!(String::arbitrary(u)?));
    }
    Ok(json!(u.choose(&WORDS)?))
}

fn list(
    u: &mut Unstructured<'_>,
    most: usize,
    item: fn(&mut Unstructured<'_>) -> arbitrary::Result<Value>,
) -> arbitrary::Result<Value> {
    let count = u.int_in_range(0..=most)?;
    (0..count)
        .map(|_| item(u))
        .collect::<Result<Vec<_>, _>>()
        .map(Value::Array)
}

fn words(u: &mut Unstructured<'_>) -> arbitrary::Result<Value> {
    list(u, 3, word)
}

fn written(u: &mut Unstructured<'_>) -> arbitrary::Result<Value> {
    Ok(json!({
        "refused": "", "project_name": word(u)?, "summary": word(u)?, "risks": words(u)?,
        "stack": {"language": word(u)?, "framework": word(u)?, "build_command": word(u)?,
            "test_command": word(u)?, "output_dir": word(u)?, "appwrite_kind": word(u)?},
        "shared_files": list(u, 3, |u| Ok(json!({"path": word(u)?, "content": word(u)?})))?,
        "contracts": list(u, 3, |u| Ok(json!({"id": word(u)?, "kind": word(u)?, "definition": word(u)?,
            "provider": word(u)?, "consumers": words(u)?})))?,
        "tables": list(u, 2, table)?,
        "functions": list(u, 2, |u| Ok(json!({"id": word(u)?, "folder": word(u)?, "entrypoint": word(u)?,
            "access": u.choose(&["any", "users"])?})))?,
        "assignments": list(u, 10, assignment)?,
    }))
}

fn assignment(u: &mut Unstructured<'_>) -> arbitrary::Result<Value> {
    Ok(json!({
        "id": word(u)?, "title": word(u)?, "type": word(u)?, "specialization": word(u)?,
        "estimate": word(u)?, "priority": u32::arbitrary(u)?, "objective": word(u)?,
        "depends_on": words(u)?, "owns": words(u)?, "may_read": words(u)?, "contracts": words(u)?,
        "acceptance": list(u, 3, |u| Ok(json!({"id": word(u)?, "check": word(u)?})))?,
        "out_of_scope": words(u)?, "size": word(u)?,
    }))
}

fn table(u: &mut Unstructured<'_>) -> arbitrary::Result<Value> {
    let kinds = [
        "string", "integer", "float", "boolean", "datetime", "enum", "email", "url",
    ];
    let column = |u: &mut Unstructured<'_>| {
        Ok(
            json!({"key": word(u)?, "type": u.choose(&kinds)?, "size": u32::arbitrary(u)?,
            "required": bool::arbitrary(u)?, "array": bool::arbitrary(u)?, "elements": words(u)?}),
        )
    };
    let columns = (0..u.int_in_range(0..=3)?)
        .map(|_| column(u))
        .collect::<Result<Vec<_>, arbitrary::Error>>()?;
    Ok(json!({
        "id": word(u)?, "name": word(u)?, "access": u.choose(&["private", "shared", "public"])?,
        "columns": columns,
        "indexes": list(u, 2, |u| Ok(json!({"key": word(u)?,
            "type": u.choose(&["key", "unique", "fulltext"])?, "columns": words(u)?})))?,
    }))
}
