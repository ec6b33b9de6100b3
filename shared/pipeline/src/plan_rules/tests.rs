use super::*;
use crate::brief::ProjectType;
use crate::plan::{Check, Contract, SharedFile, Stack};

fn assignment(id: &str, owns: &[&str], depends_on: &[&str]) -> Assignment {
    let texts = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
    Assignment {
        id: id.to_owned(),
        title: "T".to_owned(),
        kind: "ui".to_owned(),
        specialization: "s".to_owned(),
        estimate: "5 min".to_owned(),
        priority: 1,
        objective: "O".to_owned(),
        depends_on: texts(depends_on),
        owns: texts(owns),
        may_read: Vec::new(),
        contracts: Vec::new(),
        acceptance: vec![Check {
            id: "c1".to_owned(),
            check: "holds".to_owned(),
        }],
        out_of_scope: Vec::new(),
        size: "S".to_owned(),
    }
}

fn plan(assignments: Vec<Assignment>) -> Plan {
    let stack = Stack {
        language: "js".to_owned(),
        framework: "none".to_owned(),
        build_command: String::new(),
        test_command: String::new(),
        output_dir: ".".to_owned(),
        appwrite_kind: "static-site".to_owned(),
    };
    Plan {
        refused: String::new(),
        project_name: "p".to_owned(),
        summary: "s".to_owned(),
        risks: Vec::new(),
        stack,
        shared_files: Vec::new(),
        contracts: Vec::new(),
        tables: Vec::new(),
        functions: Vec::new(),
        assignments,
    }
}

fn terms() -> Terms {
    Terms {
        project_type: ProjectType::Web,
        assignments_max: 8,
        existing: Vec::new(),
        unshown: Vec::new(),
    }
}

fn check(assignments: Vec<Assignment>, needle: &str) {
    let found = violations(&plan(assignments), &terms());
    assert!(
        found.iter().any(|line| line.contains(needle)),
        "{needle}: {found:#?}"
    );
}

#[test]
fn a_sound_plan_has_no_violation() {
    let sound = plan(vec![
        assignment("ui", &["index.html", "css/"], &[]),
        assignment("docs", &["README.md"], &["ui"]),
    ]);
    assert_eq!(violations(&sound, &terms()), Vec::<String>::new());
}

#[test]
fn each_violation_is_named() {
    check(vec![], "at least one assignment");
    check(vec![assignment("UI", &["a"], &[])], "must match");
    check(
        vec![assignment("a", &["a"], &[]), assignment("a", &["b"], &[])],
        "used twice",
    );
    check(vec![assignment("a", &["a"], &["a"])], "depends on itself");
    check(
        vec![assignment("a", &["a"], &["zz"])],
        "`zz`, which does not exist",
    );
    check(
        vec![
            assignment("a", &["a"], &["b"]),
            assignment("b", &["b"], &["a"]),
        ],
        "cycle",
    );
    check(vec![assignment("a", &[], &[])], "owns no path");
    check(vec![assignment("a", &["../x"], &[])], "segment");
    check(
        vec![assignment("a", &[".github/workflows/x.yml"], &[])],
        "workflows",
    );
    check(
        vec![
            assignment("a", &["src/"], &[]),
            assignment("b", &["src/x.js"], &[]),
        ],
        "overlaps",
    );
    check(
        vec![
            assignment("a", &["Src/X.js"], &[]),
            assignment("b", &["src/x.js"], &[]),
        ],
        "overlaps",
    );
    check(
        vec![
            assignment("a", &["lib"], &[]),
            assignment("b", &["lib/x"], &[]),
        ],
        "overlaps",
    );
    check(
        vec![Assignment {
            acceptance: Vec::new(),
            ..assignment("a", &["a"], &[])
        }],
        "no acceptance",
    );
    check(
        vec![Assignment {
            contracts: vec!["k".to_owned()],
            ..assignment("a", &["a"], &[])
        }],
        "contract `k`",
    );
    check(
        vec![Assignment {
            size: "XL".to_owned(),
            ..assignment("a", &["a"], &[])
        }],
        "must be S, M or L",
    );
    check(
        vec![assignment("a", &["lib", "lib/x"], &[])],
        "`lib` of a overlaps `lib/x` of a",
    );
}

#[test]
fn an_owner_may_list_a_file_of_its_own_folder() {
    let sound = plan(vec![assignment("a", &["lib/", "lib/x"], &[])]);
    assert_eq!(violations(&sound, &terms()), Vec::<String>::new());
}

#[test]
fn a_plan_has_as_many_assignments_as_its_terms_allow() {
    let many = |count: usize| {
        let one = |n| assignment(&format!("a{n}"), &[&format!("f{n}")], &[]);
        plan((0..count).map(one).collect())
    };
    let of = |count, assignments_max| {
        let terms = Terms {
            assignments_max,
            ..terms()
        };
        violations(&many(count), &terms)
    };
    assert_eq!(of(8, 8), Vec::<String>::new());
    assert_eq!(of(64, 64), Vec::<String>::new());
    assert_eq!(
        of(9, 8),
        ["there are 9 assignments, the limit is 8: merge some"]
    );
    assert_eq!(of(65, 64).len(), 1);
}

#[test]
fn what_is_served_must_be_written_by_somebody() {
    let mut served = plan(vec![assignment("a", &["site/", "x"], &[])]);
    for (folder, is_sound) in [
        (".", true),
        ("./", true),
        ("", true),
        ("site", true),
        ("./site/", true),
        ("dist", false),
        ("../site", false),
    ] {
        served.stack.output_dir = folder.to_owned();
        assert_eq!(
            violations(&served, &terms()).is_empty(),
            is_sound,
            "{folder}"
        );
    }
    served.stack.output_dir = "dist".to_owned();
    let existing = vec![SafePath::parse("dist/index.html").unwrap()];
    let there = Terms {
        existing,
        ..terms()
    };
    assert_eq!(violations(&served, &there), Vec::<String>::new());
}

#[test]
fn what_was_shown_to_nobody_is_owned_by_nobody() {
    let terms = Terms {
        unshown: vec!["img/logo.png".to_owned(), "LICENSE".to_owned()],
        ..terms()
    };
    let of = |owns: &str| violations(&plan(vec![assignment("a", &[owns], &[])]), &terms);
    for sound in ["img/", "img/new.svg", "a.js"] {
        assert_eq!(of(sound), Vec::<String>::new(), "{sound}");
    }
    for wrong in [
        "img/logo.png",
        "img/Logo.png",
        "img",
        "Img/",
        "license",
        "LICENSE/x",
    ] {
        assert_eq!(of(wrong).len(), 1, "{wrong}");
    }
}

#[test]
fn what_is_there_can_be_changed_but_not_shadowed() {
    let existing = ["lib/x.js", "App.js"].map(|path| SafePath::parse(path).unwrap());
    let terms = Terms {
        existing: existing.to_vec(),
        ..terms()
    };
    let of = |owns: &str| violations(&plan(vec![assignment("a", &[owns], &[])]), &terms);
    for sound in ["lib/x.js", "lib/", "App.js", "lib/y.js"] {
        assert_eq!(of(sound), Vec::<String>::new(), "{sound}");
    }
    for clash in ["lib", "app.js", "Lib/", "lib/x.js/y"] {
        assert_eq!(of(clash).len(), 1, "{clash}");
    }
}

#[test]
fn all_violations_come_at_once() {
    let mut bad = plan(vec![
        assignment("A", &["../x"], &["zz"]),
        assignment("b", &["c"], &["b"]),
    ]);
    bad.shared_files.push(SharedFile {
        path: "C".to_owned(),
        content: String::new(),
    });
    bad.contracts.push(Contract {
        id: "k".to_owned(),
        kind: "ui".to_owned(),
        definition: "d".to_owned(),
        provider: "nobody".to_owned(),
        consumers: Vec::new(),
    });
    let found = violations(&bad, &terms());
    assert!(found.len() >= 6, "{found:#?}");
}

#[test]
fn order_respects_dependencies_then_priority() {
    let mut items = vec![
        assignment("docs", &["d"], &["ui"]),
        assignment("ui", &["u"], &[]),
        assignment("api", &["a"], &[]),
    ];
    items[1].priority = 2;
    let ids: Vec<&str> = order(&items)
        .into_iter()
        .map(|item| item.id.as_str())
        .collect();
    assert_eq!(ids, ["api", "ui", "docs"]);
}

#[test]
fn cover_is_by_file_or_folder() {
    assert!(covers("src/", "src/a/b"));
    assert!(covers("a.js", "a.js"));
    assert!(!covers("a.js", "a.js.map"));
    assert!(!covers("src", "src/a"));
}
