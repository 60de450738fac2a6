"""The program in the README at the top is run as it stands, but for the port, and its server moves meanwhile."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import sch
from servers import ROOT, start
from test_blocking import wait


def test_the_program_of_the_readme_counts_while_its_server_moves() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert program.count("6379") == 1
    sim = start(None)
    try:
        program = program.replace("6379", str(sim.endpoints["a"]["port"]))
        environment = {"PYTHONPATH": str(ROOT / "bindings" / "python"), "SCH_LIBRARY": sch._library.lib._name}
        running = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
        wait(lambda: any(c["opted_in"] for c in sim.request("GET", "/v1/status")["connections"]))
        sim.post("move", **{"from": "a"}, to="b", time_s=20)
        out, _ = running.communicate(timeout=60)
        assert running.returncode == 0
        assert out.splitlines() == [repr(b":%d\r\n" % n) for n in range(1, 101)]
        assert where_it_was(sim) == ["a", "b"]
    finally:
        sim.stop()


def where_it_was(sim: Any) -> Any:
    return [e["endpoint"] for e in sim.request("GET", "/v1/events")["events"] if e["event"] == "opted_in"]
