//! Breaks CON-1 and its neighbours: of writers with the same version several succeed, and all but
//! one write are lost.
//!
//! People write this because the lock seems to be held: but the guard of `lock().unwrap().get(…)` is
//! a temporary, which is dropped at the end of its statement. The comparison and the write are two
//! critical sections, and nothing warns, since each of them is sound by itself.

use broken_drivers::{CORRECT, Variant, serve};
use pmcp_driver::backend::{Error, Result, Versioned};
use pmcp_driver::map::{MapBackend, Row};
use pmcp_driver::record::Record;

fn main() -> std::io::Result<()> {
    serve(Variant {
        name: "rust-broken-guard-dropped",
        put_if_version,
        ..CORRECT
    })
}

fn put_if_version(map: &MapBackend, record: &Record, expected: i64) -> Result<i64> {
    let key = record.key();
    let stored = map.tasks.lock().unwrap().get(&key).cloned();
    let stored = stored.ok_or(Error::NotFound)?;
    let before = Versioned::read(key.clone(), &stored.data, stored.version)?;
    if before.version != expected {
        return Err(Error::Conflict {
            expected,
            actual: before.version,
        });
    }
    let (old, new) = (before.record.task.status, record.task.status);
    eprintln!("{} was {old:?} and becomes {new:?}", key.task_id);
    let row = Row::new(record, expected + 1);
    map.tasks.lock().unwrap().insert(key, row);
    Ok(expected + 1)
}
