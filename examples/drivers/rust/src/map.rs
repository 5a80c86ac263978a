//! Tasks in a HashMap behind a Mutex.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::backend::{Backend, Error, Key, Result, Storage, Versioned};
use crate::record::Record;

#[derive(Clone)]
pub struct Row {
    pub data: String,
    pub version: i64,
    pub expires_at: Option<DateTime<Utc>>,
}

impl Row {
    pub fn new(record: &Record, version: i64) -> Self {
        Row {
            data: record.to_json(),
            version,
            expires_at: record.expires_at,
        }
    }
}

/// The rows of each owner, in the order of the bytes of their ids, which is that of code points.
#[derive(Default)]
pub struct Tasks(HashMap<String, BTreeMap<String, Row>>);

impl Tasks {
    pub fn get(&self, key: &Key) -> Option<&Row> {
        self.0.get(&key.owner_id)?.get(&key.task_id)
    }

    pub fn insert(&mut self, key: Key, row: Row) {
        self.0
            .entry(key.owner_id)
            .or_default()
            .insert(key.task_id, row);
    }

    pub fn remove(&mut self, key: &Key) -> bool {
        let Some(rows) = self.0.get_mut(&key.owner_id) else {
            return false;
        };
        let removed = rows.remove(&key.task_id).is_some();
        if rows.is_empty() {
            self.0.remove(&key.owner_id);
        }
        removed
    }

    fn page(&self, owner_id: &str, limit: usize, after: Option<&str>) -> Vec<(Key, Row)> {
        let Some(rows) = self.0.get(owner_id) else {
            return Vec::new();
        };
        let end = after.map_or(Bound::Unbounded, Bound::Excluded);
        let page = rows
            .range::<str, _>((Bound::Unbounded, end))
            .rev()
            .take(limit);
        page.map(|(task_id, row)| (Key::new(owner_id, task_id), row.clone()))
            .collect()
    }

    fn remove_expired(&mut self, now: DateTime<Utc>) -> usize {
        let mut removed = 0;
        self.0.retain(|_, rows| {
            let before = rows.len();
            rows.retain(|_, row| row.expires_at.is_none_or(|expires_at| expires_at > now));
            removed += before - rows.len();
            !rows.is_empty()
        });
        removed
    }
}

#[derive(Clone, Default)]
pub struct MapBackend {
    pub tasks: Arc<Mutex<Tasks>>,
}

impl MapBackend {
    pub fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap()
    }
}

// JSON is written before the lock is taken and read after it was released: while it is held nothing
// takes long, and nothing can panic.
impl Backend for MapBackend {
    fn get(&self, key: &Key) -> Result<Versioned> {
        let row = self.lock().get(key).cloned().ok_or(Error::NotFound)?;
        Versioned::read(key.clone(), &row.data, row.version)
    }

    fn create(&self, record: &Record) -> Result<i64> {
        let (key, row) = (record.key(), Row::new(record, 1));
        let mut tasks = self.lock();
        if tasks.get(&key).is_some() {
            return Err(Error::AlreadyExists);
        }
        tasks.insert(key, row);
        Ok(1)
    }

    fn put_if_version(&self, record: &Record, expected: i64) -> Result<i64> {
        let (key, row) = (record.key(), Row::new(record, expected.saturating_add(1)));
        let mut tasks = self.lock();
        let actual = tasks.get(&key).ok_or(Error::NotFound)?.version;
        if actual != expected {
            return Err(Error::Conflict { expected, actual });
        }
        let version = row.version;
        tasks.insert(key, row);
        Ok(version)
    }

    fn delete(&self, key: &Key) -> Result<bool> {
        Ok(self.lock().remove(key))
    }

    fn list_by_owner(
        &self,
        owner_id: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Vec<Versioned>> {
        let page = self.lock().page(owner_id, limit, after);
        let versioned = |(key, row): (Key, Row)| Versioned::read(key, &row.data, row.version);
        page.into_iter().map(versioned).collect()
    }

    fn cleanup_expired(&self) -> Result<usize> {
        Ok(self.lock().remove_expired(Utc::now()))
    }
}

#[derive(Default)]
pub struct MapStorage {
    shared: MapBackend,
    fresh: Mutex<HashMap<String, MapBackend>>,
}

impl Storage for MapStorage {
    fn description(&self) -> Value {
        json!({
            "name": "rust-map",
            "facts": {"interprocess": false, "durable": false},
            "back_doors": ["open_fresh", "plant", "stored_expiry"],
        })
    }

    fn open(&self) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(self.shared.clone()))
    }

    fn open_fresh(&self, token: &str) -> Result<Arc<dyn Backend>> {
        let mut fresh = self.fresh.lock().unwrap();
        Ok(Arc::new(fresh.entry(token.into()).or_default().clone()))
    }

    fn dispose_fresh(&self, token: &str) -> Result<()> {
        self.fresh.lock().unwrap().remove(token);
        Ok(())
    }

    fn plant(&self, key: &Key, data: &str, version: i64) -> Result<()> {
        let row = Row {
            data: data.into(),
            version,
            expires_at: None,
        };
        self.shared.lock().insert(key.clone(), row);
        Ok(())
    }

    fn stored_expiry(&self, key: &Key) -> Result<Option<i64>> {
        let tasks = self.shared.lock();
        let row = tasks.get(key).ok_or(Error::NotFound)?;
        Ok(row
            .expires_at
            .map(|expires_at| expires_at.timestamp_micros()))
    }
}
