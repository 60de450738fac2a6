#!/bin/sh
# The Node package: built, its types and those of examples/node, all its tests, its benchmark. Needs node, npm, redis-server and
# valgrind.
set -eu
cd "$(dirname "$0")/.."
tools/build_sim.sh
tools/build_node.sh
cd bindings/node
npx --no-install tsc -p test/types
npx --no-install tsc -p test/types/examples
npm test --silent
node bench/receive.mjs
