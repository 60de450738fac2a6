#!/bin/sh
# The simulator, as a debug build: it is waited for by clients, not measured. Nothing to do where SCH_SIM names one, as `make test` does:
# beside the tests of the workspace, its crates have been built with their features already.
set -eu
cd "$(dirname "$0")/.."
[ -n "${SCH_SIM:-}" ] || cargo build --locked -q -p sch-sim
