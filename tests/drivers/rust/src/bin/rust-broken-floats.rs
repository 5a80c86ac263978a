//! Breaks VAL-2: an integer beyond 64 bits comes back as a float, or is refused.
//!
//! People write this because `serde_json::Value` is the type for any JSON. Without the feature
//! `arbitrary_precision` its numbers are i64, u64 or f64, and nothing says when one is rounded.

use broken_drivers::{Variant, serve};
use pmcp_driver::backend::{Backend, Error, Result};
use pmcp_driver::record::Record;
use serde_json::Value;

fn main() -> std::io::Result<()> {
    serve(Variant {
        name: "rust-broken-floats",
        create: |map, record| map.create(&rounded(record)?),
        put_if_version: |map, record, expected| map.put_if_version(&rounded(record)?, expected),
    })
}

fn rounded(record: &Record) -> Result<Record> {
    let value: Value = serde_json::from_str(&record.to_json()).map_err(unreadable)?;
    Record::from_json(&value.to_string()).map_err(Error::Backend)
}

fn unreadable(_: serde_json::Error) -> Error {
    Error::Backend("the record cannot be read".into())
}
