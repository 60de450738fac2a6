"""A small client of a cluster: one map, a blocking stream to each node that it needs, commands one at a time."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional, Tuple

import sch
import sch.socket
from resp import NOTHING, Error, Parser, command
from workers import BY_ADDRESS

#: Longer than any window of a test.
PATIENCE = 20.0
TIMEOUT = 5.0
TRIES = 16


class Link:
    """A stream to one node. What its connection tells is the cluster's."""

    def __init__(self, cluster: sch.Cluster, host: str, port: int) -> None:
        self.host, self.port, self._cluster = host, port, cluster
        self._parser = Parser()
        self.sock = sch.socket.create_connection((host, port), TIMEOUT, config=BY_ADDRESS, on_action=self._told)
        self.ask("HELLO", 3)

    def _told(self, action: sch.Action) -> None:
        now = time.monotonic()
        if isinstance(action, sch.SlotsMoved):
            self._cluster.slots_moved(now, self.sock.connection)
        elif isinstance(action, sch.ReloadSlots):
            self._cluster.reload_asked(now, action.seq)

    def ask(self, *args: Any) -> Any:
        return self.ask_raw(*args)[0]

    def ask_raw(self, *args: Any) -> Tuple[Any, bytes]:
        """The reply, and its bytes as they came."""
        self.sock.sendall(command(*args))
        while True:
            before = bytes(self._parser.data)
            reply = self._parser.take()
            if reply is not NOTHING:
                return reply, before[: len(before) - len(self._parser.data)]
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError(f"{self.host}:{self.port} ended the stream")
            self._parser.feed(data)


class Client:
    def __init__(self, host: str, port: int) -> None:
        self.cluster = sch.Cluster(sch.Config(tls=False))
        self._first = (host, port)
        self._links: Dict[int, Link] = {}
        self.actions: List[sch.ClusterAction] = []
        #: Commands answered with MOVED; of them, sent after the map had been patched.
        self.moved = self.moved_late = 0
        self._patched: Optional[float] = None
        self.cluster.ask_reload(time.monotonic())

    def close(self) -> None:
        for link in self._links.values():
            link.sock.close()
        self.cluster.free()

    def seen(self, kind: Any) -> List[Any]:
        return [action for action in self.actions if isinstance(action, kind)]

    def pump(self) -> None:
        """Does what the cluster asks for."""
        self.cluster.tick(time.monotonic())
        for action in self.cluster.actions():
            self.actions.append(action)
            if isinstance(action, sch.ClusterReloadSlots):
                self._load(action)
            elif isinstance(action, sch.ClusterSlotsMoved):
                self._patched = time.monotonic()
            elif isinstance(action, sch.DrainNode) and action.node in self._links:
                self._links.pop(action.node).sock.close()  # nothing is owed: commands go one at a time

    def _load(self, asked: sch.ClusterReloadSlots) -> None:
        host, port = self._first if asked.host is None else (asked.host, asked.port)
        # Each load is another form of the reply.
        words, load = ("SLOTS", self.cluster.load_slots) if asked.attempt % 2 else ("SHARDS", self.cluster.load_shards)
        try:
            link = Link(self.cluster, host, port)
            try:
                load(time.monotonic(), link.ask_raw("CLUSTER", words)[1], host, port, asked.seq)
            finally:
                link.sock.close()
        except (OSError, sch.NotASlotMapError):
            self.cluster.reload_failed(time.monotonic())

    def _link(self, number: int) -> Optional[Link]:
        if number not in self._links:
            node = self.cluster.node(number)
            if node is None:
                return None
            self._links[number] = Link(self.cluster, node.host, node.port)
        return self._links[number]

    def command(self, key: bytes, *args: Any) -> Any:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            self.pump()
            owner = self.cluster.owner_of_key(key)
            link = None if owner is None else self._link(owner)
            if link is not None:
                return self._follow(link, *args)
            due = self.cluster.next_deadline()
            time.sleep(0.001 if due is None else max(0.0, min(due - time.monotonic(), 0.05)))
        raise TimeoutError(f"nobody owns {key!r}")

    def _follow(self, link: Link, *args: Any) -> Any:
        """Goes where redirections lead."""
        for _ in range(TRIES):
            began = time.monotonic()
            reply, raw = link.ask_raw(*args)
            if not isinstance(reply, Error):
                return reply
            where = self.cluster.redirected(time.monotonic(), raw, link.host, link.port)
            if where is None:
                return reply
            if where.is_ask:
                node = self.cluster.find_node(where.host, where.port)
            else:
                node = where.node
                self.moved += 1
                self.moved_late += self._patched is not None and began > self._patched
            self.pump()
            to = None if node is None else self._link(node)
            assert to is not None, f"no node for {where}"
            link = to
            if where.is_ask:
                assert link.ask("ASKING") == "OK"
        raise AssertionError(f"redirected {TRIES} times")
