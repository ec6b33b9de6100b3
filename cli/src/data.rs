//! The data folder: who serves it, which ports it had, which runs it began.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A data folder. One process at a time serves it; others only keep small values in it.
#[derive(Debug)]
pub struct Data {
    folder: PathBuf,
    /// Held by the process that serves the folder.
    lock: Option<File>,
}

/// File of [`Running`].
const RUNNING_FILE: &str = "running.json";

/// The platform that a process serves from a data folder, for other commands on the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The process.
    pub pid: u32,
    /// The API's address with its `/v1`.
    pub endpoint: String,
    /// The project's id.
    pub project: String,
    /// Whether the functions of the orchestrator are there.
    pub has_functions: bool,
    /// Whether models are scripted, so that what they cost is charged to nobody.
    #[serde(default)]
    pub is_scripted: bool,
}

/// A value that no other process changes meanwhile.
#[derive(Debug)]
pub struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
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
    /// Opens the folder to serve it, making it where it is not there.
    ///
    /// # Errors
    /// Another process serves it, or it can not be made.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let data = Self::share(folder)?;
        let name = data.folder.display().to_string();
        match data.serve()? {
            Ok(served) => Ok(served),
            Err(shared) => {
                let who = match shared.running() {
                    Some(Running { pid, endpoint, .. }) => {
                        format!("another orchestrator (process {pid}, {endpoint}) uses {name}")
                    }
                    None => format!("another orchestrator uses {name}"),
                };
                bail!("{who}; stop it or choose another folder with --data")
            }
        }
    }

    /// Opens the folder beside whoever serves it, making it where it is not there.
    ///
    /// # Errors
    /// It can not be made.
    pub fn share(folder: &Path) -> anyhow::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("could not make the folder {}", folder.display()))?;
        let folder = folder
            .canonicalize()
            .with_context(|| format!("could not find the folder {}", folder.display()))?;
        Ok(Self { folder, lock: None })
    }

    /// Becomes who serves the folder; gives itself back where another process does.
    ///
    /// # Errors
    /// The disk.
    pub fn serve(mut self) -> anyhow::Result<Result<Self, Self>> {
        let lock = self.lock_file("lock")?;
        if lock.try_lock().is_err() {
            return Ok(Err(self));
        }
        self.lock = Some(lock);
        // Of a process that was killed.
        self.forget_running();
        Ok(Ok(self))
    }

    /// Waits until no other process changes the value `name`, and keeps them from it.
    ///
    /// # Errors
    /// The disk.
    pub fn hold(&self, name: &str) -> anyhow::Result<Held> {
        let lock = self.lock_file(&format!("{name}.lock"))?;
        lock.lock()
            .with_context(|| format!("could not lock {}", self.path(name).display()))?;
        Ok(Held(lock))
    }

    fn lock_file(&self, name: &str) -> anyhow::Result<File> {
        let path = self.path(name);
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("could not open {}", path.display()))
    }

    /// Tells other commands what is served. Forgotten when this is dropped.
    ///
    /// # Errors
    /// The disk.
    pub fn tell_running(&self, running: &Running) -> anyhow::Result<()> {
        self.write(RUNNING_FILE, running)
    }

    /// What is served, if whoever serves it has told.
    pub fn running(&self) -> Option<Running> {
        self.read(RUNNING_FILE).ok().flatten()
    }

    fn forget_running(&self) {
        let _ = fs::remove_file(self.path(RUNNING_FILE));
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
        if let Some(lock) = &self.lock {
            self.forget_running();
            // Closing the file would not do while a process that is just being started still
            // shares it.
            let _ = lock.unlock();
        }
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

    #[test]
    fn others_are_told_what_is_served_until_nobody_serves_it() {
        let folder = tempfile::tempdir().unwrap();
        let told = || Data::share(folder.path()).unwrap().running();
        let running = Running {
            pid: 7,
            endpoint: "http://127.0.0.1:1/v1".to_owned(),
            project: "p".to_owned(),
            has_functions: true,
            is_scripted: true,
        };
        let data = Data::open(folder.path()).unwrap();
        assert_eq!(told(), None);
        data.tell_running(&running).unwrap();
        assert_eq!(told(), Some(running.clone()));
        let mode = fs::metadata(data.path(RUNNING_FILE)).unwrap();
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777,
            0o600
        );
        let error = Data::open(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("(process 7, http://127.0.0.1:1/v1)"),
            "{error}"
        );
        drop(data);
        assert_eq!(told(), None);

        // What a killed process left counts for nobody.
        let killed = Data::share(folder.path()).unwrap();
        killed.tell_running(&running).unwrap();
        let _next = Data::open(folder.path()).unwrap();
        assert_eq!(told(), None);
    }

    #[test]
    fn a_value_is_changed_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    let data = Data::share(folder.path()).unwrap();
                    for _ in 0..5 {
                        let _held = data.hold("count.json").unwrap();
                        let count: u32 = data.read("count.json").unwrap();
                        data.write("count.json", &(count + 1)).unwrap();
                    }
                });
            }
        });
        let data = Data::share(folder.path()).unwrap();
        assert_eq!(data.read::<u32>("count.json").unwrap(), 40);
    }
}
