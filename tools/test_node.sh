#!/bin/sh
# The Node package: built, its types, all its tests, its benchmark. Needs node, npm, redis-server and valgrind.
set -eu
cd "$(dirname "$0")/.."
cargo build --locked -q -p sch-sim
cd bindings/node
npm ci --silent --no-audit --no-fund
node scripts/addon.mjs --release
npx --no-install tsc -p tsconfig.json
npx --no-install tsc -p test/types
npm test --silent
node bench/receive.mjs
