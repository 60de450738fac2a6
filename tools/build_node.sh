#!/bin/sh
# Builds the Node package in its place: what it is compiled with, the addon, the JavaScript.
set -eu
cd "$(dirname "$0")/.."
for tool in node npm cargo; do
    command -v "$tool" >/dev/null || { echo "missing: $tool (Node.js 18.17 or later with npm, Rust 1.95 or later)" >&2; exit 1; }
done
cd bindings/node
# npm ci takes all away and installs it again: only where what is there is not what the lock file says.
if ! cmp -s package-lock.json node_modules/.sch-lock; then
    npm ci --silent --no-audit --no-fund
    cp package-lock.json node_modules/.sch-lock
fi
node scripts/addon.mjs --release
npx --no-install tsc -p tsconfig.json
