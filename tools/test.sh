#!/usr/bin/env bash
# Everything that is tested, in one command, what is long in its short form (docs/TESTING.md). Fails at the first thing that is
# wrong; skips nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
# Processor time of what ended so far: a part with little of it waits, one with much works.
busy() { awk '{ print int(($16 + $17) / '"$(getconf CLK_TCK)"') }' /proc/$$/stat; }
step() { printf '\n== %s (after %s s, %s s of a processor)\n' "$*" "$SECONDS" "$(busy)"; }

step "format and lints"
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings

step "unit tests, scenarios, probes, C ABI, simulator"
cargo test --locked --workspace --no-fail-fast
# Built just now; alone it would have other features of shared crates, and be built anew with them.
export SCH_SIM=$PWD/target/debug/sch-sim

step "the library, and the clients in C"
cargo build --release --locked -p libsch -p sch-node
make --no-print-directory clients

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
