//! A bucket: its settings as they are stored and answered.

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::FILE_BYTES_MAX;
use crate::config::BucketConfig;
use crate::error::ApiError;
use crate::permissions::{self, Subject};
use crate::server::Params;
use crate::store::Writer;
use crate::{clock, ids};

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 128;
/// Most allowed extensions.
const EXTENSIONS_MAX: usize = 100;
/// Longest allowed extension, in characters.
const EXTENSION_CHARS_MAX: usize = 64;
/// Words for how files are packed. Files are kept as they came whatever is chosen; the word is
/// remembered for who asks.
const COMPRESSIONS: &[&str] = &["none", "gzip", "zstd"];

/// A bucket as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bucket {
    /// Its number, by which files and folders know it; never used again after a deletion.
    #[serde(skip)]
    pub(super) number: i64,
    pub(super) id: String,
    /// Milliseconds since the Unix epoch.
    pub(super) created_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub(super) updated_ms: i64,
    pub(super) name: String,
    pub(super) permissions: Vec<String>,
    pub(super) file_security: bool,
    pub(super) enabled: bool,
    pub(super) maximum_file_size: u64,
    pub(super) allowed_file_extensions: Vec<String>,
    pub(super) compression: String,
    pub(super) encryption: bool,
    pub(super) antivirus: bool,
    pub(super) transformations: bool,
}

/// A checked request for a new bucket or for another's settings.
pub(super) struct Settings {
    name: String,
    permissions: Option<Vec<String>>,
    file_security: bool,
    enabled: bool,
    maximum_file_size: u64,
    allowed_file_extensions: Vec<String>,
    compression: String,
    encryption: bool,
    antivirus: bool,
    transformations: bool,
}

fn invalid(name: &str, rule: &str) -> ApiError {
    ApiError::argument(format!("Invalid `{name}` param: {rule}"))
}

/// 400: a parameter is missing.
pub(super) fn missing(name: &str) -> ApiError {
    ApiError::argument(format!("Param \"{name}\" is not optional."))
}

impl Settings {
    /// Checks the parameters that POST and PUT share.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`.
    pub(super) fn read(params: &mut Params) -> Result<Self, ApiError> {
        let name = params.take_str("name")?.ok_or_else(|| missing("name"))?;
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            let rule =
                "Value must be a valid string and at least 1 chars and no longer than 128 chars";
            return Err(invalid("name", rule));
        }
        let permissions = params.take("permissions");
        let permissions = permissions
            .map(|list| permissions::parse(&list, Subject::Table))
            .transpose()?;
        Ok(Self {
            name,
            permissions,
            file_security: params.take_bool("fileSecurity")?.unwrap_or(false),
            enabled: params.take_bool("enabled")?.unwrap_or(true),
            maximum_file_size: size(params)?,
            allowed_file_extensions: extensions(params)?,
            compression: compression(params)?,
            encryption: params.take_bool("encryption")?.unwrap_or(true),
            antivirus: params.take_bool("antivirus")?.unwrap_or(true),
            transformations: params.take_bool("transformations")?.unwrap_or(true),
        })
    }
}

fn size(params: &mut Params) -> Result<u64, ApiError> {
    let rule = "Value must be a valid range between 1 and 30,000,000";
    let given = params
        .take_i64("maximumFileSize")
        .map_err(|_| invalid("maximumFileSize", rule))?;
    let Some(given) = given else {
        return Ok(FILE_BYTES_MAX);
    };
    u64::try_from(given)
        .ok()
        .filter(|size| (1..=FILE_BYTES_MAX).contains(size))
        .ok_or_else(|| invalid("maximumFileSize", rule))
}

fn extensions(params: &mut Params) -> Result<Vec<String>, ApiError> {
    let rule = "Value must a valid array no longer than 100 items and Value must be a valid string and at least 1 \
                chars and no longer than 64 chars";
    let refused = || invalid("allowedFileExtensions", rule);
    let list = params
        .take_list("allowedFileExtensions")
        .map_err(|_| refused())?
        .unwrap_or_default();
    if list.len() > EXTENSIONS_MAX {
        return Err(refused());
    }
    list.iter()
        .map(|item| {
            item.as_str()
                .filter(|text| !text.is_empty() && text.chars().count() <= EXTENSION_CHARS_MAX)
                .map(str::to_owned)
                .ok_or_else(refused)
        })
        .collect()
}

fn compression(params: &mut Params) -> Result<String, ApiError> {
    let word = params
        .take_str("compression")?
        .unwrap_or_else(|| "none".to_owned());
    if COMPRESSIONS.contains(&word.as_str()) {
        return Ok(word);
    }
    let rule = format!("Value must be one of ({})", COMPRESSIONS.join(", "));
    Err(invalid("compression", &rule))
}

impl Bucket {
    /// A new bucket of these settings.
    pub(super) fn new(id: String, settings: Settings) -> Self {
        let mut bucket = Self::empty(id);
        bucket.set(settings);
        bucket
    }

    fn empty(id: String) -> Self {
        let now = clock::now().as_millisecond();
        Self {
            number: 0,
            id,
            created_ms: now,
            updated_ms: now,
            name: String::new(),
            permissions: Vec::new(),
            file_security: false,
            enabled: true,
            maximum_file_size: FILE_BYTES_MAX,
            allowed_file_extensions: Vec::new(),
            compression: "none".to_owned(),
            encryption: true,
            antivirus: true,
            transformations: true,
        }
    }

    /// Takes over settings; permissions stay where none are given, all else falls back to its
    /// default (Appwrite's PUT).
    pub(super) fn set(&mut self, settings: Settings) {
        self.name = settings.name;
        if let Some(permissions) = settings.permissions {
            self.permissions = permissions;
        }
        self.file_security = settings.file_security;
        self.enabled = settings.enabled;
        self.maximum_file_size = settings.maximum_file_size;
        self.allowed_file_extensions = settings.allowed_file_extensions;
        self.compression = settings.compression;
        self.encryption = settings.encryption;
        self.antivirus = settings.antivirus;
        self.transformations = settings.transformations;
    }

    fn configure(&mut self, config: &BucketConfig) {
        self.name.clone_from(&config.name);
        self.permissions.clone_from(&config.permissions);
        self.file_security = config.file_security;
        self.enabled = config.enabled;
        let size = config.maximum_file_size.unwrap_or(FILE_BYTES_MAX);
        self.maximum_file_size = size.min(FILE_BYTES_MAX);
        self.allowed_file_extensions
            .clone_from(&config.allowed_file_extensions);
    }

    /// Whether files of this name may come in.
    pub(super) fn accepts(&self, file_name: &str) -> bool {
        let extension = file_name.rsplit_once('.').map_or("", |(_, end)| end);
        self.allowed_file_extensions.is_empty()
            || self
                .allowed_file_extensions
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(extension))
    }

    /// The bucket as the API answers it (Appwrite 1.9.6, measured). `total` is the sum of its
    /// files' bytes.
    pub(super) fn json(&self, total: i64) -> Value {
        json!({
            "$id": self.id,
            "$createdAt": clock::format_ms(self.created_ms),
            "$updatedAt": clock::format_ms(self.updated_ms),
            "$permissions": self.permissions,
            "fileSecurity": self.file_security,
            "name": self.name,
            "enabled": self.enabled,
            "maximumFileSize": self.maximum_file_size,
            "allowedFileExtensions": self.allowed_file_extensions,
            "compression": self.compression,
            "encryption": self.encryption,
            "antivirus": self.antivirus,
            "transformations": self.transformations,
            "totalSize": total,
        })
    }

    /// Writes changed settings.
    pub(super) fn save(&mut self, db: &Connection) -> Result<(), ApiError> {
        self.updated_ms = clock::now().as_millisecond();
        db.prepare_cached("UPDATE storage_buckets SET document = ?2 WHERE sequence = ?1")?
            .execute((self.number, serde_json::to_string(self)?))?;
        Ok(())
    }

    /// Reads a record, whose number is outside of its document.
    pub(super) fn from_record(number: i64, document: &str) -> Result<Self, ApiError> {
        let mut bucket: Self = serde_json::from_str(document)?;
        bucket.number = number;
        Ok(bucket)
    }
}

/// Bytes of all complete files of a bucket.
pub(super) fn total(db: &Connection, number: i64) -> Result<i64, ApiError> {
    let sql = "SELECT coalesce(sum(json_extract(document, '$.sizeActual')), 0) FROM storage_files WHERE bucket = ?1";
    Ok(db
        .prepare_cached(sql)?
        .query_row([number], |row| row.get(0))?)
}

/// Adds a bucket and gives it its number.
///
/// # Errors
/// 409 `storage_bucket_already_exists`.
pub(super) fn insert(db: &Connection, bucket: &mut Bucket) -> Result<(), ApiError> {
    let added = db.execute(
        "INSERT INTO storage_buckets (id, document) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
        (&bucket.id, serde_json::to_string(bucket)?),
    )?;
    if added == 1 {
        bucket.number = db.last_insert_rowid();
        return Ok(());
    }
    Err(ApiError::conflict(
        "storage_bucket_already_exists",
        "A storage bucket with the requested ID already exists. Try again with a different ID or use ID.unique() to \
         generate a unique ID.",
    ))
}

/// Reads a bucket.
///
/// # Errors
/// 404 `storage_bucket_not_found`.
pub(super) fn get(db: &Connection, id: &str) -> Result<Bucket, ApiError> {
    let message = "Storage bucket with the requested ID could not be found.";
    find(db, id)?.ok_or_else(|| ApiError::not_found("storage_bucket_not_found", message))
}

fn find(db: &Connection, id: &str) -> Result<Option<Bucket>, ApiError> {
    let found: Option<(i64, String)> = db
        .prepare_cached("SELECT sequence, document FROM storage_buckets WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found
        .map(|(number, document)| Bucket::from_record(number, &document))
        .transpose()
}

/// Makes the settings of each configured bucket those of `appwrite.json`.
pub(super) fn apply(db: &mut Writer, configs: &[BucketConfig]) -> Result<(), ApiError> {
    let transaction = db.transaction()?;
    for config in configs {
        if let Some(mut bucket) = find(&transaction, &config.id)? {
            let before = bucket.clone();
            bucket.configure(config);
            if bucket != before {
                bucket.save(&transaction)?;
            }
        } else {
            let mut bucket = Bucket::empty(config.id.clone());
            bucket.configure(config);
            insert(&transaction, &mut bucket)?;
        }
    }
    Ok(transaction.commit()?)
}

/// Reads the id of a new bucket.
pub(super) fn new_id(params: &mut Params) -> Result<String, ApiError> {
    let id = params
        .take_str("bucketId")?
        .ok_or_else(|| missing("bucketId"))?;
    ids::resolve("bucketId", &id)
}
