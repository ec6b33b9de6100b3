//! What the disk can do by itself.

use std::io::Write as _;
use std::time::{Duration, Instant};

/// How long it is asked.
const SPAN: Duration = Duration::from_secs(2);

/// Bytes after which the file is begun again, as SQLite's log is.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How often a second `bytes` can be appended to a file and forced to the disk.
pub(crate) fn fsyncs_per_second(bytes: usize) -> anyhow::Result<f64> {
    use std::io::Seek as _;
    let mut file = tempfile::tempfile()?;
    let block = vec![7; bytes.max(1)];
    let (started, mut count, mut written) = (Instant::now(), 0_u32, 0);
    while started.elapsed() < SPAN {
        if written + block.len() > FILE_BYTES_MAX {
            file.rewind()?;
            written = 0;
        }
        file.write_all(&block)?;
        file.sync_data()?;
        written += block.len();
        count += 1;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}
