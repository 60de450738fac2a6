"""What a cluster asks for and tells, one frozen class for each kind. The manual of include/sch.h (CLUSTERS) says what to do
about each; none needs an answer but ClusterReloadSlots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple

from ._actions import SlotRange
from ._declarations import ClusterActionKind, ReloadReason, sch_cluster_action, sch_cluster_move
from ._pool_events import host_of


@dataclass(frozen=True)
class ClusterMove:
    """Slots that went from one node to another; None: that was not said, or the map does not know it."""

    source: Optional[int]
    destination: Optional[int]
    ranges: Tuple[SlotRange, ...]


@dataclass(frozen=True)
class ClusterAction:
    """Something to do, or to know. Ignore a kind that you do not know."""

    #: SCH_CLUSTER_*; a number that is no ClusterActionKind comes from a newer library.
    kind: int


@dataclass(frozen=True)
class ClusterSlotsMoved(ClusterAction):
    """An SMIGRATED was read: once for each `seq`, whichever connection read it. The map was patched."""

    #: None: it has none.
    seq: Optional[int]
    moves: Tuple[ClusterMove, ...]


@dataclass(frozen=True)
class DialNode(ClusterAction):
    """`node` owns slots and did not before: it will be needed."""

    node: int
    host: str
    port: int


@dataclass(frozen=True)
class MoveSubscriptions(ClusterAction):
    """Subscribe to your shard channels in these slots on `node` now; they were on `old_node` (None: nowhere)."""

    node: int
    old_node: Optional[int]
    ranges: Tuple[SlotRange, ...]


@dataclass(frozen=True)
class DrainNode(ClusterAction):
    """`node` owns no slot any more: close its connections when nothing is owed there, and not before the effective
    timeouts. `gone`: its number is forgotten."""

    node: int
    host: str
    port: int
    gone: bool


@dataclass(frozen=True)
class ClusterReloadSlots(ClusterAction):
    """Ask `node` for the map; no `host`: none is known, take a configured address. Answer: `Cluster.load_slots` or
    `load_shards` with `seq`, or `reload_failed`."""

    node: Optional[int]
    host: Optional[str]
    port: int
    reasons: ReloadReason
    #: 1 for the first try.
    attempt: int
    seq: Optional[int]


Ranges = Tuple[SlotRange, ...]
Moves = Tuple[ClusterMove, ...]


def _seq(a: sch_cluster_action) -> Optional[int]:
    return a.seq if a.has_seq else None


MAKE: Dict[ClusterActionKind, Callable[[ClusterActionKind, sch_cluster_action, Moves, Ranges], ClusterAction]] = {
    ClusterActionKind.SLOTS_MOVED: lambda k, a, moves, _: ClusterSlotsMoved(k, _seq(a), moves),
    ClusterActionKind.DIAL_NODE: lambda k, a, *_: DialNode(k, a.node, host_of(a), a.port),
    ClusterActionKind.MOVE_SUBSCRIPTIONS: lambda k, a, _, ranges: MoveSubscriptions(k, a.node, a.old_node or None, ranges),
    ClusterActionKind.DRAIN_NODE: lambda k, a, *_: DrainNode(k, a.node, host_of(a), a.port, bool(a.gone)),
    ClusterActionKind.RELOAD_SLOTS: lambda k, a, *_: ClusterReloadSlots(
        k, a.node or None, host_of(a) or None, a.port, ReloadReason(a.reasons), a.attempt, _seq(a)
    ),
}


def make(a: sch_cluster_action, moves: "List[sch_cluster_move]", ranges: "List[Any]") -> ClusterAction:
    """The action that was just polled, with its arrays."""
    known = MAKE.get(a.kind)
    if known is None:
        return ClusterAction(a.kind)
    all_ranges = tuple(SlotRange(r.first, r.last) for r in ranges)
    all_moves = tuple(
        ClusterMove(m.source or None, m.destination or None, all_ranges[m.first_range : m.first_range + m.ranges_len])
        for m in moves
    )
    return known(ClusterActionKind(a.kind), a, all_moves, all_ranges)
