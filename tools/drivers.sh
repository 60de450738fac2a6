#!/usr/bin/env bash
# Drivers from their registries through the simulator's scenarios. Needs python3 with venv, node and npm, and both registries:
# what is missing is said, and fails; nothing is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
missing() { echo "make drivers: $*" >&2; exit 1; }
for tool in python3 node npm cargo; do command -v "$tool" >/dev/null || missing "$tool is missing"; done
venv=build/drivers-venv
wanted=tests/drivers/python/requirements.txt
if [ "$("$venv/bin/pip" freeze --disable-pip-version-check 2>/dev/null | grep -xFf "$wanted" | wc -l)" != "$(wc -l <"$wanted")" ]; then
    python3 -m venv --clear "$venv" || missing "python3 cannot make a virtual environment: install python3-venv"
    "$venv/bin/pip" install --disable-pip-version-check -q -r "$wanted" ||
        missing "redis-py did not come from the Python package registry: is it reachable?"
fi
(cd tests/drivers/node && npm ci --silent --no-audit --no-fund) ||
    missing "node-redis did not come from the npm registry: is it reachable?"
tools/build_sim.sh
(cd tests/drivers && python3 -m unittest -q test_facts)
exec python3 tests/drivers/run.py --sim "${SCH_SIM:-target/debug/sch-sim}" --python "$venv/bin/python" "$@"
