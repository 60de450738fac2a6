"""sch.Cluster through the slot migrations of the simulator: nothing fails, is lost or doubled, the map is patched in time.

No command that was sent after the map had been patched is answered with MOVED, and the map is loaded at most once more.
"""

from __future__ import annotations

import os
import time
from typing import Any, Dict, Iterator, List

import pytest
import sch
from cluster_client import PATIENCE, Client
from servers import start

SCALE = 0.3
#: Scenario: whether a node comes, whether one goes.
SCENARIOS = {
    "slot-migrate-existing": (False, False),
    "slot-migrate-new-node": (True, False),
    "node-remove": (False, True),
    "node-replace": (True, True),
    "slot-shuffle": (False, False),
}
#: All of them with SCH_LONG=1. Without it a node that is replaced, and slots that go to another.
CHOSEN = list(SCENARIOS) if os.environ.get("SCH_LONG") == "1" else ["slot-migrate-existing", "node-replace"]
KEYS = [b"key:%d" % n for n in range(24)]
NODES = ("a", "b", "c")


@pytest.fixture
def sim() -> Iterator[Any]:
    sim = start(None, endpoints=NODES, extra=("--cluster", str(len(NODES))))
    try:
        yield sim
    finally:
        sim.stop()


@pytest.fixture
def client(sim: Any) -> Iterator[Client]:
    client = Client("127.0.0.1", sim.endpoints["b"]["port"])
    try:
        yield client
    finally:
        client.close()


class Work:
    """Counts on each key in turn: a command that is lost or done twice shows."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.counts: Dict[bytes, int] = dict.fromkeys(KEYS, 0)

    def round(self) -> None:
        for key in KEYS:
            found = self._client.command(key, "INCR", key)
            assert found == self.counts[key] + 1, f"{key!r}: {found!r} after {self.counts[key]}"
            self.counts[key] = found

    def until(self, done: Any, what: str) -> None:
        until = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < until, what
            self.round()


def owners(client: Client) -> List[Any]:
    return [client.cluster.owner(slot) for slot in range(16384)]


@pytest.mark.parametrize("name", CHOSEN)
def test_a_slot_migration_of_the_simulator(name: str, sim: Any, client: Client) -> None:
    comes, goes = SCENARIOS[name]
    work = Work(client)
    work.round()
    before, channels = owners(client), {}
    assert None not in before and len(set(before)) == len(NODES)
    for key in KEYS:  # channels have slots as keys do
        where = client.cluster.subscribe(key)
        channels[where.slot] = where.node
    loads = client.cluster.counters().loads
    client.actions.clear()

    answer = sim.post("scenario", name=name, scale=SCALE)
    state = lambda: sim.request("GET", f"/v1/scenario/{answer['id']}")["state"]  # noqa: E731
    work.until(lambda: client.seen(sch.ClusterSlotsMoved), "an SMIGRATED is told")
    work.until(lambda: state() != "running", "the scenario ends")
    assert state() == "done"
    if comes:
        work.until(lambda: client.seen(sch.DialNode), "the new node is told")
    if goes:
        work.until(lambda: client.seen(sch.DrainNode), "the old node is let go")
    work.round()

    after = owners(client)
    moved = {slot for slot in range(16384) if before[slot] != after[slot]}
    told = {
        slot
        for action in client.seen(sch.ClusterSlotsMoved)
        for move in action.moves
        for part in move.ranges
        for slot in range(part.first, part.last + 1)
    }
    assert moved and moved <= told
    assert bool(set(after) - set(before)) == comes and bool(set(before) - set(after)) == goes
    for action in client.seen(sch.MoveSubscriptions):
        for part in action.ranges:
            for slot in channels.keys() & set(range(part.first, part.last + 1)):
                channels[slot] = action.node
    assert channels == {slot: after[slot] for slot in channels}
    assert client.moved_late == 0
    counters = client.cluster.counters()
    assert counters.loads - loads <= 1 and counters.malformed == 0
    for key, count in work.counts.items():
        assert int(client.command(key, "GET", key)) == count


def test_keys_that_go_ahead_of_their_slots_are_asked_for(sim: Any, client: Client) -> None:
    work = Work(client)
    work.round()
    slots = sorted({sch.key_slot(key) for key in KEYS})
    source = client.cluster.node(client.cluster.owner(slots[0]) or 0)
    assert source is not None
    names = {endpoint["port"]: name for name, endpoint in sim.endpoints.items()}
    here = names[source.port]
    to = next(name for name in NODES if name != here)
    parts = ",".join(str(slot) for slot in slots if client.cluster.owner(slot) == client.cluster.owner(slots[0]))
    sim.post("slots", moves=[[here, to, parts]], ms=200, one_by_one_ms=600)
    work.until(lambda: client.seen(sch.ClusterSlotsMoved), "an SMIGRATED is told")
    work.round()
    assert client.cluster.counters().asked > 0 and client.moved_late == 0
    there = client.cluster.node(client.cluster.owner(slots[0]) or 0)
    assert there is not None and names[there.port] == to
