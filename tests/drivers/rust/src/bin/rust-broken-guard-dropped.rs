//! Breaks CAS-6 and CON-1: two writers with the same version both succeed, and one write is lost.
//!
//! People write this because the lock seems to be held: but the guard of `lock().unwrap().get(…)` is
//! a temporary, which is dropped at the end of its statement. The comparison and the write are two
//! critical sections, and nothing warns, since each of them is sound by itself.

use broken_drivers::{CORRECT, Variant, serve};
use pmcp_driver::backend::{Error, Result};
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
    let actual = stored.ok_or(Error::NotFound)?.version;
    if actual != expected {
        return Err(Error::Conflict { expected, actual });
    }
    let row = Row::new(record, expected + 1);
    map.tasks.lock().unwrap().insert(key, row);
    Ok(expected + 1)
}
