#!/usr/bin/env python3
"""Workers that count, on the clients of this folder. For `make demo`; the clients are what is worth reading.

    PYTHONPATH=bindings/python python3 examples/python/workload.py --driver python-asyncio --port 6379

`python-asyncio` runs its workers as tasks of one loop, `python-blocking` each in a thread.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, Optional, Sequence

import client_asyncio
import client_blocking
import sch
from ledger import Answer, Command, Outcome, Stats, Worker, parse, report
from resp import Lost, NotConnected, ReplyError


def stream_options(options: argparse.Namespace, stats: Stats) -> Dict[str, Any]:
    window = None if options.migration_window_ms is None else options.migration_window_ms / 1000
    # The simulator's nodes are addresses; with TLS the opt-in would ask for names that only a real DNS has.
    config = sch.Config(endpoint_type=sch.EndpointType.INTERNAL_IP, migration_window=window)
    found: Dict[str, Any] = {"config": config, "on_action": stats.hear}
    if options.ca:
        found.update(ssl=ssl.create_default_context(cafile=options.ca), server_hostname=options.name)
    return found


def outcome_of(error: Exception) -> Outcome:
    """What an exception of `Client.command` says of the command."""
    if isinstance(error, Lost):
        return Outcome.UNKNOWN if error.may_have_run else Outcome.NOT_RUN
    return Outcome.ERROR if isinstance(error, ReplyError) else Outcome.TIMEOUT


#: What `Client.command` raises. `TimeoutError` is one of asyncio's and of socket's from Python 3.11 on.
FAILURES = (Lost, ReplyError, asyncio.TimeoutError, socket.timeout)
#: What `Client.connect` raises.
UNREACHABLE = (OSError, NotConnected, *FAILURES)


async def run_task(worker: Worker) -> None:
    """A worker as a task; it connects where there is no connection."""
    options, more = worker.options, stream_options(worker.options, worker.stats)
    timeout = options.timeout_ms / 1000
    client: Optional[client_asyncio.Client] = None

    async def ask(*words: str) -> Answer:
        nonlocal client
        for _ in range(2):
            try:
                if client is None:
                    client = await client_asyncio.Client.connect(options.host, options.port, timeout, **more)
                    worker.stats.connections += 1
            except UNREACHABLE:
                break
            try:
                return Outcome.OK, int(await client.command(*words) or 0)
            except NotConnected:
                client = None
            except FAILURES as error:
                return outcome_of(error), 0
        return Outcome.NO_CONNECTION, 0

    steps, answer = worker.steps(), None
    try:
        while True:
            step = steps.send(answer)
            if isinstance(step, Command):
                answer = await ask(*step.words)
            else:
                await asyncio.sleep(max(0.0, step.until - time.monotonic()))
                answer = None
    except StopIteration:
        pass
    if client is not None:
        client.close()


async def run_tasks(workers: Sequence[Worker]) -> None:
    await asyncio.gather(*map(run_task, workers))


def run_thread(worker: Worker) -> None:
    """A worker in a thread of its own; it connects where there is no connection."""
    options, more = worker.options, stream_options(worker.options, worker.stats)
    timeout = options.timeout_ms / 1000
    client: Optional[client_blocking.Client] = None

    def ask(*words: str) -> Answer:
        nonlocal client
        for _ in range(2):
            try:
                if client is None:
                    client = client_blocking.Client.connect(options.host, options.port, timeout, **more)
                    worker.stats.connections += 1
            except UNREACHABLE:
                break
            try:
                return Outcome.OK, int(client.command(*words) or 0)
            except NotConnected:
                client = None
            except FAILURES as error:
                return outcome_of(error), 0
        return Outcome.NO_CONNECTION, 0

    steps, answer = worker.steps(), None
    try:
        while True:
            step = steps.send(answer)
            if isinstance(step, Command):
                answer = ask(*step.words)
            else:
                time.sleep(max(0.0, step.until - time.monotonic()))
                answer = None
    except StopIteration:
        pass
    if client is not None:
        client.close()


def run_threads(workers: Sequence[Worker]) -> None:
    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(run_thread, workers))  # raises what a thread has raised


def main() -> int:
    options = parse(["python-asyncio", "python-blocking"])
    workers = [Worker(number, options) for number in range(options.workers)]
    if options.driver == "python-asyncio":
        asyncio.run(run_tasks(workers))
    else:
        run_threads(workers)
    return report(options.driver, workers)


if __name__ == "__main__":
    sys.exit(main())
