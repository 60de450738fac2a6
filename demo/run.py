#!/usr/bin/env python3
"""Runs clients through maintenance, side by side, and prints a table.

    run.py                                  the demo: without and with libsch, embedded store
    run.py --upstream 127.0.0.1:6379        the same in front of a redis-server
    run.py --redis-server                   starts a redis-server for it, and stops it
    run.py --drivers managed hiredis-sch --check [--tls]     the demands of every row are asserted
    run.py --drivers plain managed python-asyncio python-blocking node --at-once 2 --rate 100

Exit code 0 only if the side with libsch lost, doubled and misordered nothing, reported nothing as unknown where no
connection was reset, and (with --check) met every demand; with `--check counts`, those that are not milliseconds.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from clients import TOP, WITHOUT, command_of, missing
from rows import ROWS
from sim import SIM, Sim

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
    command, environment = command_of(driver, args.workload, args.valgrind)
    command += ["--host", target["addr"], "--port", str(target["port"])]
    command += ["--workers", str(args.workers), "--rate", str(args.rate), "--timeout-ms", "500"]
    command += ["--seconds", str(row.seconds + args.lead), "--prefix", f"{driver}{index}"]
    command += row.extra
    if args.tls:
        command += ["--ca", sim.ready["ca_file"], "--name", "localhost"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def await_all(args, sim, clients):
    """Waits until every worker is connected, and has opted in where it can: what is announced before is announced to nobody."""
    opting = sum(driver not in WITHOUT for driver, _ in clients) * args.workers
    until = time.monotonic() + args.lead
    while True:
        connections = sim.request("GET", "/v1/status")["connections"]
        if len(connections) >= len(clients) * args.workers and sum(c["opted_in"] for c in connections) >= opting:
            return
        for driver, process in clients:
            if process.poll() is not None:
                raise SystemExit(f"the client {driver} stopped with {process.returncode} before it was connected")
        if time.monotonic() > until:
            raise SystemExit(f"the clients were not connected within {args.lead} s: see --lead")
        time.sleep(0.01)


def run_row(args, row, index, upstream, drivers):
    sim = Sim(args.sim, row.endpoints, upstream, row.server, args.tls)
    clients = []
    try:
        for driver in drivers:
            clients.append((driver, load(args, row, sim, driver, index)))
        await_all(args, sim, clients)
        sim.begin()
        row.act(sim)
        sim.at(row.seconds)
        for _, process in clients:
            process.terminate()
        results = []
        for driver, process in clients:
            out, _ = process.communicate(timeout=60)
            if process.returncode not in (0, 1) or not out:
                raise SystemExit(f"the client {driver} stopped with {process.returncode}")
            results.append(json.loads(out))
        return results
    finally:
        for _, process in clients:
            if process.poll() is None:
                process.kill()
                process.wait()
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
    if check == "all":
        if row.pause_ms is not None and result["pause_ms"] > row.pause_ms:
            late.append(f"held {result['pause_ms']} ms, at most {row.pause_ms} may be")
        if row.max_ms is not None and result["max_ms"] > row.max_ms:
            late.append(f"longest {result['max_ms']} ms, at most {row.max_ms} may be")
    return wrong, late


COLUMNS = (
    ("client", "driver", 15), ("commands", "commands", 8), ("failed", "failed", 6), ("unknown", "unknown", 7),
    ("handoffs", "handoffs", 8), ("took ms", "duration_ms", 8), ("held ms", "pause_ms", 7),
    ("p50 ms", "p50_ms", 6), ("p99 ms", "p99_ms", 7), ("max ms", "max_ms", 8),
)


def show(index, row, results):
    print(f"{index} {row.name}{'    ' if sys.stdout.isatty() else ''}")
    for result in results:
        print("  " + "  ".join(f"{result[key]:>{width}}" for _, key, width in COLUMNS), flush=True)


def measure(args, rows, upstream):
    """Runs the rows, some side by side, and says of each client in each row what is wrong."""
    found = {}

    def judged(index, row, results):
        for result in results:
            if result["driver"] not in WITHOUT:
                found[index, result["driver"]] = judge(row, result, args.check)

    with ThreadPoolExecutor(args.at_once) as pool:
        running = [(index, row, pool.submit(run_row, args, row, index, upstream, args.drivers)) for index, row in rows]
        try:
            for index, row, future in running:
                if sys.stdout.isatty():
                    print(f"{index} {row.name} ...", end="\r", flush=True)
                results = future.result()
                show(index, row, results)
                judged(index, row, results)
        finally:
            for _, _, future in running:
                future.cancel()
    for again in range(1, TRIES):
        for index, row in rows:
            for driver in args.drivers:
                wrong, late = found.get((index, driver), ((), ()))
                if late and not wrong:
                    print(f"  measured again, alone: {'; '.join(late)}")
                    results = run_row(args, row, f"{index}again{again}", upstream, [driver])
                    show(index, row, results)
                    judged(index, row, results)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sim", default=SIM)
    parser.add_argument("--workload", default=os.path.join(TOP, "build/workload"))
    parser.add_argument("--drivers", nargs="+", default=["plain", "managed"])
    parser.add_argument("--upstream")
    parser.add_argument("--redis-server", action="store_true")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rate", type=int, default=200, help="commands a second of each worker")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--check", nargs="?", const="all", choices=("all", "counts"), help="assert demands; `counts`: but times")
    parser.add_argument("--valgrind", action="store_true")
    parser.add_argument("--at-once", type=int, default=1, help="rows side by side, each with a simulator of its own")
    parser.add_argument("--lead", type=float, default=60, help="seconds that the clients may take to connect: under valgrind many")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of rows, from 1")
    args = parser.parse_args()
    problem = missing(args.drivers, args.workload)
    if problem:
        raise SystemExit(problem)
    redis = RedisServer() if args.redis_server else None
    upstream = f"127.0.0.1:{redis.port}" if redis else args.upstream
    rows = [(i, r) for i, r in enumerate(ROWS, 1) if not args.only or i in args.only]
    began = time.monotonic()
    print("  " + "  ".join(f"{title:>{width}}" for title, _, width in COLUMNS), flush=True)
    try:
        found = measure(args, rows, upstream)
    finally:
        if redis:
            redis.stop()
    print(
        f"\n{len(rows)} rows in {time.monotonic() - began:.0f} s, {args.workers} workers a client, each {args.rate} commands"
        " a second, timeout 500 ms"
    )
    bad = [(index, driver, wrong + late) for (index, driver), (wrong, late) in found.items() if wrong or late]
    for index, driver, lines in bad:
        for line in lines:
            print(f"WRONG: row {index}, {driver}: {line}")
    print(f"{len(found) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
