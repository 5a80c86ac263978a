//! Drivers for the conformance kit: what all of them share, and two storages.

pub mod backend;
pub mod map;
pub mod protocol;
pub mod record;
pub mod sqlite;
