"""The library of this tree, unless SCH_LIBRARY names another."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
os.environ.setdefault("SCH_LIBRARY", str(ROOT / "target" / "debug" / "libsch.so"))
sys.path.insert(0, str(ROOT / "bindings" / "python"))

import pytest  # noqa: E402


@pytest.fixture(scope="session")
def redis():
    """One redis-server for all."""
    from servers import Redis

    server = Redis()
    yield server
    server.stop()
