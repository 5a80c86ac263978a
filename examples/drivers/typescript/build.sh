#!/bin/sh
# Build the drivers, and the broken ones that show that the kit finds bugs, into the folder $1.
set -eu

examples=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$examples/../../.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)

# Beside the launchers, not in the source tree, one node_modules serves both folders.
build=$out/typescript
mkdir -p "$build/examples/drivers" "$build/tests/drivers"
for folder in examples/drivers/typescript tests/drivers/typescript; do
    rm -rf "${build:?}/$folder"
    cp -R "$repository/$folder" "$build/$folder"
    rm -rf "$build/$folder/node_modules" "$build/$folder/dist"
done
cp "$examples/package.json" "$build/package.json"

install() {
    npm install --prefix "$@" --no-package-lock --no-audit --no-fund --loglevel=error
}

node=$(command -v node)
if [ "$("$node" -p 'Number.parseInt(process.versions.node) >= 22')" = false ]; then
    node=$build/node-22/node_modules/.bin/node
    [ -x "$node" ] || install "$build/node-22" node@22.23.3
fi

install "$build"
"$node" "$build/node_modules/.bin/tsc" --project "$build/tests/drivers/typescript"

launcher() {
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$node" "$build/dist/$2" >"$out/$1"
    chmod +x "$out/$1"
}

launcher ts-map examples/drivers/typescript/src/ts-map.js
launcher ts-sqlite examples/drivers/typescript/src/ts-sqlite.js
for bug in doubles missing-await swallowed-error; do
    launcher "ts-broken-$bug" "tests/drivers/typescript/broken-$bug.js"
done
