//! Tasks in an SQLite file, for the processes of one machine.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior, params,
};
use serde_json::{Value, json};

use crate::backend::{Backend, Error, Key, Result, Storage, Versioned};
use crate::record::Record;

const PATIENCE: Duration = Duration::from_secs(10);

const SET_UP: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS tasks (
        owner_id TEXT NOT NULL,
        task_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        expires_at INTEGER, -- microseconds since 1970
        data TEXT NOT NULL,
        PRIMARY KEY (owner_id, task_id)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS expiries ON tasks (expires_at) WHERE expires_at IS NOT NULL;
";

// A blob comes after every text: without `after`, the page begins at the end.
const PAGE: &str = "
    SELECT owner_id, task_id, version, data FROM tasks
    WHERE owner_id = ?1 AND task_id < coalesce(?2, x'')
    ORDER BY task_id DESC LIMIT ?3
";

/// A pool of connections to one file, which are opened when they are needed.
pub struct SqliteBackend {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl SqliteBackend {
    pub fn new(path: PathBuf) -> Self {
        SqliteBackend {
            path,
            idle: Mutex::default(),
        }
    }

    fn with_connection<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let pooled = self.idle.lock().unwrap().pop();
        let mut connection = pooled.map_or_else(|| connect(&self.path), Ok)?;
        let result = work(&mut connection);
        self.idle.lock().unwrap().push(connection);
        result
    }

    /// Commits what `change` has done, unless that fails.
    fn write<T>(&self, change: impl FnOnce(&Transaction) -> Result<T>) -> Result<T> {
        self.with_connection(|connection| {
            // Immediate: whoever reads first and locks later is refused if another was faster.
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = change(&transaction)?;
            transaction.commit().map_err(failed_commit)?;
            Ok(result)
        })
    }
}

impl Backend for SqliteBackend {
    fn get(&self, key: &Key) -> Result<Versioned> {
        let query = "SELECT owner_id, task_id, version, data FROM tasks
            WHERE owner_id = ?1 AND task_id = ?2";
        let found = self.with_connection(|connection| {
            let row = connection.query_row(query, [&key.owner_id, &key.task_id], StoredRow::from);
            Ok(row.optional()?)
        })?;
        found.ok_or(Error::NotFound)?.read()
    }

    fn create(&self, record: &Record) -> Result<i64> {
        let insert = "INSERT INTO tasks (owner_id, task_id, version, expires_at, data)
            VALUES (?1, ?2, 1, ?3, ?4) ON CONFLICT DO NOTHING";
        let (key, data, expires_at) = columns(record);
        let created = self.write(|transaction| {
            let values = params![key.owner_id, key.task_id, expires_at, data];
            Ok(transaction.execute(insert, values)?)
        })?;
        if created == 1 {
            Ok(1)
        } else {
            Err(Error::AlreadyExists)
        }
    }

    fn put_if_version(&self, record: &Record, expected: i64) -> Result<i64> {
        let update = "UPDATE tasks SET version = version + 1, expires_at = ?3, data = ?4
            WHERE owner_id = ?1 AND task_id = ?2";
        let (key, data, expires_at) = columns(record);
        self.write(|transaction| {
            let actual = stored_version(transaction, &key)?.ok_or(Error::NotFound)?;
            if actual != expected {
                return Err(Error::Conflict { expected, actual });
            }
            transaction.execute(update, params![key.owner_id, key.task_id, expires_at, data])?;
            Ok(expected + 1)
        })
    }

    fn delete(&self, key: &Key) -> Result<bool> {
        let delete = "DELETE FROM tasks WHERE owner_id = ?1 AND task_id = ?2";
        let key = [&key.owner_id, &key.task_id];
        let deleted = self.write(|transaction| Ok(transaction.execute(delete, key)?))?;
        Ok(deleted == 1)
    }

    fn list_by_owner(
        &self,
        owner_id: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Vec<Versioned>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.with_connection(|connection| {
            let mut statement = connection.prepare(PAGE)?;
            let rows = statement.query_map(params![owner_id, after, limit], StoredRow::from)?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })?;
        rows.into_iter().map(StoredRow::read).collect()
    }

    fn cleanup_expired(&self) -> Result<usize> {
        let cleanup = "DELETE FROM tasks WHERE expires_at <= ?1";
        let now = Utc::now().timestamp_micros();
        self.write(|transaction| Ok(transaction.execute(cleanup, [now])?))
    }
}

struct StoredRow {
    key: Key,
    version: i64,
    data: String,
}

impl StoredRow {
    fn from(row: &Row) -> rusqlite::Result<Self> {
        let key = Key::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?);
        let (version, data) = (row.get(2)?, row.get(3)?);
        Ok(StoredRow { key, version, data })
    }

    fn read(self) -> Result<Versioned> {
        Versioned::read(self.key, &self.data, self.version)
    }
}

fn columns(record: &Record) -> (Key, String, Option<i64>) {
    let expires_at = record.expires_at.map(|at| at.timestamp_micros());
    (record.key(), record.to_json(), expires_at)
}

fn stored_version(transaction: &Transaction, key: &Key) -> Result<Option<i64>> {
    let query = "SELECT version FROM tasks WHERE owner_id = ?1 AND task_id = ?2";
    let found = transaction.query_row(query, [&key.owner_id, &key.task_id], |row| row.get(0));
    Ok(found.optional()?)
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    let deadline = Instant::now() + PATIENCE;
    // SQLite does not wait by itself where another process is changing the journal mode, too.
    while let Err(error) = connection.execute_batch(SET_UP) {
        if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) || Instant::now() > deadline {
            return Err(error.into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(connection)
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Error::StorageFull(error.to_string()),
            _ => Error::Backend(error.to_string()),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Backend(error.to_string())
    }
}

fn failed_commit(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => Error::OutcomeUnknown(error.to_string()),
        _ => error.into(),
    }
}

/// The files of a folder.
pub struct SqliteStorage {
    folder: PathBuf,
}

impl SqliteStorage {
    /// The folder is the one that the kit gives to all processes of a run.
    pub fn from_env() -> Self {
        let folder = env::var_os("PMCP_DRIVER_DIR").expect("PMCP_DRIVER_DIR names a folder");
        SqliteStorage {
            folder: folder.into(),
        }
    }

    fn at(&self, file: &str) -> SqliteBackend {
        SqliteBackend::new(self.folder.join(file))
    }
}

impl Storage for SqliteStorage {
    fn description(&self) -> Value {
        let back_doors = ["open_fresh", "open_misconfigured", "plant", "stored_expiry"];
        json!({"name": "rust-sqlite", "back_doors": back_doors})
    }

    fn open(&self) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(self.at("tasks.db")))
    }

    fn open_fresh(&self, token: &str) -> Result<Arc<dyn Backend>> {
        fs::create_dir_all(self.folder.join(token))?;
        Ok(Arc::new(self.at(&format!("{token}/tasks.db"))))
    }

    fn dispose_fresh(&self, token: &str) -> Result<()> {
        Ok(fs::remove_dir_all(self.folder.join(token))?)
    }

    fn open_misconfigured(&self) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(self.at("missing/tasks.db")))
    }

    fn plant(&self, key: &Key, data: &str, version: i64) -> Result<()> {
        self.at("tasks.db").write(|transaction| {
            let replace = "INSERT OR REPLACE INTO tasks (owner_id, task_id, version, data)
                VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(replace, params![key.owner_id, key.task_id, version, data])?;
            Ok(())
        })
    }

    fn stored_expiry(&self, key: &Key) -> Result<Option<i64>> {
        let query = "SELECT expires_at FROM tasks WHERE owner_id = ?1 AND task_id = ?2";
        self.at("tasks.db").with_connection(|connection| {
            let key = [&key.owner_id, &key.task_id];
            let found = connection.query_row(query, key, |row| row.get(0));
            found.optional()?.ok_or(Error::NotFound)
        })
    }
}
