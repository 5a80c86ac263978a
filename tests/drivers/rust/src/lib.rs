//! The correct backend in memory, with another function in the place of the one that is wrong.

use std::io;
use std::sync::Arc;

use pmcp_driver::backend::{Backend, Key, Result, Storage, Versioned};
use pmcp_driver::map::MapBackend;
use pmcp_driver::protocol;
use pmcp_driver::record::Record;
use serde_json::{Value, json};

#[derive(Clone, Copy)]
pub struct Variant {
    pub name: &'static str,
    pub create: fn(&MapBackend, &Record) -> Result<i64>,
    pub put_if_version: fn(&MapBackend, &Record, i64) -> Result<i64>,
}

pub const CORRECT: Variant = Variant {
    name: "rust-map",
    create: MapBackend::create,
    put_if_version: MapBackend::put_if_version,
};

pub fn serve(variant: Variant) -> io::Result<()> {
    protocol::serve(VariantStorage {
        variant,
        map: MapBackend::default(),
    })
}

struct VariantStorage {
    variant: Variant,
    map: MapBackend,
}

impl Storage for VariantStorage {
    fn description(&self) -> Value {
        json!({"name": self.variant.name, "facts": {"interprocess": false, "durable": false}})
    }

    fn open(&self) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(VariantBackend {
            variant: self.variant,
            map: self.map.clone(),
        }))
    }
}

struct VariantBackend {
    variant: Variant,
    map: MapBackend,
}

impl Backend for VariantBackend {
    fn get(&self, key: &Key) -> Result<Versioned> {
        self.map.get(key)
    }

    fn create(&self, record: &Record) -> Result<i64> {
        (self.variant.create)(&self.map, record)
    }

    fn put_if_version(&self, record: &Record, expected: i64) -> Result<i64> {
        (self.variant.put_if_version)(&self.map, record, expected)
    }

    fn delete(&self, key: &Key) -> Result<bool> {
        self.map.delete(key)
    }

    fn list_by_owner(
        &self,
        owner_id: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Vec<Versioned>> {
        self.map.list_by_owner(owner_id, limit, after)
    }

    fn cleanup_expired(&self) -> Result<usize> {
        self.map.cleanup_expired()
    }
}
