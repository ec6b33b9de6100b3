//! Archives of deployments.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use flate2::Compression;
use flate2::write::GzEncoder;
use local::sites::archive::{UNPACKED_BYTES_MAX, unpack};
use tar::{Builder, Header};

/// Nothing leaves the folder, only files and folders are made, and what was packed is unpacked.
/// The first byte of the input says whether it is compressed, a tar, or what goes into one.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("in");
    fs::create_dir(&folder).expect("a folder");
    match choice % 3 {
        0 => drop(unpack(rest, &folder)),
        1 => drop(unpack(compressed(rest).as_slice(), &folder)),
        _ => packed(rest, &folder),
    }
    let beside = fs::read_dir(around.path()).expect("a folder").count();
    assert_eq!(beside, 1, "something was written outside");
    assert!(only_files(&folder) <= UNPACKED_BYTES_MAX);
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("memory")
}

fn packed(data: &[u8], folder: &Path) {
    let mut u = Unstructured::new(data);
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for number in 0..4 {
        let Ok((name, content)) = <(String, Vec<u8>)>::arbitrary(&mut u) else {
            break;
        };
        // A name that no other is a part of.
        let letters = name
            .chars()
            .filter(|letter| letter.is_alphanumeric())
            .take(40);
        let name = format!("{number}/{}", letters.collect::<String>() + "_");
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, &name, content.as_slice())
            .expect("memory");
        files.push((name, content));
    }
    let bytes = builder
        .into_inner()
        .and_then(GzEncoder::finish)
        .expect("memory");
    unpack(bytes.as_slice(), folder).expect("what was packed is unpacked");
    for (name, content) in files {
        assert_eq!(fs::read(folder.join(name)).expect("a file"), content);
    }
}

/// The bytes of all files below a folder, where nothing else is.
fn only_files(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("its kind");
        assert!(kind.is_dir() || kind.is_file());
        bytes += if kind.is_dir() {
            only_files(&entry.path())
        } else {
            entry.metadata().expect("its size").len()
        };
    }
    bytes
}
