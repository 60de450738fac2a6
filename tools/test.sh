#!/usr/bin/env bash
# Everything that is tested, in one command, what is long in its short form (docs/TESTING.md). Fails at the first thing that is
# wrong; skips nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
# Processor time of what ended so far: a part with little of it waits, one with much works.
busy() { awk '{ print int(($16 + $17) / '"$(getconf CLK_TCK)"') }' /proc/$$/stat; }
step() { printf '\n== %s (after %s s, %s s of a processor)\n' "$*" "$SECONDS" "$(busy)"; }

# Beside what follows, where that leaves a processor idle: what it prints is shown where it is waited for.
other= told=$(mktemp)
trap '[ -z "$other" ] || kill "$other" 2>/dev/null || true; rm -f "$told"' EXIT
beside() { "$@" >"$told" 2>&1 & other=$!; }
beside_ends() {
    local status=0
    wait "$other" || status=$?
    other=
    cat "$told"
    return "$status"
}

step "format, lints, and beside them the library"
cargo fmt --all --check
# Little of it can be done by two processors at once; nor of the lints.
beside cargo build --release --locked -q -p libsch -p sch-node
cargo clippy --workspace --all-targets --locked -- -D warnings
beside_ends

c_side() {
    make --no-print-directory build/workload build/pool && tools/abi_guard.sh
}
step "unit tests, scenarios, probes, C ABI, simulator; beside them the clients in C, the binary interface"
beside c_side
cargo test --locked --workspace --no-fail-fast
beside_ends
# Built just now; alone it would have other features of shared crates, and be built anew with them.
export SCH_SIM=$PWD/target/debug/sch-sim

step "the clients in C"
make --no-print-directory clients

step "the Node package, and beside it C and C++ programs under sanitizers"
beside tools/sanitize.sh programs
tools/test_node.sh
beside_ends

step "end to end against redis-server, plain and TLS"
make --no-print-directory e2e-short

step "Python, and beside it the clients under valgrind"
beside make --no-print-directory memcheck
tools/test_python.sh
beside_ends
printf '\nall of it passed, in %s s\n' "$SECONDS"
