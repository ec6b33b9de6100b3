//! The kernel: what every part of the platform shares.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::auth::{Auth, ScopedKey};
use crate::bus::Bus;
use crate::counts::Counts;
use crate::faults::Faults;
use crate::realtime::Connections;
use crate::store::Store;

/// Name of the database file inside the data folder.
pub const DATABASE_FILE: &str = "platform.db";

/// Tables of the kernel and of this crate's rows, accounts and schema.
const SCHEMAS: &[&str] = &[
    crate::auth::SCHEMA,
    crate::accounts::SCHEMA,
    crate::schema::SCHEMA,
    crate::rows::transactions::SCHEMA,
];

/// The one project of a platform.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its id, as in `X-Appwrite-Project`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `http://127.0.0.1:PORT/v1`.
    pub endpoint: String,
    /// The bound port.
    pub port: u16,
}

/// What a kernel is opened with.
pub struct KernelOptions {
    /// Folder of all data; exists.
    pub data_dir: PathBuf,
    /// The project.
    pub project: Project,
    /// The project's key.
    pub key: SecretString,
    /// Further keys, which may do less.
    pub extra_keys: Vec<ScopedKey>,
    /// Labels of users who sign up: none on Appwrite, where the project's owner gives them.
    pub new_user_labels: Vec<String>,
    /// What shall go wrong.
    pub faults: Faults,
}

/// Shared by all routers as `Arc<Kernel>`.
pub struct Kernel {
    /// The database.
    pub store: Store,
    /// Events after commit.
    pub bus: Bus,
    /// Credentials.
    pub auth: Auth,
    /// The project.
    pub project: Project,
    /// Folder of all data.
    pub data_dir: PathBuf,
    /// Labels of users who sign up.
    pub new_user_labels: Vec<String>,
    /// Counters.
    pub counts: Counts,
    /// Open Realtime connections.
    pub connections: Connections,
    /// What shall go wrong.
    pub faults: Faults,
    /// Cancelled when the platform stops; long-lived work ends then.
    pub stopping: CancellationToken,
    parts: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Kernel {
    /// Opens the store in the data folder with the tables of the kernel and of
    /// `schemas` (further modules' `SCHEMA`).
    ///
    /// # Errors
    /// The database cannot be opened or prepared; not worth a retry.
    pub async fn open(options: KernelOptions, schemas: &[&str]) -> anyhow::Result<Arc<Self>> {
        let KernelOptions {
            data_dir,
            project,
            key,
            extra_keys,
            new_user_labels,
            faults,
        } = options;
        let migrations = [SCHEMAS, schemas].concat();
        let store = Store::open(&data_dir.join(DATABASE_FILE), &migrations)?;
        let project_id = project.id.clone();
        let auth = store
            .run(move |db| {
                Auth::load(db, &project_id, key, extra_keys)
                    .map_err(|error| crate::error::ApiError::internal(&error))
            })
            .await?;
        Ok(Arc::new(Self {
            store,
            bus: Bus::default(),
            auth,
            project,
            data_dir,
            new_user_labels,
            counts: Counts::default(),
            connections: Connections::default(),
            faults,
            stopping: CancellationToken::new(),
            parts: Mutex::default(),
        }))
    }

    /// Keeps a part of another module, one of each type, for [`Self::part`].
    pub fn attach<T: Any + Send + Sync>(&self, part: Arc<T>) {
        self.parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(TypeId::of::<T>(), part);
    }

    /// Returns the attached part of a type.
    #[must_use]
    pub fn part<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts
            .get(&TypeId::of::<T>())
            .cloned()
            .and_then(|part| part.downcast().ok())
    }
}
