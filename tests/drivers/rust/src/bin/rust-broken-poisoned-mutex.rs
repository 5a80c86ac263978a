//! Breaks KEY-7, LIST-6 and everything after them: an id whose eighth byte is within a character
//! makes `create` panic while it holds the lock. That poisons the Mutex, and every later call fails.
//!
//! People write this because `&text[..8]` looks like the first eight characters and is the first
//! eight bytes, and because `lock().unwrap()` is the idiom: one panic becomes a panic of each call,
//! which the server's framework turns into one error after the other instead of a crash.

use broken_drivers::{CORRECT, Variant, serve};
use pmcp_driver::backend::{Error, Result};
use pmcp_driver::map::{MapBackend, Row};
use pmcp_driver::record::Record;

fn main() -> std::io::Result<()> {
    serve(Variant {
        name: "rust-broken-poisoned-mutex",
        create,
        ..CORRECT
    })
}

fn create(map: &MapBackend, record: &Record) -> Result<i64> {
    let (key, row) = (record.key(), Row::new(record, 1));
    let mut tasks = map.tasks.lock().unwrap();
    if tasks.get(&key).is_some() {
        return Err(Error::AlreadyExists);
    }
    eprintln!("created {}…", &key.task_id[..key.task_id.len().min(8)]);
    tasks.insert(key, row);
    Ok(1)
}
