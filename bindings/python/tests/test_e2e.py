"""End to end: sch-sim in front of a real redis-server, every scenario of the simulator, asyncio and blocking, plain and TLS.

0 commands fail, nothing is done twice, replies are in order. Where a server closes connections without having announced a
move, the stream ends as any stream does, and what was under way is unknown: it is counted, never guessed.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import uuid
from typing import Any, List

import pytest

from servers import start
from workers import AsyncWorker, BlockingWorker, Ledger

SCALE = 0.3
WORKERS = 3
#: Scenario: whether the connections move (MOVING); whether the server closes them without a word.
SCENARIOS = {
    "rolling-upgrade": (True, False),
    "in-place-upgrade": (False, True),
    "maintenance-mode": (True, False),
    "database-version-upgrade": (False, False),
    "shard-migration": (False, False),
    "failover": (False, False),
    "endpoint-type-none": (True, False),
    "server-without-feature": (False, True),
    "resp2-only": (False, True),
}
#: All of them against every kind of stream take minutes: SCH_LONG=1. Without it one that moves and one that does not.
CHOSEN = list(SCENARIOS) if os.environ.get("SCH_LONG") == "1" else ["rolling-upgrade", "failover"]


def run_load(sim: Any, tls: bool, kind: Any, act: Any) -> List[Ledger]:
    """Workers of one kind work while `act` is done to the server, and a little after."""
    port = sim.endpoints["a"]["port"]
    context = ssl.create_default_context(cafile=sim.ready["ca_file"]) if tls else None
    ledgers = [Ledger(f"{kind.__name__}:{uuid.uuid4().hex[:8]}") for _ in range(WORKERS)]
    workers = [kind(ledger, port, context) for ledger in ledgers]
    stop = threading.Event()
    if kind is BlockingWorker:
        threads = [threading.Thread(target=w.run, args=(stop,)) for w in workers]
    else:

        async def together() -> None:
            await asyncio.gather(*(w.run(stop) for w in workers))

        threads = [threading.Thread(target=lambda: asyncio.run(together()))]
    for thread in threads:
        thread.start()
    try:
        wait_for_batches(ledgers, 5)
        act()
        wait_for_batches(ledgers, 5)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    return ledgers


def wait_for_batches(ledgers: List[Ledger], more: int) -> None:
    import time

    wanted = [ledger.batches + more for ledger in ledgers]
    until = time.monotonic() + 20
    while any(ledger.batches < w for ledger, w in zip(ledgers, wanted)):
        assert time.monotonic() < until, "the workers do not work"
        time.sleep(0.01)


@pytest.mark.parametrize("kind", [AsyncWorker, BlockingWorker], ids=["asyncio", "blocking"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("name", CHOSEN)
def test_scenario_of_the_simulator(name: str, tls: bool, kind: Any, redis: Any) -> None:
    moves, closes = SCENARIOS[name]
    sim = start(redis, tls=tls)
    try:
        ledgers = run_load(sim, tls, kind, lambda: scenario(sim, name))
    finally:
        sim.stop()
    for ledger in ledgers:
        assert ledger.finished and ledger.wrong == []
        assert int(redis.ask("GET", ledger.key)) == ledger.acknowledged
        if not closes:
            assert ledger.ended == 0 and ledger.unknown == 0, vars(ledger)
        if moves:
            assert ledger.swaps >= 1, vars(ledger)


def scenario(sim: Any, name: str) -> None:
    import time

    answer = sim.post("scenario", name=name, scale=SCALE)
    until = time.monotonic() + 60
    while True:
        state = sim.request("GET", f"/v1/scenario/{answer['id']}")["state"]
        if state != "running":
            assert state == "done"
            return
        assert time.monotonic() < until
        time.sleep(0.05)
