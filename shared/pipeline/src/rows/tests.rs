use super::*;
use crate::advance::{Base, Since};
use crate::brief::FollowUp;
use crate::command::Command;
use crate::facts::{Facts, Wanted};
use crate::limits::SUM_MAX;

fn stamp() -> TaskStamp {
    TaskStamp {
        rev: 3,
        updated_at: "2026-01-01T00:00:00.000+00:00".to_owned(),
        position: None,
    }
}

fn project() -> Project {
    let word = |text: &str| text.to_owned();
    Project {
        name: word("n"),
        description: word("d"),
        public: false,
        output_dir: word("."),
        commit_message: word("m"),
        released_before: false,
        ..Project::default()
    }
}

fn follow_up() -> FollowUp {
    FollowUp {
        description: "more".to_owned(),
        requirements: vec!["Search".to_owned()],
    }
}

fn another(wish: Wish) -> (UnitKind, UnitInput) {
    let base = Some(Base { from: 1, before: 3 });
    let another = Another {
        of_generation: 2,
        wish,
        base,
    };
    (UnitKind::Plan, UnitInput::Another(Box::new(another)))
}

#[test]
fn what_is_wanted_of_a_plan_reads_back_as_it_was_written() {
    for wish in [
        Wish::Revise("less".to_owned()),
        Wish::Edit(Vec::new()),
        Wish::FollowUp(follow_up()),
    ] {
        let (kind, input) = another(wish);
        let key = UnitKey {
            task: TaskId::of_request("o", "r"),
            kind,
            generation: 3,
            round: 1,
            name: String::new(),
        };
        let new = NewUnit {
            key: key.clone(),
            plan_generation: 3,
            input: input.clone(),
        };
        let row = unit(&new, "o", &stamp());
        let Value::Object(data) = row.data else {
            panic!("an object")
        };
        let read = UnitRow::parse(kind, &row.id, data).unwrap();
        let (earlier, read) = read.another().unwrap().unwrap();
        assert_eq!(
            earlier,
            UnitKey {
                generation: 2,
                ..key
            }
        );
        assert_eq!(UnitInput::Another(Box::new(read)), input);
    }
}

#[test]
fn a_units_row_reads_back_as_its_key() {
    let key = UnitKey {
        task: TaskId::of_request("o", "r"),
        kind: UnitKind::Release,
        generation: 1,
        round: 2,
        name: String::new(),
    };
    let row = unit(
        &NewUnit {
            key: key.clone(),
            plan_generation: 1,
            input: UnitInput::Release {
                manifest: "hash".to_owned(),
                project: Box::new(project()),
                gate: "gate".to_owned(),
                since: Some(Since {
                    commit: "c".to_owned(),
                    from: 1,
                    before: Some(2),
                    round: 1,
                    deploys_otherwise: true,
                }),
            },
        },
        "o",
        &stamp(),
    );
    let Value::Object(data) = row.data else {
        panic!("an object")
    };
    let read = UnitRow::parse(UnitKind::Release, &row.id, data.clone()).unwrap();
    assert_eq!(
        (
            read.key.clone(),
            read.owner.as_str(),
            read.text("manifestHash")
        ),
        (key, "o", "hash")
    );
    assert!(UnitRow::parse(UnitKind::Release, "l222", data.clone()).is_err());
    assert!(UnitRow::parse(UnitKind::Deployment, &row.id, data).is_err());
}

#[test]
fn a_files_row_reads_back_as_its_version() {
    let key = UnitKey {
        task: TaskId::of_request("o", "r"),
        kind: UnitKind::Assignment,
        generation: 1,
        round: 2,
        name: "ui".to_owned(),
    };
    let put_back = UnitKey {
        kind: UnitKind::Review,
        ..key.clone()
    };
    for content in [Some("text\n".to_owned()), Some(String::new()), None] {
        let version = FileVersion {
            path: SafePath::parse("a/b").unwrap(),
            content,
            assignment: "ui".to_owned(),
            round: 2,
        };
        let row = file(&key, "o", &version);
        // A review that puts the file back writes beside the agent of its round.
        let beside = file(&put_back, "o", &version);
        assert_ne!(row.id, beside.id);
        assert!(is_put_back_by(&put_back, &beside.id, &version));
        assert!(!is_put_back_by(&put_back, &row.id, &version));
        assert!(!is_put_back_by(&key, &row.id, &version));
        let Value::Object(mut data) = row.data else {
            panic!("an object")
        };
        assert_eq!(read_file(&data), Ok(version.clone()));
        data.insert("content".to_owned(), json!("tampered"));
        assert_eq!(read_file(&data).is_err(), version.content.is_some());
    }
}

#[test]
fn every_row_fits_the_tables() {
    let config: Value = serde_json::from_str(include_str!("../../../../appwrite.json")).unwrap();
    let chosen = |table: &str, is_chosen: fn(&Value) -> bool| -> Vec<String> {
        let tables = config["tables"].as_array().unwrap();
        let table = tables.iter().find(|entry| entry["$id"] == table).unwrap();
        let columns = table["columns"].as_array().unwrap().iter();
        let chosen = columns.filter(|column| is_chosen(column));
        chosen
            .map(|column| column["key"].as_str().unwrap().to_owned())
            .collect()
    };
    let columns = |table| chosen(table, |_| true);
    let required = |table| chosen(table, |column| column["required"] == true);
    let task_id = TaskId::of_request("o", "r");
    let accepted = Brief::parse(include_bytes!("../../../../examples/todo.json"))
        .unwrap()
        .brief;
    let key = UnitKey {
        task: task_id.clone(),
        kind: UnitKind::Plan,
        generation: 1,
        round: 1,
        name: String::new(),
    };
    let version = FileVersion {
        path: SafePath::parse("a").unwrap(),
        content: None,
        assignment: "ui".to_owned(),
        round: 1,
    };
    let recorded = Recorded {
        fingerprint: "f".to_owned(),
        entry: crate::effect::Entry::Activated {
            log: String::new(),
            deployment: None,
        },
    };
    let assignment: Assignment = serde_json::from_value(json!({
        "id": "a", "title": "t", "type": "ui", "specialization": "web", "estimate": "5 min",
        "priority": 1, "objective": "o", "depends_on": [], "owns": ["a.js"], "may_read": [],
        "contracts": [], "acceptance": [], "out_of_scope": [], "size": "S",
    }))
    .unwrap();
    let manifest = "hash".to_owned();
    let wanted = Wanted {
        repository: "a/b".to_owned(),
        branch: Some("main".to_owned()),
    };
    let mut of_existing = accepted.clone();
    of_existing.options.repository = Some("a/b".to_owned());
    let facts = Facts::of_brief(task_id.clone(), "o".to_owned(), &of_existing.options);
    let inputs = [
        (UnitKind::Import, UnitInput::Import(wanted)),
        (UnitKind::Plan, UnitInput::Plan(Some(Base::IMPORTED))),
        another(Wish::Revise("less".to_owned())),
        another(Wish::Edit(vec![assignment.clone()])),
        another(Wish::FollowUp(follow_up())),
        (
            UnitKind::Assignment,
            UnitInput::Assignment(Box::new(assignment), Vec::new(), "log".to_owned()),
        ),
        (UnitKind::Review, UnitInput::Review { rounds_max: 3 }),
        (
            UnitKind::Release,
            UnitInput::Release {
                manifest: manifest.clone(),
                project: Box::new(project()),
                gate: "gate".to_owned(),
                since: Some(Since {
                    commit: "c".to_owned(),
                    from: 1,
                    before: Some(2),
                    round: 1,
                    deploys_otherwise: true,
                }),
            },
        ),
        (
            UnitKind::Deployment,
            UnitInput::Deployment {
                manifest,
                project: Box::new(project()),
                owners: Vec::new(),
                repairs: 1,
                goal: Box::new(crate::deployment::Goal::Preview),
            },
        ),
    ];
    let units = inputs.map(|(kind, input)| {
        let key = UnitKey {
            kind,
            ..key.clone()
        };
        let new = NewUnit {
            key,
            plan_generation: 1,
            input,
        };
        unit(&new, "o", &stamp())
    });
    let rows = [
        brief(&task_id, "o", &accepted),
        task(&task_id, "o", &accepted, "2026-01-01T00:00:00.000+00:00"),
        file(&key, "o", &version),
        entry(&task_id, &key.id(), "p0", &recorded),
        command(&task_id, 1, &Command::Cancel {}),
        command_line(&task_id, "o", 1, &Command::Cancel {}),
        gate(&task_id, "gate", true),
        repository(&facts).unwrap(),
    ];
    for row in rows.into_iter().chain(units) {
        let known = columns(row.table);
        for column in row.data.as_object().unwrap().keys() {
            assert!(known.contains(column), "{}.{column}", row.table);
        }
        for column in required(row.table) {
            assert!(!row.data[&column].is_null(), "{}.{column}", row.table);
        }
        assert!(row.id.len() <= 36);
    }
}

#[test]
fn columns_hold_every_sum() {
    let config: Value = serde_json::from_str(include_str!("../../../../appwrite.json")).unwrap();
    let mut sums = 0;
    for table in config["tables"].as_array().unwrap() {
        for column in table["columns"].as_array().unwrap() {
            let key = column["key"].as_str().unwrap();
            if key.ends_with("Tokens") || key.to_lowercase().ends_with("microusd") {
                assert_eq!(column["max"], SUM_MAX, "{}.{key}", table["$id"]);
                sums += 1;
            }
        }
    }
    assert_eq!(sums, 6);
}
