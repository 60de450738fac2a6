"""The maintenance rows: what is done to the endpoints, and what a user with libsch must see.

Each row is one line of the table in README, "What a user sees". `act` runs while the
workers run; times are seconds from the start of the load.
"""

from dataclasses import dataclass, field
from typing import Callable


@dataclass
class Row:
    name: str
    seconds: float
    act: Callable
    # Demands on the side with libsch. `pause_ms` is the longest hold of any connection, `served` that commands go on.
    failed: int = 0
    pause_ms: float | None = None
    max_ms: float | None = None
    may_be_unknown: bool = False
    handoffs: bool = True
    restored: bool = False
    endpoints: tuple = ("a=127.0.0.1:0", "b=127.0.0.1:0", "c=127.0.0.1:0")
    server: str = "software"
    extra: list = field(default_factory=list)


def stall_then_move(sim):
    sim.at(1.0)
    sim.post("migrating", endpoint="a", time_s=10, shards="1")
    sim.post("fault", endpoint="a", freeze=True)
    sim.at(1.8)
    sim.post("fault", endpoint="a", freeze=False)
    sim.post("migrated", endpoint="a", shards="1")
    sim.at(2.4)
    sim.post("move", **{"from": "a"}, to="b", time_s=1, close_after_ms=700)


def failover(sim):
    sim.at(1.0)
    sim.post("failing_over", endpoint="a", time_s=5, shards="1")
    sim.post("fault", endpoint="a", freeze=True)
    sim.at(2.5)
    sim.post("fault", endpoint="a", freeze=False)
    sim.post("failed_over", endpoint="a", shards="1")


def new_node_refuses(sim):
    sim.post("fault", endpoint="b", refuse=True)
    sim.at(1.0)
    sim.post("move", **{"from": "a"}, to="b", time_s=4, close_after_ms=700)
    sim.at(3.0)
    sim.post("fault", endpoint="b", refuse=False)


def old_node_resets(sim):
    # Replies are withheld for 300 ms while commands go on being executed, then the connections are reset.
    sim.post("fault", endpoint="b", connect_delay_ms=400)
    sim.at(1.0)
    sim.post("move", **{"from": "a"}, to="b", time_s=5, close_after_ms=2000)
    sim.post("fault", endpoint="a", freeze=True)
    sim.at(1.3)
    sim.post("fault", endpoint="a", reset=True)


def move_and_move_again(sim):
    sim.at(1.0)
    sim.post("move", **{"from": "a"}, to="b", time_s=3, close_after_ms=700)
    sim.at(2.0)
    sim.post("move", **{"from": "b"}, to="c", time_s=2, close_after_ms=700)


def null_endpoint(sim):
    sim.at(0.5)
    sim.post("move", **{"from": "a"}, to=None, time_s=3, close_after_ms=700, switch_after_ms=1200)


def plain_move(sim):
    sim.at(1.0)
    sim.post("move", **{"from": "a"}, to="b", time_s=2, close_after_ms=700)


def starter_without_end(sim):
    sim.at(0.5)
    sim.post("migrating", endpoint="a", time_s=10, shards="1")


ROWS = [
    Row("migration, stall 800 ms, move, old closes", 5.5, stall_then_move, pause_ms=10),
    Row("failover, replies frozen 1.5 s", 4.0, failover, handoffs=False),
    Row("move, new node refuses for 2 s", 6.5, new_node_refuses, pause_ms=50, max_ms=250),
    Row("move, old node resets with replies owed", 4.0, old_node_resets, failed=8, may_be_unknown=True),
    Row("move to b, 1 s later to c", 6.0, move_and_move_again, pause_ms=20),
    Row("move without endpoint", 5.0, null_endpoint),
    Row("move to an IPv6 address", 4.5, plain_move, endpoints=("a=127.0.0.1:0", "b=[::1]:0")),
    Row("move to another port of the same address", 4.5, plain_move, endpoints=("a=127.0.0.1:0", "b=127.0.0.1:0")),
    Row(
        "migration that never ends (window set to 1.5 s)", 4.0, starter_without_end, handoffs=False, restored=True,
        extra=["--migration-window-ms", "1500"],
    ),
]
