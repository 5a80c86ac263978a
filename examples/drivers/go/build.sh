#!/bin/sh
# Builds the drivers, and the broken variants that the kit is tested with, into the folder $1.
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
(cd "$here" && go build -buildvcs=false -o "$out/" ./go-map ./go-files)
(cd "$here/../../../tests/drivers/go" && go build -buildvcs=false -o "$out/" ./...)
