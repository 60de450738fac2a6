#!/usr/bin/env python3
"""Runs all benches, prints one table and writes docs/PERFORMANCE.md. `make bench` has built everything before.

Each part prints lines of `name value unit goal`, separated by tabs; what is no such line is left out. A part that cannot run
here has a line that says so, and no figure.
"""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from typing import Dict, Iterator, List, NamedTuple, Optional

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
COMPARE = ROOT / "target" / "compare" / "release" / "compare"
#: At least so many times fewer nanoseconds than the reader of hiredis, on every stream.
TIMES_FEWER = 5.0
PAIRS, COMMANDS = 75, 20_000
COUNTED_COMMANDS = 10_000
PART_SECONDS = 120
POOL = {"one MOVING, told to all, all queued (first call)": 100.0}

HOW = """How each was measured:

* `ns`: the median of 15 rounds over one buffer of 4 MB, in nanoseconds of CPU time a frame; all readers take turns in each round,
  and the buffer is looked at once before each, so that none pays for what the one before it did to the caches. `one a call`: the same bytes, one frame a call. The readers: libsch's framer; a whole `receive` from Rust; `sch_conn_receive`
  of the shared library; the reader of hiredis without object functions, fed 16 KB at a time, as hiredis reads (it moves what
  is left of its buffer, so larger parts make it slower); redis-rs' `Parser`; redis-protocol's `decode_range`, which copies nothing.
* What it takes to ask for the CPU time, a system call, is measured just before each part and taken off, for all readers alike: the
  framer reads the 255 frames of 4 MB of 16 KB bulks in less. `nothing but the same lines touched` reads, from places known
  beforehand, the ten bytes of each such frame that the framer decides by.
* `instructions`: what callgrind counts of user space, a frame of a stream of 256 KB, or a command of the C client (the
  difference of two runs of unlike length).
* `of hiredis`: how many times fewer of the same unit than the reader of hiredis on the same stream; the goal is 5 in nanoseconds.
* Throughput: batches of 100 commands (SET and GET of 100 bytes in turns) to redis-server on loopback; the median of the
  ratios of 75 pairs of short runs, the order alternating: more than the 15 of the design, as the machine drifts more than 3 %. Both clients poll, and give what they read to the reader of hiredis.
* Memory: 1,000 opted-in connections of the C API that share their settings, with nothing owed, two ticks after their last
  command; what the allocator holds for one. Settings of its own are 0.7 KiB more.
* Pool: CPU time of the one thread, 100,000 members of one node. Python, Node: the best of short rounds.

Times drift with what else the machine does; trust ratios and instructions.
"""


class Line(NamedTuple):
    name: str
    value: Optional[float]
    unit: str
    goal: Optional[float]


def run(*words: object, environ: Optional[Dict[str, str]] = None) -> str:
    env = {**os.environ, "SCH_LIBRARY": str(ROOT / "target" / "release" / "libsch.so"), **(environ or {})}
    command = [str(word) for word in words]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PART_SECONDS)
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    return done.stdout


def lines(text: str) -> Iterator[Line]:
    for row in text.splitlines():
        words = row.split("\t")
        if len(words) == 4:
            yield Line(words[0], float(words[1]), words[2], None if words[3] == "-" else float(words[3]))


def times() -> Iterator[Line]:
    yield from lines(run(COMPARE, "times"))


def callgrind(folder: str, *words: object) -> str:
    return run("valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", *words)


def total(path: pathlib.Path) -> int:
    found = re.search(r"^(?:totals|summary): (\d+)", path.read_text(), re.M)
    assert found, path
    return int(found.group(1))


def counts() -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder:
        mark = "compare_counted"
        told = callgrind(folder, f"--toggle-collect={mark}", f"--dump-after={mark}", COMPARE, "counts")
        for nth, row in enumerate(told.splitlines(), 1):
            name, frames = row.split("\t")
            yield Line(name, total(pathlib.Path(folder, f"out.{nth}")) / int(frames), "instructions", None)


def throughput() -> Iterator[Line]:
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if server.poll() is not None or time.monotonic() > until:
                        raise
                    time.sleep(0.05)
            yield from lines(run(BUILD / "pipeline", "pairs", port, PAIRS, COMMANDS))
            cost = []
            for kind, name in (("plain", "without"), ("sch", "with")):
                some = []
                for n in (COUNTED_COMMANDS, 2 * COUNTED_COMMANDS):
                    callgrind(folder, BUILD / "pipeline", kind, port, n)
                    some.append(total(pathlib.Path(folder, "out")))
                cost.append((some[1] - some[0]) / COUNTED_COMMANDS)
                yield Line(f"pipelined C client, {name} libsch", cost[-1], "instructions", None)
            yield Line("pipelined C client, what libsch adds", cost[1] - cost[0], "instructions", None)
        finally:
            server.terminate()
            server.wait()


def memory() -> Iterator[Line]:
    yield from lines(run(BUILD / "pipeline", "memory"))


def pool() -> Iterator[Line]:
    told = run(os.environ.get("CARGO", "cargo"), "bench", "--locked", "--bench", "pool")
    for row in told.splitlines():
        found = re.match(r"(\S.*?)\s{2,}([\d.]+)(?: (ms|bytes))?$", row)
        if found and found.group(3):
            yield Line(f"pool: {found.group(1)}", float(found.group(2)), found.group(3), POOL.get(found.group(1)))


def python() -> Iterator[Line]:
    goals = {"receive, bytes": 1.3, "receive, bytearray": 1.8, "receive, memoryview": 1.8, "receive, read-only memoryview": 1.8}
    for row in run(sys.executable, "bindings/python/bench.py").splitlines():
        found = re.match(r"\s*(receive, [a-z -]+?)\s{2,}([\d.]+)", row)
        if found:
            yield Line(f"Python: {found.group(1)}", float(found.group(2)), "us", goals.get(found.group(1)))


def node() -> Iterator[Line]:
    if not (ROOT / "bindings/node/dist/native.js").exists():
        raise RuntimeError("the addon is not built: tools/test_node.sh does it")
    told = subprocess.run(["node", "bench/receive.mjs"], cwd=ROOT / "bindings/node", capture_output=True, text=True, timeout=PART_SECONDS)
    for row in told.stdout.splitlines():
        found = re.match(r"(receive|submit|member)\s+([\d.]+) us", row)
        if found:
            goal = 0.3 if found.group(1) == "receive" else None
            yield Line(f"Node: {found.group(1)}", float(found.group(2)), "us", goal)


def processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()


def number(value: Optional[float]) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def table(all_lines: List[Line]) -> List[List[str]]:
    value_of = {(line.name, line.unit): line.value for line in all_lines}
    rows = [["figure", "value", "unit", "goal", "of the goal", "of hiredis"]]
    for line in all_lines:
        ratio = fewer = ""
        if line.goal and line.value is not None:
            better = line.value >= line.goal if line.unit == "%" else line.value <= line.goal
            ratio = f"{line.value / line.goal:.2f}" + ("" if better else " missed")
        stream, _, reader = line.name.rpartition(", framer")
        theirs = value_of.get((f"{stream}, hiredis reader", line.unit)) if stream and not reader else None
        if theirs and line.value:
            times_fewer = theirs / line.value
            fewer = f"{times_fewer:.1f}" + (" missed" if line.unit == "ns" and times_fewer < TIMES_FEWER else "")
        rows.append([line.name, number(line.value), line.unit, number(line.goal), ratio, fewer])
    return rows


def main() -> None:
    all_lines: List[Line] = []
    for part in (times, counts, throughput, memory, pool, python, node):
        began = time.monotonic()
        try:
            found = list(part())
            if not found:
                raise RuntimeError("no figures")
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            found = [Line(f"{part.__name__}: not measured: {error}", None, "", None)]
        all_lines += found
        print(f"{part.__name__}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    rows = table(all_lines)
    text = [
        "# Performance",
        "",
        "Written by `make bench`; not to be edited. Goals: what a figure may be at most (%: at least).",
        "",
        f"{datetime.date.today().isoformat()}, {processor()}, {os.cpu_count()} processors; load when it ended: {os.getloadavg()[0]:.1f}.",
        "",
    ]
    for nth, row in enumerate(rows):
        text.append("| " + " | ".join(row) + " |")
        if nth == 0:
            text.append("|---|---:|---|---:|---:|---:|")
    (ROOT / "docs" / "PERFORMANCE.md").write_text("\n".join(text) + "\n\n" + HOW)
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    for row in rows:
        print("  ".join([row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]))


if __name__ == "__main__":
    main()
