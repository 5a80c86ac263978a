//! What a driver has to provide: a storage that opens handles, and the operations of a handle.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::record::Record;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub owner_id: String,
    pub task_id: String,
}

impl Key {
    pub fn new(owner_id: impl Into<String>, task_id: impl Into<String>) -> Self {
        Key {
            owner_id: owner_id.into(),
            task_id: task_id.into(),
        }
    }
}

pub struct Versioned {
    pub record: Record,
    pub version: i64,
}

impl Versioned {
    /// Reads what is stored under a key. Fails with `Error::Corrupt`.
    pub fn read(key: Key, data: &str, version: i64) -> Result<Self> {
        match Record::from_json(data) {
            Ok(record) if record.key() == key => Ok(Versioned { record, version }),
            Ok(_) => Err(Error::corrupt(key, "it is another key's")),
            Err(reason) => Err(Error::corrupt(key, reason)),
        }
    }
}

/// One handle on the storage, used by many threads at the same time.
pub trait Backend: Send + Sync {
    fn get(&self, key: &Key) -> Result<Versioned>;
    fn create(&self, record: &Record) -> Result<i64>;
    fn put_if_version(&self, record: &Record, expected: i64) -> Result<i64>;
    fn delete(&self, key: &Key) -> Result<bool>;
    fn list_by_owner(
        &self,
        owner_id: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Vec<Versioned>>;
    fn cleanup_expired(&self) -> Result<usize>;
}

/// The storage that all handles of this process reach, and the back doors into it.
pub trait Storage: Send + Sync + 'static {
    /// `name`, `facts` and `back_doors`, as the answer to `describe` has them.
    fn description(&self) -> Value;

    fn open(&self) -> Result<Arc<dyn Backend>>;

    fn open_fresh(&self, _token: &str) -> Result<Arc<dyn Backend>> {
        Err(Error::not_offered())
    }

    fn dispose_fresh(&self, _token: &str) -> Result<()> {
        Err(Error::not_offered())
    }

    fn open_misconfigured(&self) -> Result<Arc<dyn Backend>> {
        Err(Error::not_offered())
    }

    fn plant(&self, _key: &Key, _data: &str, _version: i64) -> Result<()> {
        Err(Error::not_offered())
    }

    /// Microseconds since 1970; None for a record that never expires.
    fn stored_expiry(&self, _key: &Key) -> Result<Option<i64>> {
        Err(Error::not_offered())
    }
}

/// Why an operation failed. No text in it quotes variables or result.
#[derive(Debug)]
pub enum Error {
    NotFound,
    AlreadyExists,
    Conflict { expected: i64, actual: i64 },
    StorageFull(String),
    Corrupt { key: Key, reason: String },
    OutcomeUnknown(String),
    Backend(String),
}

impl Error {
    pub fn not_offered() -> Self {
        Error::Backend("this driver does not offer that".into())
    }

    fn corrupt(key: Key, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Error::Corrupt { key, reason }
    }

    /// The member `error` of a response.
    pub fn to_json(&self) -> Value {
        json!({"code": -32000, "message": self.message(), "data": self.data()})
    }

    fn message(&self) -> String {
        match self {
            Error::NotFound => "there is no such task".into(),
            Error::AlreadyExists => "there is such a task already".into(),
            Error::Conflict { expected, actual } => {
                format!("version {actual} is stored, not {expected}")
            }
            Error::Corrupt { reason, .. } => format!("the stored row is no record: {reason}"),
            Error::StorageFull(reason) | Error::OutcomeUnknown(reason) | Error::Backend(reason) => {
                reason.clone()
            }
        }
    }

    fn data(&self) -> Value {
        match self {
            Error::NotFound => json!({"kind": "NotFoundError"}),
            Error::AlreadyExists => json!({"kind": "AlreadyExistsError"}),
            Error::Conflict { actual, .. } => json!({
                "kind": "ConcurrentModificationError",
                "actual_version": actual.to_string(),
            }),
            Error::StorageFull(_) => json!({"kind": "StorageFullError"}),
            Error::Corrupt { key, .. } => json!({
                "kind": "CorruptRecordError",
                "owner_id": key.owner_id,
                "task_id": key.task_id,
            }),
            Error::OutcomeUnknown(_) => json!({"kind": "OutcomeUnknownError"}),
            Error::Backend(_) => json!({"kind": "BackendError"}),
        }
    }
}
