use serde_json::json;

use super::*;

fn head(version: u32) -> Head {
    Head {
        orchestrator_export: version,
        created_at: "2026-11-30T06:00:00.000+00:00".to_owned(),
        program: "0.1.0".to_owned(),
        project: "p".to_owned(),
    }
}

fn row(table: &str, id: &str, columns: Value) -> SavedRow {
    SavedRow {
        table: table.to_owned(),
        id: id.to_owned(),
        created_at: "2026-11-30T06:00:00.001+00:00".to_owned(),
        updated_at: "2026-11-30T06:00:00.002+00:00".to_owned(),
        permissions: vec!["read(\"user:u\")".to_owned()],
        columns: columns.as_object().unwrap().clone(),
    }
}

fn lines() -> Vec<Line> {
    vec![
        Line::Task(row("tasks", "t1", json!({"name": "Ü\n\u{2028}"}))),
        Line::Row(row(
            "journal",
            "a.t0",
            json!({"outcome": "x".repeat(1_000)}),
        )),
        Line::Row(row("journal", "a.t1", json!({"outcome": null}))),
    ]
}

fn written(version: u32) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), &head(version)).unwrap();
    lines().iter().for_each(|line| writer.add(line).unwrap());
    writer.end().unwrap().0
}

/// What a file holds, or the word for what is wrong with it.
fn read(bytes: &[u8]) -> Result<Vec<Line>, String> {
    let read = || -> anyhow::Result<Vec<Line>> {
        let mut reader = Reader::open(bytes)?;
        assert_eq!(reader.head(), &head(VERSION));
        let mut lines = Vec::new();
        while let Some(line) = reader.next()? {
            lines.push(line);
        }
        assert_eq!(reader.manifest().tasks, 1);
        assert_eq!(reader.manifest().rows["journal"], 2);
        Ok(lines)
    };
    read().map_err(|error| error.downcast::<Trouble>().unwrap().code)
}

fn packed(text: &str) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn what_is_written_is_read_again() {
    assert_eq!(read(&written(VERSION)).unwrap(), lines());
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let bytes = written(VERSION);
    for end in 0..bytes.len() {
        let word = read(&bytes[..end]).unwrap_err();
        assert!(
            ["no_export", "export_damaged"].contains(&word.as_str()),
            "{end}: {word}"
        );
    }
    // Between lines, and compressed as if it were whole.
    let text = unpacked(&bytes);
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    for kept in 1..all.len() {
        assert_eq!(
            read(&packed(&all[..kept].concat())),
            Err("export_damaged".to_owned())
        );
    }
}

#[test]
fn a_file_that_was_altered_is_refused() {
    let text = unpacked(&written(VERSION));
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let without = [&all[..2], &all[3..]].concat().concat();
    let twice = [&all[..2], &all[1..]].concat().concat();
    let swapped = [all[0], all[1], all[3], all[2], all[4]].concat();
    let changed = text.replace("a.t1", "a.t2");
    let more = format!("{text}{}", all[1]);
    for altered in [without, twice, swapped, changed, more] {
        assert_eq!(
            read(&packed(&altered)),
            Err("export_damaged".to_owned()),
            "{altered}"
        );
    }
    let mut flipped = written(VERSION);
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    assert_eq!(read(&flipped), Err("export_damaged".to_owned()));
}

#[test]
fn only_an_export_that_is_known_is_read() {
    assert_eq!(
        read(&written(VERSION + 1)),
        Err("export_too_new".to_owned())
    );
    for other in [
        &b""[..],
        b"{}",
        &packed("{}\n"),
        &packed("no JSON\n"),
        &packed(""),
    ] {
        assert_eq!(read(other), Err("no_export".to_owned()));
    }
}
