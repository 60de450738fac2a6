"""What the workload of every language writes down: each worker numbers its INCRs, checks every reply and the final counter,
and measures how long it waited. As examples/c/workload.c, option for option and field for field. None of it is sch.
"""

from __future__ import annotations

import argparse
import enum
import json
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Generator, List, Sequence, Tuple, Union

import sch

#: Of a command that did not run, or only reads.
TRIES = 3
#: Of the first and the last command, which may meet maintenance too.
PATIENCE = 100


#: Set by SIGTERM: the load ends before its time, and is judged.
stopped = threading.Event()


class Outcome(enum.Enum):
    OK = "the reply is the value"
    ERROR = "an error reply"
    TIMEOUT = "no reply in time"
    UNKNOWN = "written, connection lost: may have run"
    NOT_RUN = "did not run"
    NO_CONNECTION = "no connection"


@dataclass(frozen=True)
class Command:
    """A step of a worker: answered with the Outcome and the value."""

    words: Sequence[str]


@dataclass(frozen=True)
class Pause:
    """A step of a worker: nothing until this time."""

    until: float


Answer = Tuple[Outcome, int]
#: A Pause is answered with None.
Steps = Generator[Union[Command, Pause], Any, None]


@dataclass
class Stats:
    """What libsch says of itself, told as actions."""

    handoffs: int = 0
    handoffs_failed: int = 0
    relaxed: int = 0
    restored: int = 0
    connections: int = 0
    duration_ms: float = 0.0
    pause_ms: float = 0.0

    def hear(self, action: sch.Action) -> None:
        if isinstance(action, sch.Relax):
            self.relaxed += 1
        elif isinstance(action, sch.Restore):
            self.restored += 1
        elif isinstance(action, sch.Swap):
            self.connections += 1
        elif isinstance(action, sch.HandoffFinished):
            self.handoffs += action.outcome == sch.Outcome.SWAPPED
            self.handoffs_failed += action.outcome == sch.Outcome.FAILED
            self.duration_ms = max(self.duration_ms, action.duration * 1000)
            self.pause_ms = max(self.pause_ms, action.pause * 1000)


@dataclass
class Worker:
    number: int
    options: argparse.Namespace
    stats: Stats = field(default_factory=Stats)
    commands: int = 0
    failed: int = 0
    unknown: int = 0
    resent: int = 0
    doubled: int = 0
    misordered: int = 0
    lost: int = 0
    #: In ms.
    samples: List[float] = field(default_factory=list)
    #: The last reply to an INCR, and INCRs since then whose outcome is unknown.
    acknowledged: int = 0
    pending: int = 0

    def steps(self) -> Steps:
        """The whole of its life; half of the workers write while the other half reads."""
        key = f"count:{self.options.prefix}:{self.number}"
        turn = self.number
        for _ in range(PATIENCE):
            if (yield Command(("DEL", key)))[0] is Outcome.OK:
                break
        period = 1 / self.options.rate
        began = time.monotonic()
        end = began + self.options.seconds
        due = began + period * self.number / self.options.workers  # not all at once: they share a thread, or a lock
        while not stopped.is_set() and (now := time.monotonic()) < end:
            if now < due:
                yield Pause(due)
                continue
            due = now if now > due + 10 * period else due + period
            yield from self._one(turn % 2 != 0, key)
            turn += 1
        for _ in range(PATIENCE):
            outcome, value = yield Command(("GET", key))
            if outcome is Outcome.OK:
                self._check(value, 0)
                return
        self.lost += 1

    def _one(self, reads: bool, key: str) -> Steps:
        began = time.monotonic()
        self.commands += 1
        for again in range(TRIES + 1):
            outcome, value = yield Command(("GET" if reads else "INCR", key))
            # What did not run, and what only reads, is sent again: that is the part of who uses a stream.
            if outcome is not Outcome.NOT_RUN and not (reads and outcome is Outcome.UNKNOWN) or again == TRIES:
                break
            self.resent += 1
        self.samples.append((time.monotonic() - began) * 1000)
        if outcome is Outcome.OK:
            self._check(value, 0 if reads else 1)
            return
        self.failed += 1
        if not reads and outcome in (Outcome.UNKNOWN, Outcome.TIMEOUT):
            self.pending += 1
            self.unknown += 1

    def _check(self, value: int, by: int) -> None:
        """A counter's value, seen by INCR (`by` 1) or GET (`by` 0), against what is known."""
        least = self.acknowledged + by
        most = least + self.pending
        self.doubled += max(0, value - most)
        if value < least and by:
            self.misordered += 1
        elif value < least:
            self.lost += least - value
        self.acknowledged = max(self.acknowledged, value)
        if by or value == most:
            self.pending = 0


def parse(drivers: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", choices=drivers, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ca", help="a file of authorities: TLS")
    parser.add_argument("--name", default="localhost", help="the host's name for TLS")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rate", type=int, default=200, help="commands a second of each worker")
    parser.add_argument("--timeout-ms", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--prefix", default="w")
    parser.add_argument("--migration-window-ms", type=int)
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    options = parser.parse_args()
    if min(options.port, options.workers, options.rate, options.timeout_ms) < 1 or options.seconds <= 0:
        parser.error("a number is out of range")
    return options


def report(driver: str, workers: Sequence[Worker]) -> int:
    """Prints one line of JSON. 1 if anything was doubled, misordered, or lost without being reported."""
    samples = sorted(sample for worker in workers for sample in worker.samples) or [0.0]
    line: "dict[str, Any]" = {"driver": driver}
    for name in ("commands", "failed", "unknown", "resent", "doubled", "misordered", "lost"):
        line[name] = sum(getattr(worker, name) for worker in workers)
    line.update(moved=0, moved_late=0, reloads=0)  # of a cluster
    for name in ("handoffs", "handoffs_failed", "relaxed", "restored", "connections"):
        line[name] = sum(getattr(worker.stats, name) for worker in workers)
    for name in ("duration_ms", "pause_ms"):
        line[name] = round(max(getattr(worker.stats, name) for worker in workers), 2)
    line["p50_ms"] = round(samples[len(samples) // 2], 2)
    line["p99_ms"] = round(samples[len(samples) * 99 // 100], 2)
    line["max_ms"] = round(samples[-1], 2)
    print(json.dumps(line))
    return 1 if line["doubled"] or line["misordered"] or line["lost"] else 0
