"""The clients of examples/python where nothing is announced: connections that close, are reset, or do not answer. Each
command that fails is accounted for: the counters on the server are what the replies said, and the load goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

import sch
from servers import ROOT, start
from test_blocking import wait

WORKERS = 4
#: What is done, and whether commands must have run into the timeout.
FAULTS = {
    "closed": ([{"close": True}], False),
    "reset": ([{"reset": True}], False),
    "cut in a reply": ([{"close_mid_reply": True}], False),
    "silent": ([{"freeze": True}, {"freeze": False}], True),
}


@pytest.mark.parametrize("driver", ["python-asyncio", "python-blocking"])
@pytest.mark.parametrize("name", FAULTS)
def test_what_fails_is_accounted_for(name: str, driver: str) -> None:
    sim = start(None)
    faults, silent = FAULTS[name]
    environment = {"PYTHONPATH": str(ROOT / "bindings" / "python"), "SCH_LIBRARY": sch._library.lib._name}
    command = [sys.executable, str(ROOT / "examples" / "python" / "workload.py"), "--driver", driver]
    command += ["--port", str(sim.endpoints["a"]["port"]), "--workers", str(WORKERS), "--seconds", "60"]
    load = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
    try:
        connected = wait_for_load(sim, 0)
        for fault in faults:
            sim.post("fault", endpoint="a", **fault)
            if fault.get("freeze"):  # until all have given up: with RESP's order gone they close
                wait(lambda: ended(sim) >= WORKERS)
        wait_for_load(sim, connected)
        load.send_signal(signal.SIGTERM)
        out, _ = load.communicate(timeout=30)
        result = json.loads(out)
        assert load.returncode == 0, out
        assert not (result["doubled"] or result["misordered"] or result["lost"]), out
        assert result["connections"] > WORKERS
        assert (result["failed"] > 0) >= silent
        assert result["unknown"] <= result["failed"] <= 3 * WORKERS
    finally:
        load.kill()
        load.wait()
        sim.stop()


def events(sim: Any, name: str) -> Any:
    return [e["connection"] for e in sim.request("GET", "/v1/events")["events"] if e["event"] == name]


def ended(sim: Any) -> int:
    return len(events(sim, "disconnected"))


def wait_for_load(sim: Any, after: int) -> int:
    """Until every worker works on a connection with a number above `after`; the highest."""

    def busy() -> Any:
        return [c["id"] for c in sim.request("GET", "/v1/status")["connections"] if c["commands"] > 10]

    wait(lambda: len(busy()) == WORKERS and max(busy()) > after)
    return int(max(busy()))
