//! The data folder: who uses it, which ports it had, which runs it began.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A data folder that this process alone uses.
#[derive(Debug)]
pub struct Data {
    folder: PathBuf,
    lock: File,
}

/// The ports of the last time: addresses that were printed stay valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// The platform's.
    pub platform: u16,
    /// The stand-in GitHub's.
    pub github: u16,
}

/// File of [`SealKeys`].
pub const SEAL_KEYS_FILE: &str = "credentials-keys.json";

/// What owners' credentials are sealed and opened with; empty before it is made.
#[derive(Default, Serialize, Deserialize)]
pub struct SealKeys {
    /// As the setting `CREDENTIALS_PUBLIC_KEY`.
    pub public_key: String,
    /// As the setting `CREDENTIALS_SECRET_KEY`.
    pub secret_key: String,
}

/// A run that was begun for one brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// What the brief was submitted under.
    pub request_id: String,
    /// Whether its task has ended.
    pub ended: bool,
}

/// The runs that were begun, by the brief's hash.
pub type Runs = BTreeMap<String, Begun>;

impl Data {
    /// Opens the folder, making it where it is not there.
    ///
    /// # Errors
    /// Another process uses it, or it can not be made.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("could not make the folder {}", folder.display()))?;
        let folder = folder
            .canonicalize()
            .with_context(|| format!("could not find the folder {}", folder.display()))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(folder.join("lock"))?;
        lock.try_lock().map_err(|_| {
            anyhow::anyhow!(
                "another orchestrator uses {}; stop it or choose another folder with --data",
                folder.display()
            )
        })?;
        Ok(Self { folder, lock })
    }

    /// A folder or file inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A value that was kept, or its default.
    ///
    /// # Errors
    /// The file is there and can not be read.
    pub fn read<T: DeserializeOwned + Default>(&self, name: &str) -> anyhow::Result<T> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is damaged; delete it to go on", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(T::default()),
            Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
        }
    }

    /// Keeps a value, readable by its owner only. A crash leaves the old one or the new one.
    ///
    /// # Errors
    /// The disk.
    pub fn write<T: Serialize>(&self, name: &str, value: &T) -> anyhow::Result<()> {
        let (path, draft) = (self.path(name), self.path(&format!("{name}.new")));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(value)?)?;
        file.sync_all()?;
        fs::rename(&draft, &path).with_context(|| format!("could not write {}", path.display()))
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // Closing the file would not do while a process that is just being started still
        // shares it.
        let _ = self.lock.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_and_one_process_has_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::open(folder.path()).unwrap();
        assert_eq!(data.read::<Ports>("ports.json").unwrap(), Ports::default());
        let ports = Ports {
            platform: 1,
            github: 2,
        };
        data.write("ports.json", &ports).unwrap();
        assert_eq!(data.read::<Ports>("ports.json").unwrap(), ports);
        assert!(
            Data::open(folder.path())
                .unwrap_err()
                .to_string()
                .contains("another orchestrator")
        );
        drop(data);
        assert!(Data::open(folder.path()).is_ok());
    }
}
