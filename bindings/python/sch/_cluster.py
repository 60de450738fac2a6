"""The slot map of a Redis cluster, kept true. Every method may be called from any thread at any time; none waits."""

from __future__ import annotations

from ctypes import byref, c_bool, c_size_t, c_uint16, c_uint64, create_string_buffer, sizeof
from dataclasses import dataclass, fields
from typing import Any, Iterator, List, Optional

from ._cluster_actions import ClusterAction, make
from ._config import Config, as_bytes, whole
from ._connection import Connection
from ._declarations import (
    ClusterCounters,
    Health,
    LogLevel,
    Status,
    sch_cluster_action,
    sch_cluster_counts,
    sch_cluster_move,
    sch_node,
    sch_redirection,
    sch_slot_range,
)
from ._actions import number
from ._errors import fail
from ._library import lib, status_text
from ._log import Later, LogFunction
from ._memory import Buffer
from ._memory import as_bytes as copied
from ._pool_events import host_of
from ._shared import Shared
from ._time import deadline, to_ns

#: Room for the text of an error.
_TEXT = 512


@dataclass(frozen=True)
class Node:
    """What is known of a node."""

    host: str
    port: int
    #: As at the last load.
    health: Health
    #: How many slots it owns, how many replicas it has.
    slots: int
    replicas: int
    #: Whether the last load named it.
    is_listed: bool


@dataclass(frozen=True)
class Redirection:
    """Where to send a command again."""

    slot: int
    #: None: it has no number (ASK), or there is no room for it.
    node: Optional[int]
    host: str
    port: int
    #: For this command only, after ASKING.
    is_ask: bool


@dataclass(frozen=True)
class Subscription:
    """Where a shard channel is to be subscribed to."""

    slot: int
    #: None: the slot has no owner yet.
    node: Optional[int]


def key_slot(key: Buffer) -> int:
    """The slot of a key, or of a shard channel, as the server has it: of `{tag}` only what is inside counts."""
    raw, out = copied(key), c_uint16()
    status = lib.sch_key_slot(raw, len(raw), byref(out))
    if status != Status.OK:
        fail(status, status_text(status))
    return out.value


class Cluster(Shared):
    """The slot map of one cluster, for all connections to it. Load it; look up `owner_of_key` for each command; hand over
    what connections tell (`slots_moved`, `reload_asked`) and servers answer (`redirected`); `tick` at `next_deadline`; do
    what `actions` say after every input. A node is a number above 0 that stays while its address does."""

    __slots__ = ("_later",)
    _noun = "cluster"

    def __init__(self, config: Optional[Config] = None, *, log: Optional[LogFunction] = None) -> None:
        """For connections that are made with the same `config`. `log` gets the log lines in place of the logger `sch`: from any
        thread, one at a time, in order. It may call the cluster."""
        self._later = Later()
        super().__init__(config, log, lib.sch_cluster_new, lib.sch_cluster_free, lib.sch_cluster_set_log)

    def _told(self, level: LogLevel, text: str) -> None:
        self._later.add(level, text)

    def _call(self, function: Any, *arguments: Any) -> int:
        """Inside the door, so that the text of an error is this call's."""
        with self._door:
            if not self._finalizer.alive:
                self._refuse()
            self._inside += 1
            try:
                status: int = function(self._handle, *arguments)
                problem = self.last_error() if status < 0 else None
            finally:
                self._inside -= 1
        # Outside the door: the log function may wait for a thread that waits for it.
        self._later.tell(self._log)
        if status < 0:
            fail(status, problem or status_text(status))
        return status

    def last_error(self) -> Optional[str]:
        """What to do about the last call that failed, of any thread."""
        text, length = create_string_buffer(_TEXT), c_size_t()
        with self._used() as handle:
            status = lib.sch_cluster_last_error(handle, text, _TEXT, byref(length))
        return text.value.decode() if status == Status.OK else None

    # The map ------------------------------------------------------------------------------------------------------

    def map_address(self, source: str, target: str) -> None:
        """What servers write as `source` is dialled as `target` from now on. Each is `host:port`, or `host` alone: from any
        port, to the same port."""
        a, b = as_bytes("source", source, str), as_bytes("target", target, str)
        self._call(lib.sch_cluster_map_address, a, len(a), b, len(b))

    def reload_started(self, now: float) -> Optional[int]:
        """You are about to ask a node for the map on your own account: the seq to load with."""
        has, seq = c_bool(), c_uint64()
        self._call(lib.sch_cluster_reload_started, to_ns(now), byref(has), byref(seq))
        return seq.value if has.value else None

    def load_slots(self, now: float, reply: Buffer, host: str, port: int, seq: Optional[int] = None) -> None:
        """The whole reply to CLUSTER SLOTS, as it came, of the node that you dialled as `host`, `port`; `seq` is that of
        ClusterReloadSlots or `reload_started`. NotASlotMapError, LimitError: the map stays, say `reload_failed`."""
        self._load(lib.sch_cluster_load_slots, now, reply, host, port, seq)

    def load_shards(self, now: float, reply: Buffer, host: str, port: int, seq: Optional[int] = None) -> None:
        """The whole reply to CLUSTER SHARDS, likewise."""
        self._load(lib.sch_cluster_load_shards, now, reply, host, port, seq)

    def _load(self, function: Any, now: float, reply: Buffer, host: str, port: int, seq: Optional[int]) -> None:
        raw, asked = copied(reply), as_bytes("host", host, str)
        known = 0 if seq is None else whole("seq", seq, 64)
        where = whole("port", port, 16)
        self._call(function, to_ns(now), raw, len(raw), asked, len(asked), where, seq is not None, known)

    def reload_failed(self, now: float) -> None:
        """The map that was asked for did not come. It will be asked for again, after a pause that grows."""
        self._call(lib.sch_cluster_reload_failed, to_ns(now))

    def ask_reload(self, now: float) -> None:
        """The map is not to be trusted, or there is none yet. One ClusterReloadSlots follows, however many ask."""
        self._call(lib.sch_cluster_ask_reload, to_ns(now))

    # What was heard -----------------------------------------------------------------------------------------------

    def slots_moved(self, now: float, connection: Connection) -> None:
        """`connection` told SlotsMoved, and that is the action polled from it last: the cluster takes its moves."""
        if not isinstance(connection, Connection):
            raise TypeError(f"connection is a sch.Connection, not {type(connection).__name__}")
        moment = to_ns(now)
        known = connection._enter()
        try:
            self._call(lib.sch_cluster_slots_moved, moment, connection._handle)
        finally:
            connection._idle.append(known)

    def reload_asked(self, now: float, seq: Optional[int] = None) -> None:
        """A connection told ReloadSlots, with its `seq`."""
        known = 0 if seq is None else whole("seq", seq, 64)
        self._call(lib.sch_cluster_reload_asked, to_ns(now), seq is not None, known)

    def push(self, now: float, frame: Buffer) -> bool:
        """One push, as it came, of a connection that libsch does not drive. True: an SMIGRATED, which was taken."""
        raw, taken = copied(frame), c_bool()
        self._call(lib.sch_cluster_push, to_ns(now), raw, len(raw), byref(taken))
        return taken.value

    def redirected(self, now: float, error: Buffer, host: str, port: int) -> Optional[Redirection]:
        """The text of an error reply of the node that you dialled as `host`, `port`; None: it is no redirection."""
        raw, asked, where = copied(error), as_bytes("host", host, str), whole("port", port, 16)
        out = sch_redirection(struct_size=sizeof(sch_redirection))
        status = self._call(lib.sch_cluster_redirected, to_ns(now), raw, len(raw), asked, len(asked), where, byref(out))
        if status != Status.OK:
            return None
        return Redirection(out.slot, out.node or None, host_of(out), out.port, bool(out.is_ask))

    def moved(self, now: float, slot: int, host: str, port: int) -> Optional[int]:
        """A command was answered with MOVED, and your parser has read it. The node there; None: no room for it."""
        raw, node = as_bytes("host", host, str), c_uint64()
        where = whole("port", port, 16)
        self._call(lib.sch_cluster_moved, to_ns(now), whole("slot", slot, 16), raw, len(raw), where, byref(node))
        return node.value or None

    # Shard channels -----------------------------------------------------------------------------------------------

    def subscribe(self, channel: Buffer) -> Subscription:
        """You subscribe to a shard channel. Say it once for each; MoveSubscriptions follows when its slot moves."""
        raw, slot, node = copied(channel), c_uint16(), c_uint64()
        self._call(lib.sch_cluster_subscribe, raw, len(raw), byref(slot), byref(node))
        return Subscription(slot.value, node.value or None)

    def unsubscribe(self, channel: Buffer) -> bool:
        """You do not want that shard channel any more. False: none of its slot was said."""
        raw = copied(channel)
        return self._call(lib.sch_cluster_unsubscribe, raw, len(raw)) == Status.OK

    # Looking after it ---------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Time has passed."""
        self._call(lib.sch_cluster_tick, to_ns(now))

    def next_deadline(self) -> Optional[float]:
        """When to call `tick`."""
        has, at = c_bool(), c_uint64()
        self._call(lib.sch_cluster_next_deadline, byref(has), byref(at))
        return deadline(at.value) if has.value else None

    def poll_action(self) -> Optional[ClusterAction]:
        """The next thing to do, or None: of several threads that poll, each gets another one."""
        out = sch_cluster_action(struct_size=sizeof(sch_cluster_action))
        status: int = Status.MORE
        while status == Status.MORE:  # what was polled now may not be what there was no room for
            moves, ranges = (sch_cluster_move * out.moves_len)(), (sch_slot_range * out.ranges_len)()
            room = moves, len(moves), ranges, len(ranges)
            status = self._call(lib.sch_cluster_poll_action, byref(out), *room)
        if status == Status.EMPTY:
            return None
        return make(out, moves[: out.moves_len], ranges[: out.ranges_len])

    def actions(self) -> Iterator[ClusterAction]:
        """All there is to do now, in order."""
        return iter(self.poll_action, None)

    # Looking up ---------------------------------------------------------------------------------------------------

    def owner(self, slot: int) -> Optional[int]:
        """The owner of a slot; None: none is known."""
        node = c_uint64()
        found = self._call(lib.sch_cluster_owner, whole("slot", slot, 16), byref(node))
        return node.value if found == Status.OK else None

    def owner_of_key(self, key: Buffer) -> Optional[int]:
        """The owner of the slot of a key."""
        raw, node = copied(key), c_uint64()
        return node.value if self._call(lib.sch_cluster_owner_of_key, raw, len(raw), byref(node)) == Status.OK else None

    def replicas(self, slot: int) -> List[int]:
        """The replicas of the owner of a slot."""
        found: List[int] = []
        node, which = c_uint64(), whole("slot", slot, 16)
        while self._call(lib.sch_cluster_replica, which, len(found), byref(node)) == Status.OK:
            found.append(node.value)
        return found

    def node(self, node: int) -> Optional[Node]:
        """What is known of a node; None: its number is forgotten, look up the owner again."""
        out = sch_node(struct_size=sizeof(sch_node))
        if self._call(lib.sch_cluster_node, whole("node", node, 64), byref(out)) != Status.OK:
            return None
        health = number(Health, out.health)
        return Node(host_of(out), out.port, health, out.slots, out.replicas, bool(out.is_listed))

    def find_node(self, host: str, port: int) -> Optional[int]:
        """The number of the node there, as servers write it or as it is dialled."""
        raw, node = as_bytes("host", host, str), c_uint64()
        found = self._call(lib.sch_cluster_find_node, raw, len(raw), whole("port", port, 16), byref(node))
        return node.value if found == Status.OK else None

    def counters(self) -> ClusterCounters:
        """Counters since it was made."""
        out = sch_cluster_counts(struct_size=sizeof(sch_cluster_counts))
        self._call(lib.sch_cluster_counters, byref(out))
        return ClusterCounters(*(getattr(out, f.name) for f in fields(ClusterCounters)))
