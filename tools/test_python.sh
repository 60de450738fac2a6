#!/usr/bin/env bash
# The Python package: types (also of examples/python), declarations, scenarios, misuse, streams end to end, the wheel, the benchmark.
# SCH_LONG=1: every scenario of the simulator against every kind of stream; without it two of them.
# Needs python3 with venv, redis-server and a C compiler. The tools are installed once into build/venv.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=build/venv
if ! "$venv/bin/python" -c 'import pytest, xdist, mypy, setuptools, wheel' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --disable-pip-version-check -q --upgrade pytest pytest-xdist mypy "setuptools>=64" wheel
fi
profile=${SCH_PROFILE:-release}
flags=$([ "$profile" = release ] && echo --release || true)
# shellcheck disable=SC2086
cargo build --locked $flags -p libsch
tools/build_sim.sh
export SCH_LIBRARY="${SCH_LIBRARY:-$PWD/target/$profile/libsch.so}"

python3 tools/gen_python.py --check
(cd bindings/python && "../../$venv/bin/mypy")
MYPYPATH=bindings/python "$venv/bin/mypy" --strict examples/python
# Most of them wait for servers.
"$venv/bin/pytest" -q -n 3 bindings/python "$@"
if [ "$profile" = release ]; then "$venv/bin/python" bindings/python/bench.py; fi
