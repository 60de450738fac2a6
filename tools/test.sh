#!/usr/bin/env bash
# Everything that is tested, in one command, what is long in its short form (docs/TESTING.md). Fails at the first thing that is
# wrong; skips nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n== %s (after %s s)\n' "$*" "$SECONDS"; }

step "format and lints"
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings

step "build"
cargo build --release --locked --workspace
make --no-print-directory clients

step "unit tests, scenarios, probes, C ABI, simulator"
cargo test --locked --workspace --no-fail-fast

tools/sanitize.sh programs

step "the binary interface is as committed"
tools/abi_guard.sh

step "the Node package"
tools/test_node.sh

step "end to end against redis-server, plain and TLS"
make --no-print-directory e2e-short

step "Python"
tools/test_python.sh

step "the clients under valgrind"
make --no-print-directory memcheck
printf '\nall of it passed, in %s s\n' "$SECONDS"
