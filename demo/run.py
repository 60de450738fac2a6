#!/usr/bin/env python3
"""Runs clients through maintenance, side by side, and prints a table.

    run.py                                  the demo: without and with libsch, embedded store
    run.py --upstream 127.0.0.1:6379        the same in front of a redis-server
    run.py --redis-server                   starts a redis-server for it, and stops it
    run.py --drivers managed hiredis-sch --check [--tls]     the demands of every row are asserted

Exit code 0 only if the side with libsch lost, doubled and misordered nothing, reported nothing as unknown where no
connection was reset, and (with --check) met every demand.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

from rows import ROWS
from sim import Sim

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
WITHOUT = {"plain", "hiredis"}
VALGRIND = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite,possible"]
# A demand in milliseconds that was missed is measured again: the machine may have been busy. Counts never are.
TRIES = 3


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class RedisServer:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.port = free_port()
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        try:
            self.process = subprocess.Popen(
                command + ["--dir", self.folder.name], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
            )
        except FileNotFoundError:
            raise SystemExit("redis-server is missing: install Debian's package redis-server")
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise SystemExit("redis-server did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.folder.cleanup()


def load(args, row, sim, driver, index):
    target = sim.endpoints["a"]
    command = VALGRIND if args.valgrind else []
    command = command + [args.workload, "--driver", driver, "--host", target["addr"], "--port", str(target["port"])]
    command += ["--workers", str(args.workers), "--rate", str(args.rate), "--timeout-ms", "500"]
    command += ["--seconds", str(row.seconds + args.lead), "--prefix", f"{driver}{index}"]
    command += row.extra
    if args.tls:
        command += ["--ca", sim.ready["ca_file"], "--name", "localhost"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def run_row(args, row, index, upstream):
    sim = Sim(args.sim, row.endpoints, upstream, row.server, args.tls)
    try:
        loads = [(d, load(args, row, sim, d, index)) for d in args.drivers]
        sim.begin(args.lead)
        row.act(sim)
        results = []
        for driver, process in loads:
            out, _ = process.communicate(timeout=row.seconds + args.lead + 60)
            if process.returncode not in (0, 1) or not out:
                raise SystemExit(f"the client {driver} stopped with {process.returncode}")
            results.append(json.loads(out))
        return results
    finally:
        sim.stop()


def judge(row, result, check):
    """What is wrong with a result of the side with libsch."""
    wrong, late = [], []
    for what in ("doubled", "misordered", "lost"):
        if result[what]:
            wrong.append(f"{result[what]} {what}")
    if result["unknown"] and not row.may_be_unknown:
        wrong.append(f"{result['unknown']} unknown")
    if check:
        if result["failed"] > row.failed:
            wrong.append(f"{result['failed']} failed, at most {row.failed} may")
        if row.may_be_unknown and result["failed"] != result["unknown"]:
            wrong.append("a command failed whose outcome is not unknown")
        if row.handoffs and not result["handoffs"] and not row.may_be_unknown:
            wrong.append("no handoff")
        if row.restored and result["restored"] != result["relaxed"]:
            wrong.append(f"relaxed {result['relaxed']} times, restored {result['restored']}")
        if row.restored and not result["relaxed"]:
            wrong.append("never relaxed")
        if row.pause_ms is not None and result["pause_ms"] > row.pause_ms:
            late.append(f"held {result['pause_ms']} ms, at most {row.pause_ms} may be")
        if row.max_ms is not None and result["max_ms"] > row.max_ms:
            late.append(f"longest {result['max_ms']} ms, at most {row.max_ms} may be")
    return wrong, late


COLUMNS = (
    ("client", "driver", 12), ("commands", "commands", 9), ("failed", "failed", 7), ("unknown", "unknown", 8),
    ("handoffs", "handoffs", 9), ("took ms", "duration_ms", 9), ("held ms", "pause_ms", 8),
    ("p50 ms", "p50_ms", 7), ("p99 ms", "p99_ms", 8), ("max ms", "max_ms", 8),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sim", default=os.path.join(TOP, "target/release/sch-sim"))
    parser.add_argument("--workload", default=os.path.join(TOP, "build/workload"))
    parser.add_argument("--drivers", nargs="+", default=["plain", "managed"])
    parser.add_argument("--upstream")
    parser.add_argument("--redis-server", action="store_true")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--valgrind", action="store_true")
    parser.add_argument("--lead", type=float, default=0, help="seconds before the row begins, for slow clients")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of rows, from 1")
    args = parser.parse_args()
    redis = RedisServer() if args.redis_server else None
    upstream = f"127.0.0.1:{redis.port}" if redis else args.upstream
    rows = [(i, r) for i, r in enumerate(ROWS, 1) if not args.only or i in args.only]
    bad, passed, began = [], 0, time.monotonic()
    head = "  ".join(f"{title:>{width}}" for title, _, width in COLUMNS)
    print(f"{'':2}{head}", flush=True)
    try:
        for index, row in rows:
            print(f"{index} {row.name} ...", end="\r", flush=True)
            for again in range(TRIES):
                results = run_row(args, row, index, upstream)
                print(f"{index} {row.name}{'':<8}")
                for result in results:
                    print("  " + "  ".join(f"{result[key]:>{width}}" for _, key, width in COLUMNS), flush=True)
                judged = [(r["driver"], *judge(row, r, args.check)) for r in results if r["driver"] not in WITHOUT]
                late = [f"{driver}: {line}" for driver, _, lines in judged for line in lines]
                if not late or any(wrong for _, wrong, _ in judged) or again == TRIES - 1:
                    break
                print(f"  measured again: {'; '.join(late)}")
            passed += sum(not wrong and not late for _, wrong, late in judged)
            bad += [f"row {index}, {driver}: {w}" for driver, wrong, late in judged for w in wrong + late]
    finally:
        if redis:
            redis.stop()
    print(f"\n{len(rows)} rows in {time.monotonic() - began:.0f} s, {args.workers} workers a client, timeout 500 ms")
    for line in bad:
        print(f"WRONG: {line}")
    failed = len({line.split(":")[0] for line in bad})
    print(f"{passed} passed, {failed} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
