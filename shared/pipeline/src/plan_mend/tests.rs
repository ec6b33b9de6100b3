use super::*;
use crate::brief::ProjectType;
use crate::plan::{Assignment, Check, Contract, Stack};

/// `SplitMix64`: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn some(&mut self, of: &[&str], max: usize) -> Vec<String> {
        let count = self.below(max + 1);
        (0..count)
            .map(|_| of[self.below(of.len())].to_owned())
            .collect()
    }

    fn one(&mut self, of: &[&str]) -> String {
        of[self.below(of.len())].to_owned()
    }
}

const IDS: [&str; 9] = [
    "ui", "UI", "api", "docs", "", "shared", "My Part", "data", "日本",
];
const PATHS: [&str; 14] = [
    "a.js",
    "A.js",
    "src/",
    "src/x.js",
    "lib",
    "lib/y",
    "../z",
    "/b.js",
    "./c.js",
    "README.md",
    "css/",
    "css/a/",
    ".git/config",
    "old/app.js",
];
const WORDS: [&str; 4] = ["words", "", " ", "more words"];

fn assignment(dice: &mut Dice) -> Assignment {
    let checks = dice.below(4);
    Assignment {
        id: dice.one(&IDS),
        title: dice.one(&WORDS),
        kind: dice.one(&WORDS),
        specialization: dice.one(&WORDS),
        estimate: dice.one(&WORDS),
        priority: 1,
        objective: dice.one(&WORDS),
        depends_on: dice.some(&IDS, 3),
        owns: dice.some(&PATHS, 4),
        may_read: Vec::new(),
        contracts: dice.some(&["k1", "k2", "", "gone"], 2),
        acceptance: (0..checks)
            .map(|_| Check {
                id: dice.one(&["c1", "c2", ""]),
                check: dice.one(&WORDS),
            })
            .collect(),
        out_of_scope: Vec::new(),
        size: dice.one(&["S", "M", "L", "XL"]),
    }
}

fn plan(dice: &mut Dice) -> Plan {
    let (files, contracts, assignments) = (dice.below(4), dice.below(4), 1 + dice.below(14));
    Plan {
        refused: String::new(),
        project_name: "p".to_owned(),
        summary: dice.one(&WORDS),
        risks: Vec::new(),
        stack: Stack {
            language: "js".to_owned(),
            framework: "none".to_owned(),
            build_command: String::new(),
            test_command: String::new(),
            output_dir: dice.one(&[".", "dist", "src", "../x"]),
            appwrite_kind: "static-site".to_owned(),
        },
        shared_files: (0..files)
            .map(|_| SharedFile {
                path: dice.one(&PATHS),
                content: "x".to_owned(),
            })
            .collect(),
        contracts: (0..contracts)
            .map(|_| Contract {
                id: dice.one(&["k1", "k2", ""]),
                kind: "ui".to_owned(),
                definition: dice.one(&WORDS),
                provider: dice.one(&IDS),
                consumers: dice.some(&IDS, 3),
            })
            .collect(),
        tables: Vec::new(),
        functions: Vec::new(),
        assignments: (0..assignments).map(|_| assignment(dice)).collect(),
    }
}

fn terms() -> Terms {
    Terms {
        project_type: ProjectType::Web,
        assignments_max: 8,
        existing: vec![SafePath::parse("old/App.js").unwrap()],
        unshown: vec!["old/logo.png".to_owned(), "x/y.bin".to_owned()],
    }
}

#[test]
fn what_is_mended_keeps_every_rule_and_what_can_not_be_is_left() {
    let (mut mended_count, mut hopeless) = (0, 0);
    for seed in 0..3_000 {
        let broken = plan(&mut Dice(seed));
        if violations(&broken, &terms()).is_empty() {
            continue;
        }
        match mend(&broken, &terms()) {
            Some(mended) => {
                assert_eq!(
                    violations(&mended.plan, &terms()),
                    Vec::<String>::new(),
                    "{seed}"
                );
                assert!(!mended.changes.is_empty(), "{seed}");
                assert_eq!(mend(&broken, &terms()), Some(mended), "{seed}");
                mended_count += 1;
            }
            None => hopeless += 1,
        }
    }
    // Without an owned path that can be written there is nothing to mend.
    assert!(hopeless < mended_count / 20, "{hopeless} of {mended_count}");
}

#[test]
fn nothing_that_can_be_written_is_lost() {
    for seed in 0..1_000 {
        let broken = plan(&mut Dice(seed));
        let Some(Mended { plan, .. }) = mend(&broken, &terms()) else {
            continue;
        };
        let owned = |path: &str| {
            let mut all = plan.assignments.iter().flat_map(|item| &item.owns);
            all.any(|own| overlap(&own.to_lowercase(), &path.to_lowercase()))
        };
        for path in broken.assignments.iter().flat_map(|item| &item.owns) {
            let is_good = SafePath::parse(path.trim_end_matches('/')).is_ok();
            if is_good && clash(path, &terms().existing).is_none() {
                assert!(owned(path), "{path} of seed {seed}");
            }
        }
    }
}

fn sound(ids: &[(&str, &str, &[&str])]) -> Plan {
    let mut dice = Dice(1);
    let one = |(id, owns, depends_on): &(&str, &str, &[&str])| Assignment {
        id: (*id).to_owned(),
        title: format!("Part {id}"),
        kind: "ui".to_owned(),
        specialization: "web".to_owned(),
        estimate: "5 min".to_owned(),
        objective: format!("Write {owns}."),
        depends_on: depends_on.iter().map(|id| (*id).to_owned()).collect(),
        owns: vec![(*owns).to_owned()],
        contracts: Vec::new(),
        acceptance: vec![Check {
            id: "c1".to_owned(),
            check: format!("{owns} is there"),
        }],
        size: "S".to_owned(),
        ..assignment(&mut Dice(1))
    };
    Plan {
        summary: "s".to_owned(),
        shared_files: Vec::new(),
        contracts: Vec::new(),
        assignments: ids.iter().map(one).collect(),
        stack: Stack {
            output_dir: ".".to_owned(),
            ..plan(&mut dice).stack
        },
        ..plan(&mut dice)
    }
}

fn mended(ids: &[(&str, &str, &[&str])]) -> Mended {
    mend(&sound(ids), &terms()).unwrap()
}

#[test]
fn a_cycle_is_cut_where_the_plan_begins() {
    let Mended { plan, changes } = mended(&[
        ("a", "a.js", &["c"]),
        ("b", "b.js", &["a"]),
        ("c", "c.js", &["b"]),
        ("d", "d.js", &["c"]),
    ]);
    assert_eq!(changes, ["`a` no longer waits for `c`, which waits for it"]);
    let waits: Vec<usize> = plan
        .assignments
        .iter()
        .map(|item| item.depends_on.len())
        .collect();
    assert_eq!(waits, [0, 1, 1, 1]);
}

#[test]
fn assignments_that_own_the_same_become_one() {
    let Mended { plan, changes } = mended(&[
        ("ui", "src/", &[]),
        ("css", "src/a.css", &["ui"]),
        ("docs", "README.md", &["css"]),
    ]);
    assert_eq!(changes, ["`ui` and `css` own the same and became one"]);
    let [both, docs] = plan.assignments.as_slice() else {
        panic!("{plan:?}");
    };
    assert_eq!((both.id.as_str(), both.size.as_str()), ("ui", "M"));
    assert_eq!(both.depends_on, Vec::<String>::new());
    assert_eq!(both.owns, ["src/", "src/a.css"]);
    let checks: Vec<&str> = both
        .acceptance
        .iter()
        .map(|check| check.id.as_str())
        .collect();
    assert_eq!(checks, ["c1", "c1-2"]);
    assert_eq!(docs.depends_on, ["ui"]);
}

#[test]
fn too_many_assignments_become_few_enough() {
    let ids: Vec<String> = (0..11).map(|number| format!("a{number}")).collect();
    let parts: Vec<(&str, &str, &[&str])> = ids
        .iter()
        .map(|id| (id.as_str(), id.as_str(), &[] as &[&str]))
        .collect();
    let Mended { plan, changes } = mended(&parts);
    assert_eq!((plan.assignments.len(), changes.len()), (8, 3));
}

#[test]
fn a_plan_that_nobody_can_carry_out_is_left() {
    assert_eq!(mend(&sound(&[("a", "../x", &[])]), &terms()), None);
    assert_eq!(mend(&sound(&[]), &terms()), None);
}
