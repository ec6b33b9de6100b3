//! `web/src/lib/rows.ts`: the rows that the page reads, as TypeScript.
//!
//! Columns are those of `appwrite.json`; what the JSON columns hold are the Rust types that are
//! written into them. A test fails when the file is no more what they say.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use serde_json::Value;
use ts_rs::{Config, TS, TypeVisitor};

use crate::advance::Totals;
use crate::brief::{Brief, FollowUp};
use crate::command::Command;
use crate::estimate::Estimate;
use crate::failure::Failure;
use crate::ledger::Exhausted;
use crate::messages::Level;
use crate::plan::{Assignment, Check, Plan};
use crate::progress::{CommandTold, Told};
use crate::release_record::ReleaseRecord;
use crate::review::{Finding, Findings};
use crate::stage::Status;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/src/lib/rows.ts");
const TABLES: &str = include_str!("../../../appwrite.json");
const HEAD: &str = "/**
 * The rows of a task, from the columns in `appwrite.json` and the Rust types of what they hold.
 * Generated: `cargo test -p pipeline write_the_types_of_the_page -- --ignored` writes it anew.
 */
";

/// The tables whose rows an owner may read.
const READABLE: [&str; 9] = [
    "tasks",
    "briefs",
    "plans",
    "assignments",
    "reviews",
    "releases",
    "deployments",
    "files",
    "progress",
];

/// What text columns hold that are more than text, as TypeScript.
const COLUMNS: [(&str, &str, &str); 15] = [
    ("tasks", "totals", "Totals"),
    ("tasks", "failure", "Failure"),
    ("briefs", "brief", "Brief"),
    ("plans", "brief", "Brief"),
    ("plans", "plan", "{ brief: Brief, plan: Plan }"),
    ("plans", "estimate", "Estimate"),
    ("plans", "edited", "Array<Assignment>"),
    ("plans", "followUp", "FollowUp"),
    ("assignments", "owns", "Array<string>"),
    ("assignments", "acceptance", "Array<Check>"),
    ("assignments", "dependsOn", "Array<string>"),
    ("assignments", "findings", "Array<Finding>"),
    ("reviews", "findings", "Findings"),
    ("deployments", "release", "ReleaseRecord"),
    ("progress", "data", "Told | CommandTold | Exhausted"),
];

/// The declarations of types and of all that they consist of, by name.
struct Declarations {
    config: Config,
    found: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if T::output_path().is_some() {
            let name = T::ident(&self.config);
            let text = declaration::<T>(&self.config);
            if let Some(known) = self.found.insert(name.clone(), text.clone()) {
                assert_eq!(known, text, "two types have the name `{name}`");
                return;
            }
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

/// A declaration with one line for each field, and one for what is said of it.
fn declaration<T: TS + 'static + ?Sized>(config: &Config) -> String {
    let docs = T::docs().unwrap_or_default();
    let text = format!("{docs}export {}", T::decl(config));
    let (mut lines, mut doc) = (String::new(), None::<Vec<&str>>);
    let mut indent = "";
    for line in text.lines() {
        match (line.trim(), &mut doc) {
            ("/**", None) => doc = Some(Vec::new()),
            ("*/", Some(words)) => {
                writeln!(lines, "{indent}/** {} */", words.join(" ")).unwrap();
                doc = None;
            }
            (words, Some(known)) => known.push(words.trim_start_matches("* ")),
            (code, None) => {
                writeln!(lines, "{indent}{code}").unwrap();
                indent = "  ";
            }
        }
    }
    lines
}

fn declarations() -> BTreeMap<String, String> {
    let mut all = Declarations {
        config: Config::new().with_large_int("number"),
        found: BTreeMap::new(),
    };
    all.visit::<(Status, Level, Command)>();
    all.visit::<(Totals, Failure, Brief, Plan, Estimate, FollowUp, Check)>();
    all.visit::<(
        Assignment,
        Finding,
        Findings,
        ReleaseRecord,
        Told,
        CommandTold,
        Exhausted,
    )>();
    all.found
}

/// The columns of one table, with what `of` says of each.
fn columns(table: &str, of: impl Fn(&str, &Value) -> Option<String>) -> String {
    let config: Value = serde_json::from_str(TABLES).unwrap();
    let tables = config["tables"].as_array().unwrap();
    let found = tables.iter().find(|it| it["$id"] == table).unwrap();
    let mut text = String::new();
    for column in found["columns"].as_array().unwrap() {
        let key = column["key"].as_str().unwrap();
        if let Some(kind) = of(key, column) {
            writeln!(text, "    {key}: {kind};").unwrap();
        }
    }
    text
}

fn interface(name: &str, doc: &str, of: impl Fn(&str, &str, &Value) -> Option<String>) -> String {
    let mut text = format!("\n/** {doc} */\nexport interface {name} {{\n");
    for table in READABLE {
        let columns = columns(table, |key, column| of(table, key, column));
        if !columns.is_empty() {
            writeln!(text, "  {table}: {{\n{columns}  }};").unwrap();
        }
    }
    text + "}\n"
}

fn page_types() -> String {
    let cells = interface(
        "Columns",
        "The columns of each table, as they are sent. A column that is not required may be null.",
        |_, _, column| {
            let kind = match column["type"].as_str().unwrap() {
                "integer" => "number",
                "boolean" => "boolean",
                "string" | "datetime" => "string",
                other => panic!("columns of type `{other}` are new here"),
            };
            let null = if column["required"] == true {
                ""
            } else {
                " | null"
            };
            Some(format!("{kind}{null}"))
        },
    );
    let held = interface(
        "JsonColumns",
        "What the columns hold that are JSON.",
        |table, key, _| {
            let is_it = |it: &&(&str, &str, &str)| (it.0, it.1) == (table, key);
            COLUMNS.iter().find(is_it).map(|it| it.2.to_owned())
        },
    );
    let types: String = declarations()
        .into_values()
        .map(|it| format!("\n{it}"))
        .collect();
    format!("{HEAD}{cells}{held}{types}")
}

#[test]
fn the_page_has_the_types_of_the_rows() {
    let committed = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        committed == page_types(),
        "web/src/lib/rows.ts is not what the Rust types and appwrite.json say. Write it anew with \
         `cargo test -p pipeline write_the_types_of_the_page -- --ignored`, then see to what \
         `npm run check` says in web/."
    );
}

#[test]
fn every_json_column_is_a_column() {
    let count = |(table, key): (&str, &str)| {
        let columns = columns(table, |known, _| (known == key).then(String::new));
        columns.lines().count()
    };
    for (table, key, _) in COLUMNS {
        assert_eq!(count((table, key)), 1, "{table}.{key}");
    }
}

#[test]
#[ignore = "writes into the working tree"]
fn write_the_types_of_the_page() {
    fs::write(PAGE, page_types()).unwrap();
}
