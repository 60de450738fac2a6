#!/usr/bin/env python3
"""Runs the pool of examples/c/pool.c through maintenance and prints a table. Every demand is asserted.

    pool.py                      the embedded store
    pool.py --redis-server       starts a redis-server behind the simulator
    pool.py --only 1 3           these rows

What the program counts is set against what the simulator saw: connects at once, and who was left on the old node.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace

from clients import TOP, VALGRIND
from run import RedisServer
from sim import SIM, Sim

# Admission (P3): an attempt is taken to last this long until one was measured, and 80 % of the time is used.
GUESS_S, SHARE, LEAST, MOST = 0.1, 0.8, 4, 256
# A demand in milliseconds that was missed is measured again: the machine may have been busy. Counts never are.
TRIES = 3
SETTLE_S = 0.3
# Probes are 50, 100, ... 800 ms apart: the one after 0.75 s, or on a slow machine the one after 1.55 s, finds it back.
BACK_S = 1.2
MANY_THREADS = 16


@dataclass
class Row:
    name: str
    scenario: str
    scale: float
    unowned: str = "handoff"
    connections: int = 64
    threads: int = 32
    rate: int = 50
    # Replies are held this long, which is longer than the timeout of 500 ms: only relaxed ones survive it.
    frozen_s: float = 0
    # All are closed without a MOVING, and refused for so long: outcomes of what was in flight are unknown.
    away_s: float = 0

    @property
    def moves(self):
        return self.scenario == "rolling-upgrade"

    @property
    def time_s(self):
        return 15 * self.scale

    @property
    def bound(self):
        """Attempts at once that the admission allows at the start. Later it measures: on a machine that keeps up they
        take less than guessed, on one that does not it allows more."""
        return min(MOST, max(LEAST, math.ceil(self.connections * GUESS_S / (SHARE * self.time_s))))

    @property
    def notifications(self):
        if self.moves:
            return {"MIGRATING": 1, "MIGRATED": 1, "MOVING": 1}
        if self.scenario == "in-place-upgrade":
            return {"MIGRATING": 1, "MIGRATED": 1}
        return {"FAILING_OVER": 1, "FAILED_OVER": 1}


ROWS = [
    Row("rolling upgrade, resting ones are handed off", "rolling-upgrade", 2 / 15),
    Row("failover, replies frozen 0.75 s", "failover", 0.5, frozen_s=0.75),
    Row("rolling upgrade, resting ones are closed", "rolling-upgrade", 2 / 15, unowned="retire"),
    Row("rolling upgrade, 1,000 connections", "rolling-upgrade", 0.4, connections=1000),
    Row("restart without a MOVING, refused 0.5 s", "in-place-upgrade", 0.5, away_s=0.5),
]


def seen_by_simulator(sim, end_ms):
    """From its events alone: the most connections of the new node between accept and opt-in, the most open at once, and
    what was open on the old one when it closed."""
    events = sim.request("GET", "/v1/events")["events"]
    start = next((e["n"] for e in events if e["event"] == "moving"), None)
    seen = {"connecting_most": 0, "open_most": 0, "left": None, "told": None}
    opening, opened = set(), set()
    for e in events:
        what = e["event"]
        if what == "connected":
            opening.add(e["connection"])
            opened.add(e["connection"])
        elif what == "opted_in":
            opening.discard(e["connection"])
        elif what == "disconnected":
            opening.discard(e["connection"])
            opened.discard(e["connection"])
        elif what == "old_node_closes":
            seen["left"] = e["connections"]
        elif what == "moving":
            seen["told"] = e["sent"]
        if start is not None and e["n"] > start and e["ms"] <= end_ms:
            seen["connecting_most"] = max(seen["connecting_most"], len(opening))
            seen["open_most"] = max(seen["open_most"], len(opened))
    return seen


def run_row(args, row, index, upstream):
    sim = Sim(args.sim, ("a=127.0.0.1:0", "b=127.0.0.1:0"), upstream)
    program = None
    try:
        a = sim.endpoints["a"]
        command = VALGRIND if args.valgrind else []
        command = command + [args.pool, "--host", a["addr"], "--port", str(a["port"]), "--threads", str(row.threads)]
        command += ["--connections", str(row.connections), "--rate", str(row.rate), "--unowned", row.unowned]
        command += ["--timeout-ms", "500", "--prefix", f"pool{index}"]
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if program.stdout.readline() != "ready\n":
            raise SystemExit("the pool did not start")
        time.sleep(SETTLE_S)
        run = sim.post("scenario", name=row.scenario, scale=row.scale, endpoint="a")["id"]
        while (state := sim.request("GET", f"/v1/scenario/{run}"))["state"] == "running":
            time.sleep(0.02)
        if state["state"] != "done":
            raise SystemExit(f"the scenario failed: {state}")
        time.sleep(SETTLE_S)
        end_ms = sim.request("GET", "/v1/status")["ms"]
        out, _ = program.communicate(timeout=120)
        if program.returncode not in (0, 1) or not out:
            raise SystemExit(f"the pool stopped with {program.returncode}")
        return {**json.loads(out), **seen_by_simulator(sim, end_ms)}
    finally:
        if program and program.poll() is None:
            program.kill()
            program.wait()
        sim.stop()


def judge(row, r):
    wrong, late = [], []

    def demand(ok, text):
        if not ok:
            wrong.append(text)

    if row.away_s:
        demand(r["failed"] == r["unknown"] <= row.threads, f"{r['failed']} failed, of them {r['unknown']} unknown")
        # Once it accepts, one probe answers, and nobody waits any longer.
        if r["max_ms"] > (row.away_s + BACK_S) * 1000:
            late.append(f"longest {r['max_ms']} ms, it was away for {row.away_s} s")
    for what in ("doubled", "misordered", "lost", "dials_failed", "handoffs_failed"):
        demand(r[what] == 0, f"{r[what]} {what}")
    if not row.away_s:
        demand(r["failed"] == r["unknown"] == 0, f"{r['failed']} failed, of them {r['unknown']} unknown")
    demand(r["commands"] >= row.threads, "nothing was done")
    demand(r["maintenance"] == row.notifications, f"MAINTENANCE events {r['maintenance']}, not {row.notifications}")
    # With few threads it is chance whether one holds a connection when there is mail for it.
    demand(row.threads < MANY_THREADS or r["mails"] > 0 and r["wakes"] > 0, "nobody got mail, or nobody was woken")
    demand(r["told"] is None or r["told"] == row.connections, f"{r['told']} of {row.connections} had opted in")
    if row.moves:
        if row.unowned == "handoff":
            demand(r["swapped"] == row.connections, f"{r['swapped']} of {row.connections} handed off")
            demand(r["by_caretaker"] > 0, "none of those that rested was handed off")
        else:
            demand(r["retired"] > 0, "none was retired")
            demand(r["swapped"] + r["retired"] >= row.connections, f"{r['swapped']} handed off, {r['retired']} retired")
        demand(r["left"] == 0, f"{r['left']} connections on the old node at its close")
        demand(r["late"] == 0 and r["late_event"] == 0, f"{r['late']} late")
        demand(r["connecting_most"] <= MOST, f"{r['connecting_most']} connects at once, never more than {MOST} may be")
        # Threads that need a connection in the place of one that was closed dial when they need it: no admission.
        seen = row.bound + r["dials_most"]
        if r["attempts_most"] > row.bound:
            late.append(f"{r['attempts_most']} attempts at once, at most {row.bound} may be")
        if r["connecting_most"] > seen:
            late.append(f"the simulator saw {r['connecting_most']} connects at once, at most {seen} may be")
        if row.unowned == "handoff":
            demand(r["dials_most"] == 0, f"{r['dials_most']} dials where every connection was handed off")
    if row.frozen_s:
        demand(r["max_ms"] >= row.frozen_s * 900, f"nobody waited for the frozen replies: {r['max_ms']} ms")
        demand(r["swapped"] == 0, "a handoff without a MOVING")
    demand(r["relaxed"] > 0, "no timeout was relaxed")
    return wrong, late


COLUMNS = (
    ("commands", "commands", 8), ("failed", "failed", 6), ("doubled", "doubled", 7), ("misord.", "misordered", 7),
    ("lost", "lost", 4), ("handoffs", "swapped", 8), ("retired", "retired", 7), ("at once", "attempts_most", 7), ("dials", "dials_most", 5),
    ("sim saw", "connecting_most", 7), ("bound", "bound", 5), ("left", "left", 4), ("pushes", "read", 6),
    ("events", "events", 6), ("p99 ms", "p99_ms", 7), ("max ms", "max_ms", 8),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sim", default=SIM)
    parser.add_argument("--pool", default=os.path.join(TOP, "build/pool"))
    parser.add_argument("--upstream")
    parser.add_argument("--redis-server", action="store_true")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of rows, from 1")
    parser.add_argument("--valgrind", action="store_true", help="under valgrind, with few threads and connections")
    parser.add_argument("--verbose", action="store_true", help="all that was counted")
    args = parser.parse_args()
    redis = RedisServer() if args.redis_server else None
    upstream = f"127.0.0.1:{redis.port}" if redis else args.upstream
    rows = [(i, r) for i, r in enumerate(ROWS, 1) if not args.only or i in args.only]
    if args.valgrind:
        rows = [(i, replace(r, threads=4, connections=8, rate=20)) for i, r in rows]
    bad, began = [], time.monotonic()
    print("a pool shared by threads:\n  " + "  ".join(f"{title:>{width}}" for title, _, width in COLUMNS), flush=True)
    try:
        for index, row in rows:
            for again in range(TRIES):
                result = run_row(args, row, f"{index}{again}", upstream)
                shown = {**result, "bound": row.bound if row.moves else "", "events": sum(result["maintenance"].values())}
                shown["left"] = "" if result["left"] is None else result["left"]
                print(f"{index} {row.name}: {row.threads} threads, {row.connections} connections")
                print("  " + "  ".join(f"{shown[key]:>{width}}" for _, key, width in COLUMNS), flush=True)
                if args.verbose:
                    print(json.dumps(result))
                wrong, late = judge(row, result)
                if wrong or not late or again == TRIES - 1:
                    break
                print(f"  measured again: {'; '.join(late)}")
            bad += [f"row {index}: {w}" for w in wrong + late]
    finally:
        if redis:
            redis.stop()
    for line in bad:
        print(f"WRONG: {line}")
    failed = len({line.split(":")[0] for line in bad})
    print(f"{len(rows) - failed} passed, {failed} failed, {time.monotonic() - began:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
