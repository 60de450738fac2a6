#!/usr/bin/env python3
"""The cluster client through each slot migration of the simulator, and prints a table.

    cluster.py                    embedded stores
    cluster.py --redis-server     in front of real redis-servers, one for each node

Exit code 0 only if nothing failed, was lost, doubled or misordered, no command that was sent after the map was patched was
answered with MOVED, and the map was loaded at most once a maintenance.
"""

import argparse
import json
import os
import subprocess
import sys
import time

from clients import TOP
from run import COLUMNS, RedisServer
from sim import SIM, Sim

SCENARIOS = ("slot-migrate-existing", "slot-migrate-new-node", "node-remove", "node-replace", "slot-shuffle")
NODES = 3
WORKERS, RATE = 8, 200
TABLE = COLUMNS[:4] + (("moved", "moved", 6), ("late", "moved_late", 5), ("reloads", "reloads", 8)) + COLUMNS[7:]
DEMANDS = (
    ("failed", 0), ("unknown", 0), ("lost", 0), ("doubled", 0), ("misordered", 0), ("moved_late", 0), ("reloads", 1),
)  # at most


def run(args, scenario):
    servers = [RedisServer() for _ in range(NODES + 1)] if args.redis_server else []
    extra = ["--cluster", str(NODES)]
    for server in servers:
        extra += ["--upstream", f"127.0.0.1:{server.port}"]
    sim = None
    try:
        sim = Sim(args.sim, [f"{name}=127.0.0.1:0" for name in "abc"[:NODES]], extra=extra)
        first = sim.endpoints["a"]
        command = [args.workload, "--driver", "cluster", "--host", first["addr"], "--port", str(first["port"])]
        command += ["--workers", str(WORKERS), "--rate", str(RATE), "--seconds", str(args.seconds), "--prefix", scenario]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        sim.begin()
        sim.at(0.7)
        sim.post("scenario", name=scenario)
        out, _ = process.communicate(timeout=args.seconds + 60)
        if process.returncode not in (0, 1) or not out:
            raise SystemExit(f"the client stopped with {process.returncode}")
        return json.loads(out)
    finally:
        if sim:
            sim.stop()
        for server in servers:
            server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sim", default=SIM)
    parser.add_argument("--workload", default=os.path.join(TOP, "build/workload"))
    parser.add_argument("--redis-server", action="store_true")
    parser.add_argument("--seconds", type=float, default=4.5)
    parser.add_argument("--only", nargs="*", choices=SCENARIOS)
    args = parser.parse_args()
    bad, began = [], time.monotonic()
    scenarios = args.only or SCENARIOS
    print(f"{'':2}" + "  ".join(f"{title:>{width}}" for title, _, width in TABLE), flush=True)
    for scenario in scenarios:
        print(scenario, flush=True)
        result = run(args, scenario)
        print("  " + "  ".join(f"{result[key]:>{width}}" for _, key, width in TABLE), flush=True)
        bad += [f"{scenario}: {result[what]} {what}, at most {most}" for what, most in DEMANDS if result[what] > most]
    print(f"\n{len(scenarios)} scenarios in {time.monotonic() - began:.0f} s, {WORKERS} workers on {NODES} nodes")
    for line in bad:
        print(f"WRONG: {line}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
