use super::*;

fn column(key: &str, kind: ColumnKind) -> Column {
    Column {
        key: key.to_owned(),
        kind,
        size: if kind == ColumnKind::String { 100 } else { 0 },
        required: false,
        array: false,
        elements: match kind {
            ColumnKind::Enum => vec!["low".to_owned(), "high".to_owned()],
            ColumnKind::String
            | ColumnKind::Integer
            | ColumnKind::Float
            | ColumnKind::Boolean
            | ColumnKind::Datetime
            | ColumnKind::Email
            | ColumnKind::Url => Vec::new(),
        },
    }
}

fn index(key: &str, kind: IndexKind, columns: &[&str]) -> Index {
    Index {
        key: key.to_owned(),
        kind,
        columns: columns.iter().map(|it| (*it).to_owned()).collect(),
    }
}

fn items() -> Table {
    Table {
        id: "items".to_owned(),
        name: "Items".to_owned(),
        access: Access::Private,
        columns: vec![
            Column {
                required: true,
                ..column("title", ColumnKind::String)
            },
            column("done", ColumnKind::Boolean),
            column("priority", ColumnKind::Enum),
        ],
        indexes: vec![index("by_done", IndexKind::Key, &["done"])],
    }
}

/// What is there once `table` was made.
fn live(table: &Table) -> LiveTable {
    let column = |column: &Column| LiveColumn {
        key: column.key.clone(),
        kind: Some(column.kind),
        size: column.size,
        required: column.required,
        array: column.array,
        elements: column.elements.clone(),
    };
    let index = |index: &Index| LiveIndex {
        key: index.key.clone(),
        kind: index.kind.as_str().to_owned(),
        columns: index.columns.clone(),
    };
    let mut permissions = table.access.permissions().to_vec();
    permissions.reverse();
    LiveTable {
        id: table.id.clone(),
        name: table.name.clone(),
        permissions: permissions.into_iter().map(str::to_owned).collect(),
        row_security: table.access.row_security(),
        columns: table.columns.iter().map(column).collect(),
        indexes: table.indexes.iter().map(index).collect(),
    }
}

/// What is there after `changes`, as a server would have it.
fn apply(mut tables: Vec<LiveTable>, changes: &[Change]) -> Vec<LiveTable> {
    fn of<'a>(tables: &'a mut [LiveTable], id: &str) -> &'a mut LiveTable {
        tables.iter_mut().find(|it| it.id == id).unwrap()
    }
    for change in changes {
        match change {
            Change::CreateTable(table) => tables.push(LiveTable {
                indexes: Vec::new(),
                ..live(table)
            }),
            Change::UpdateTable(table) => {
                let fresh = live(table);
                let there = of(&mut tables, &table.id);
                (there.name, there.permissions) = (fresh.name, fresh.permissions);
                there.row_security = fresh.row_security;
            }
            Change::DropIndex { table, index } => {
                of(&mut tables, table).indexes.retain(|it| it.key != *index);
            }
            Change::DropColumn(Replaced { table, column }) => {
                let there = of(&mut tables, table);
                assert!(
                    !there.indexes.iter().any(|it| it.columns.contains(column)),
                    "an index stands on it"
                );
                there.columns.retain(|it| it.key != *column);
            }
            Change::CreateColumn { table, column } | Change::WidenColumn { table, column } => {
                let mut wide = items();
                wide.columns = vec![column.clone()];
                let there = of(&mut tables, table);
                there.columns.retain(|it| it.key != column.key);
                there.columns.extend(live(&wide).columns);
            }
            Change::CreateIndex { table, index } => {
                let mut with = items();
                with.indexes = vec![index.clone()];
                let there = of(&mut tables, table);
                let known = |key: &String| there.columns.iter().any(|it| it.key == *key);
                assert!(index.columns.iter().all(known), "its columns are not there");
                there.indexes.extend(live(&with).indexes);
            }
        }
    }
    tables
}

#[test]
fn sound_tables_pass() {
    assert_eq!(violations(&[items()]), Vec::<String>::new());
}

#[test]
fn every_rule_of_tables_is_told() {
    type Breaks<'a> = &'a dyn Fn(&mut Table);
    let broken = |change: Breaks<'_>| {
        let mut table = items();
        change(&mut table);
        violations(&[table])
    };
    let cases: [(&str, Breaks<'_>); 14] = [
        ("table id `Items`", &|it| it.id = "Items".to_owned()),
        ("name of table", &|it| it.name = " ".to_owned()),
        ("has 0 columns", &|it| {
            it.columns.clear();
            it.indexes.clear();
        }),
        ("column `$id`", &|it| it.columns[0].key = "$id".to_owned()),
        ("is there twice", &|it| {
            it.columns[1].key = "title".to_owned()
        }),
        ("must have a size", &|it| it.columns[0].size = 0),
        ("must have a size", &|it| {
            it.columns[0].size = STRING_SIZE_MAX + 1
        }),
        ("only a string has", &|it| it.columns[1].size = 1),
        ("1 to 50 elements", &|it| it.columns[2].elements.clear()),
        ("only an enum has", &|it| {
            it.columns[1].elements.push("x".to_owned());
        }),
        ("must name columns", &|it| {
            it.indexes[0].columns.push("gone".to_owned());
        }),
        ("only strings can have", &|it| {
            it.indexes[0].kind = IndexKind::Fulltext;
        }),
        ("more than 190 characters", &|it| {
            it.columns[0].size = INDEXED_CHARS_MAX + 1;
            it.indexes[0].columns = vec!["title".to_owned()];
        }),
        ("must not have a list", &|it| it.columns[1].array = true),
    ];
    for (wanted, change) in cases {
        let found = broken(change);
        assert!(
            found.iter().any(|it| it.contains(wanted)),
            "{wanted}: {found:?}"
        );
    }
    assert!(violations(&[items(), items()])[0].contains("used twice"));
    assert!(!violations(&vec![items(); TABLES_MAX + 1]).is_empty());
}

#[test]
fn sizes_beyond_any_limit_are_told_like_others() {
    let mut table = items();
    table.columns[0].size = u32::MAX;
    table.columns[1].size = u32::MAX;
    table.indexes[0].columns = vec!["title".to_owned(), "done".to_owned()];
    let found = violations(&[table]);
    for wanted in ["characters together, the limit", "more than 190 characters"] {
        assert!(
            found.iter().any(|it| it.contains(wanted)),
            "{wanted}: {found:?}"
        );
    }
}

#[test]
fn what_is_there_already_is_not_made_again() {
    assert_eq!(
        migration(&[live(&items())], &[items()], &[]),
        Ok(Vec::new())
    );
}

#[test]
fn after_a_migration_nothing_is_left_to_do() {
    let mut wider = items();
    wider.access = Access::Shared;
    wider.columns[0].size = 500;
    wider.columns[2].elements.push("urgent".to_owned());
    wider.columns.push(column("due", ColumnKind::Datetime));
    wider.indexes[0].columns.push("due".to_owned());
    wider
        .indexes
        .push(index("words", IndexKind::Fulltext, &["title"]));
    let mut other = items();
    other.id = "lists".to_owned();
    let wanted = [wider, other];
    for before in [Vec::new(), vec![live(&items())]] {
        let changes = migration(&before, &wanted, &[]).unwrap();
        // Whoever stops in the middle and begins again ends up the same.
        for done in 0..=changes.len() {
            let part = apply(before.clone(), &changes[..done]);
            let rest = migration(&part, &wanted, &[]).unwrap();
            let after = apply(part, &rest);
            assert_eq!(migration(&after, &wanted, &[]), Ok(Vec::new()), "{done}");
        }
    }
}

#[test]
fn what_the_plan_has_no_more_stays_and_is_required_no_more() {
    let mut smaller = items();
    smaller.columns.remove(0);
    let changes = migration(
        &[
            live(&items()),
            live(&Table {
                id: "old".into(),
                ..items()
            }),
        ],
        &[smaller],
        &[],
    );
    let changes = changes.unwrap();
    let [Change::WidenColumn { table, column }] = &changes[..] else {
        panic!("{changes:?}");
    };
    assert_eq!(
        (&**table, &*column.key, column.required),
        ("items", "title", false)
    );
}

#[test]
fn a_column_narrows_never() {
    let mut narrow = items();
    narrow.columns[0].size = 10;
    narrow.columns[2].elements.remove(0);
    assert_eq!(migration(&[live(&items())], &[narrow], &[]), Ok(Vec::new()));
    let mut required = items();
    required.columns[1].required = true;
    assert_eq!(
        migration(&[live(&items())], &[required], &[]),
        Ok(Vec::new())
    );
}

#[test]
fn a_column_is_replaced_only_with_the_owners_word() {
    let mut other = items();
    other.columns[1] = column("done", ColumnKind::Datetime);
    let replaced_ = vec![Replaced {
        table: "items".to_owned(),
        column: "done".to_owned(),
    }];
    assert_eq!(replaced(&[items()], &[other.clone()]), replaced_);
    let before = [live(&items())];
    assert_eq!(
        migration(&before, &[other.clone()], &[]),
        Err(replaced_.clone())
    );
    let changes = migration(&before, &[other.clone()], &replaced_).unwrap();
    let words: Vec<String> = changes.iter().map(describe).collect();
    assert_eq!(
        words,
        [
            "took index `by_done` from `items`",
            "took column `done` from `items`",
            "gave `items` column `done`",
            "gave `items` index `by_done`",
        ]
    );
    let after = apply(before.to_vec(), &changes);
    assert_eq!(migration(&after, &[other], &[]), Ok(Vec::new()));
}
