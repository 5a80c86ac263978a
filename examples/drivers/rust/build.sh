#!/bin/sh
# Builds the drivers, and their broken variants in tests/drivers/rust, into the folder $1.
set -eu
mkdir -p "$1"
here=$(cd "$(dirname "$0")" && pwd)
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target}
export CARGO_TARGET_DIR

for package in "$here" "$here/../../../tests/drivers/rust"; do
  cargo build --quiet --bins --manifest-path "$package/Cargo.toml"
done
for program in map sqlite broken-floats broken-poisoned-mutex broken-guard-dropped; do
  cp -f "$CARGO_TARGET_DIR/debug/rust-$program" "$1/"
done
