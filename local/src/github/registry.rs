//! What GitHub knows of repositories besides git: one JSON file, replaced atomically.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::actions::ActionsRecord;
use super::pull::PullRecord;
use super::refusal::Refusal;

/// Ids are ten digits, as today's are.
const FIRST_ID: u64 = 1_000_000_001;

/// One repository. Times are stored as RFC 3339.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RepositoryRecord {
    pub(super) id: u64,
    pub(super) owner: String,
    /// Whether the owner is an organisation.
    pub(super) organization: bool,
    pub(super) name: String,
    pub(super) private: bool,
    pub(super) description: Option<String>,
    pub(super) homepage: Option<String>,
    pub(super) default_branch: String,
    /// Settings that are stored and shown but change nothing here, such as `has_wiki`.
    pub(super) settings: BTreeMap<String, Value>,
    pub(super) custom_properties: serde_json::Map<String, Value>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) pushed_at: Timestamp,
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) topics: Vec<String>,
    /// By number, which is one more than the place.
    #[serde(default)]
    pub(super) pulls: Vec<PullRecord>,
    #[serde(default)]
    pub(super) actions: ActionsRecord,
}

impl RepositoryRecord {
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Table {
    next_id: u64,
    repositories: Vec<RepositoryRecord>,
    #[serde(default)]
    moved: Vec<Moved>,
}

/// A name that a repository had before it was renamed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Moved {
    owner: String,
    name: String,
    id: u64,
}

impl Moved {
    fn is(&self, owner: &str, name: &str) -> bool {
        self.owner.eq_ignore_ascii_case(owner) && self.name.eq_ignore_ascii_case(name)
    }
}

#[derive(Debug)]
pub(super) struct Registry {
    directory: PathBuf,
    table: RwLock<Table>,
    /// Held while a repository is made, so that a name is taken once.
    creation: tokio::sync::Mutex<()>,
    /// Keeps a second process out of the directory.
    _lock: Lock,
}

/// A lock on a file, as long as this lives. A git that is being started has the file open, too, until
/// it is: without a word it would keep the lock.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is then all that is left to do.
        let _ = self.0.unlock();
    }
}

impl Registry {
    pub(super) fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let directory = data_dir.to_owned();
        std::fs::create_dir_all(directory.join("repositories"))?;
        let lock = Lock(File::create(directory.join("lock"))?);
        match lock.0.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                anyhow::bail!("{} is in use by another process", data_dir.display())
            }
            Err(TryLockError::Error(error)) => return Err(error).context("lock the directory"),
        }
        let path = directory.join("repositories.json");
        let table = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("read {}", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Table {
                next_id: FIRST_ID,
                ..Table::default()
            },
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        let registry = Self {
            directory,
            table: RwLock::new(table),
            creation: tokio::sync::Mutex::default(),
            _lock: lock,
        };
        registry.remove_stale_locks()?;
        Ok(registry)
    }

    pub(super) fn git_dir(&self, id: u64) -> PathBuf {
        self.repositories_dir().join(format!("{id}.git"))
    }

    pub(super) fn repositories_dir(&self) -> PathBuf {
        self.directory.join("repositories")
    }

    pub(super) fn by_name(&self, owner: &str, name: &str) -> Option<Arc<RepositoryRecord>> {
        self.find(|record| {
            record.owner.eq_ignore_ascii_case(owner) && record.name.eq_ignore_ascii_case(name)
        })
    }

    pub(super) fn by_id(&self, id: u64) -> Option<Arc<RepositoryRecord>> {
        self.find(|record| record.id == id)
    }

    /// How many public and private repositories an owner has.
    pub(super) fn counts(&self, owner: &str) -> (usize, usize) {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let (private, public): (Vec<_>, Vec<_>) = table
            .repositories
            .iter()
            .filter(|record| record.owner.eq_ignore_ascii_case(owner))
            .partition(|record| record.private);
        (public.len(), private.len())
    }

    /// Waits for the right to create a repository; keep it until [`Registry::insert`] is done.
    pub(super) async fn creation(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.creation.lock().await
    }

    /// The id the next repository gets. A directory of this id is a leftover of a killed process.
    pub(super) fn next_id(&self) -> u64 {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.next_id
    }

    /// Makes a repository exist.
    pub(super) fn insert(&self, record: RepositoryRecord) -> anyhow::Result<Arc<RepositoryRecord>> {
        self.change(|table| {
            table.next_id = record.id + 1;
            // A name that is taken anew leads nowhere else.
            table
                .moved
                .retain(|moved| !moved.is(&record.owner, &record.name));
            table.repositories.push(record.clone());
            Ok(())
        })
        .map_err(Refusal::into_error)?;
        Ok(Arc::new(record))
    }

    /// The number of the repository that once had this name.
    pub(super) fn moved(&self, owner: &str, name: &str) -> Option<u64> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let moved = table.moved.iter().find(|moved| moved.is(owner, name))?;
        Some(moved.id)
    }

    /// Changes one repository; nothing changes when the change is refused. A new name leaves the
    /// old one behind as a way to it.
    pub(super) fn edit<T>(
        &self,
        id: u64,
        edit: impl FnOnce(&mut RepositoryRecord) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.change(|table| {
            let mut records = table.repositories.iter_mut();
            let record = records
                .find(|record| record.id == id)
                .ok_or_else(Refusal::not_found)?;
            let (owner, before) = (record.owner.clone(), record.name.clone());
            let edited = edit(record)?;
            let name = record.name.clone();
            if name != before {
                table.moved.retain(|moved| !moved.is(&owner, &name));
                table.moved.push(Moved {
                    owner,
                    name: before,
                    id,
                });
            }
            Ok(edited)
        })
    }

    fn find(&self, matches: impl Fn(&RepositoryRecord) -> bool) -> Option<Arc<RepositoryRecord>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table
            .repositories
            .iter()
            .find(|record| matches(record))
            .map(|record| Arc::new(record.clone()))
    }

    /// Changes the table on disk first: what a reader sees is never lost.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Table) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = table.clone();
        let changed = change(&mut next)?;
        self.save(&next)?;
        *table = next;
        Ok(changed)
    }

    fn save(&self, table: &Table) -> anyhow::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(&serde_json::to_vec_pretty(table)?)?;
        file.as_file().sync_data()?;
        file.persist(self.directory.join("repositories.json"))?;
        Ok(())
    }

    /// A git killed with the machine leaves `*.lock` files that would block its branch for ever.
    fn remove_stale_locks(&self) -> anyhow::Result<()> {
        let mut directories = vec![self.repositories_dir()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(&directory)? {
                let entry = entry?;
                let name = entry.file_name();
                if entry.file_type()?.is_dir() {
                    if name != "objects" {
                        directories.push(entry.path());
                    }
                } else if Path::new(&name)
                    .extension()
                    .is_some_and(|end| end == "lock")
                {
                    std::fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_free_when_its_registry_is_gone_though_a_child_has_the_lock_open() {
        let directory = tempfile::tempdir().unwrap();
        let registry = Registry::open(directory.path()).unwrap();
        let in_the_child = registry._lock.0.try_clone().unwrap();
        assert!(Registry::open(directory.path()).is_err());
        drop(registry);
        assert!(Registry::open(directory.path()).is_ok());
        drop(in_the_child);
    }
}
