//! The file of an export: lines of JSON, compressed with gzip.
//!
//! The first line says what it is, in which version. Then each task: its own row, then its other
//! rows. The last line counts them and holds the SHA-256 of all lines before it, so that a file
//! that was cut off or altered is found out. Both sides hold one line at a time.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use anyhow::Context;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::trouble::Trouble;

/// The version of the format that is written, and the newest that is read.
pub(crate) const VERSION: u32 = 1;
/// Bytes of one line: a row of 1 MB, every byte of it escaped.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head {
    /// [`VERSION`].
    pub(crate) orchestrator_export: u32,
    /// When it was begun.
    pub(crate) created_at: String,
    /// The version of the program that wrote it.
    pub(crate) program: String,
    /// The project that the tasks are of.
    pub(crate) project: String,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SavedRow {
    pub(crate) table: String,
    pub(crate) id: String,
    /// As Appwrite writes it: commits and quotas are computed from it.
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) columns: Map<String, Value>,
}

/// The last line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Tasks.
    pub(crate) tasks: u64,
    /// Rows of each table.
    pub(crate) rows: BTreeMap<String, u64>,
    /// SHA-256 of the lines before, with their ends, in hexadecimal.
    pub(crate) sha256: String,
}

impl Manifest {
    fn count(&mut self, line: &Line) {
        let row = match line {
            Line::Task(row) => {
                self.tasks += 1;
                row
            }
            Line::Row(row) => row,
            Line::End(_) => return,
        };
        *self.rows.entry(row.table.clone()).or_default() += 1;
    }
}

/// A line after the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Line {
    /// A task begins: its row in `tasks`.
    Task(SavedRow),
    /// A row of the task that began last.
    Row(SavedRow),
    /// The end.
    End(Manifest),
}

/// Writes an export.
pub(crate) struct Writer<W: Write> {
    out: GzEncoder<BufWriter<W>>,
    hash: Sha256,
    manifest: Manifest,
}

impl<W: Write> Writer<W> {
    /// Begins with the first line.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn begin(out: W, head: &Head) -> anyhow::Result<Self> {
        let mut writer = Self {
            out: GzEncoder::new(BufWriter::new(out), Compression::default()),
            hash: Sha256::new(),
            manifest: Manifest::default(),
        };
        writer.write(head)?;
        Ok(writer)
    }

    /// Adds a task or a row.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn add(&mut self, line: &Line) -> anyhow::Result<()> {
        self.manifest.count(line);
        self.write(line)
    }

    /// What was added.
    pub(crate) fn so_far(&self) -> &Manifest {
        &self.manifest
    }

    /// Adds the last line, and gives back what was written into.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn end(mut self) -> anyhow::Result<(W, Manifest)> {
        self.manifest.sha256 = hex(self.hash.clone());
        let manifest = self.manifest.clone();
        self.write(&Line::End(manifest.clone()))?;
        let buffer = self.out.finish().context(WRITING)?;
        let out = buffer
            .into_inner()
            .map_err(|error| error.into_error())
            .context(WRITING)?;
        Ok((out, manifest))
    }

    fn write(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.hash.update(&bytes);
        self.out.write_all(&bytes).context(WRITING)
    }
}

const WRITING: &str = "could not write the export";

/// Reads an export, and checks it while it does.
pub(crate) struct Reader<R: Read> {
    lines: BufReader<GzDecoder<BufReader<R>>>,
    hash: Sha256,
    seen: Manifest,
    head: Head,
    has_ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// `no_export`, `export_too_new`, or what [`Reader::next`] says.
    pub(crate) fn open(input: R) -> anyhow::Result<Self> {
        let no_export = || Trouble::refused("no_export", "This is no export of orchestrator.");
        let mut reader = Self {
            lines: BufReader::new(GzDecoder::new(BufReader::new(input))),
            hash: Sha256::new(),
            seen: Manifest::default(),
            has_ended: false,
            head: Head {
                orchestrator_export: 0,
                created_at: String::new(),
                program: String::new(),
                project: String::new(),
            },
        };
        let line = reader.line().map_err(|_| no_export())?;
        // Of a newer one no more than the number is known.
        let version = serde_json::from_slice::<Value>(&line).ok();
        let version = version.and_then(|head| head["orchestratorExport"].as_u64());
        match version {
            None | Some(0) => return Err(no_export().into()),
            Some(version) if version > u64::from(VERSION) => {
                let message = format!(
                    "This is an export of version {version}, and this program reads up to {VERSION}. Import it with a newer one."
                );
                return Err(Trouble::refused("export_too_new", message).into());
            }
            Some(_) => {}
        }
        reader.head = serde_json::from_slice(&line).map_err(|_| no_export())?;
        Ok(reader)
    }

    /// The first line.
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// The next task or row; `None` after the last line, if the file is whole.
    ///
    /// # Errors
    /// `export_damaged`: it is cut off, or not what was written.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Line>> {
        if self.has_ended {
            return Ok(None);
        }
        let before = self.hash.clone();
        let line = self.line()?;
        let line: Line = serde_json::from_slice(&line)
            .map_err(|_| damaged("holds a line that can not be read"))?;
        self.seen.count(&line);
        let Line::End(manifest) = line else {
            return Ok(Some(line));
        };
        self.seen.sha256 = hex(before);
        if manifest != self.seen {
            return Err(damaged("is not what was written: its sums differ").into());
        }
        let mut rest = [0];
        match self.lines.read(&mut rest) {
            Ok(0) => {}
            Ok(_) | Err(_) => return Err(damaged("goes on after its end").into()),
        }
        self.has_ended = true;
        Ok(None)
    }

    /// What the whole file holds, once it was read.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.seen
    }

    fn line(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut line = Vec::new();
        (&mut self.lines)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
            .map_err(|_| damaged("is cut off, or not what was written"))?;
        if line.pop() != Some(b'\n') {
            return Err(damaged("is cut off").into());
        }
        self.hash.update(&line);
        self.hash.update(b"\n");
        Ok(line)
    }
}

fn damaged(how: &str) -> Trouble {
    let message = format!("The export {how}. Nothing of it can be trusted; take another one.");
    Trouble::refused("export_damaged", message)
}

fn hex(hash: Sha256) -> String {
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
