"""One connection: every input and output of the C API, in the words of Python. Takes no decision, opens no socket."""

from __future__ import annotations

from ctypes import byref, c_bool, c_int32, c_size_t, c_uint64, c_void_p, sizeof
from dataclasses import dataclass, fields
from typing import Any, Iterator, List, NamedTuple, Optional, Union

from ._actions import Action, bytes_at, make, number, text_at
from ._config import whole
from ._declarations import Counters, Fence, Phase, Status, sch_action, sch_counters, sch_dial, sch_wait
from ._door import problem, utf8
from ._errors import SchError, fail
from ._library import lib, status_text
from ._membership import Membership
from ._memory import Buffer, as_bytes
from ._pushes import Pushes
from ._time import deadline, to_ms, to_ns


@dataclass(frozen=True)
class Dial:
    """Where to dial, and the id of the transport to be."""

    transport: int
    host: str
    port: int
    #: For SNI and certificate checks; None is no TLS.
    tls_server_name: Optional[str]


class Wait(NamedTuple):
    """A transport to wait on."""

    transport: int
    connecting: bool
    read: bool
    write: bool


class Connection(Membership, Pushes):
    """One logical connection, made without a transport. `free` it, or let `with` or the garbage collector do so."""

    __slots__ = ()

    def __repr__(self) -> str:
        if self.freed:
            return "<sch.Connection freed>"
        try:
            return f"<sch.Connection {self.phase.name.lower()}>"
        except SchError as error:
            return f"<sch.Connection: {error}>"

    # Transports ---------------------------------------------------------------------------------------------------

    def dial(self, now: float, nth: int = 0) -> Optional[Dial]:
        """Where to dial, for the first connect and for reconnects: the choice number `nth`. None: there is no such."""
        return self._dial(lib.sch_conn_dial, to_ns(now), whole("nth", nth, 32))

    def dial_to(self, now: float, host: str, port: int) -> Dial:
        """As `dial`, to a place that you know from elsewhere: `Pool.where_to_dial` says where a pool's connections go."""
        raw = utf8("host", host)
        dial = self._dial(lib.sch_conn_dial_to, to_ns(now), raw, len(raw), whole("port", port, 16))
        assert dial is not None  # an error would have been raised
        return dial

    def _dial(self, function: Any, *arguments: Any) -> Optional[Dial]:
        out = sch_dial(struct_size=sizeof(sch_dial))
        self._enter()
        try:
            status = function(self._handle, *arguments, byref(out))
            if status < 0:
                problem(self._handle, status)
            if status != Status.OK:
                return None
            name = text_at(out.tls_server_name, out.tls_server_name_len) if out.has_tls else None
            return Dial(out.transport, text_at(out.host, out.host_len), out.port, name)
        finally:
            self._idle.append(None)

    def connected(self, now: float, transport: int, peer: Optional[str] = None) -> None:
        """The socket of `transport` is connected, TLS included; `peer` is `ip:port` or `[ip6]:port`."""
        raw = b"" if peer is None else utf8("peer", peer)
        self._call(lib.sch_conn_connected, to_ns(now), whole("transport", transport, 64), raw, len(raw))

    def connect_failed(self, now: float, transport: int) -> None:
        """The socket of `transport` could not be connected."""
        self._call(lib.sch_conn_connect_failed, to_ns(now), whole("transport", transport, 64))

    def closed(self, now: float, transport: int, unwritten: Buffer = b"") -> None:
        """The socket is closed; `unwritten` is what `submit` gave you to write and you did not write."""
        raw = as_bytes(unwritten)
        self._call(lib.sch_conn_closed, to_ns(now), whole("transport", transport, 64), raw, len(raw))

    # Bytes --------------------------------------------------------------------------------------------------------

    def region(self, transport: int, most: Optional[int] = None) -> bytes:
        """Bytes of libsch to write to `transport`, behind all that `submit` gave you for it; at most `most` of them."""
        which = whole("transport", transport, 64)
        data, length = c_void_p(), c_size_t()
        self._enter()
        try:
            status = lib.sch_conn_region(self._handle, which, byref(data), byref(length))
            if status < 0:
                fail(status, status_text(status))
            return bytes_at(data.value, length.value if most is None else min(length.value, most))
        finally:
            self._idle.append(None)

    def region_len(self, transport: int) -> int:
        """How many bytes the region has."""
        data, length = c_void_p(), c_size_t()
        self._look(lib.sch_conn_region, whole("transport", transport, 64), byref(data), byref(length))
        return length.value

    def wrote(self, now: float, transport: int, length: int) -> None:
        """`length` bytes of the region of `transport` have been written."""
        self._call(lib.sch_conn_wrote, to_ns(now), whole("transport", transport, 64), whole("length", length, 63))

    def cancel(self, now: float, command: int) -> bool:
        """Level 3: withdraws a command that is still held. True if it is never written."""
        withdrawn = c_bool()
        self._call(lib.sch_conn_cancel, to_ns(now), whole("command", command, 64), byref(withdrawn))
        return withdrawn.value

    def owe(self, now: float, replies: int, transport: Optional[int] = None) -> None:
        """Level 2: what was just written to `transport` (None: the current one) is owed so many replies."""
        count = whole("replies", replies, 64)
        if transport is None:
            self._call(lib.sch_conn_owe, to_ns(now), count)
        else:
            self._call(lib.sch_conn_owe_on, to_ns(now), whole("transport", transport, 64), count)

    def in_flight(self, now: float, commands: int) -> None:
        """Level 1: so many commands are written and not answered. In tapped, out notified: with each write, before `receive` gets its
        reply; what `receive` has taken whole is answered. In notified, out tapped: as replies come, and at 0."""
        self._call(lib.sch_conn_in_flight, to_ns(now), whole("commands", commands, 64))

    def fence(self, now: float, fence: Fence, is_open: bool) -> None:
        """Levels 1 and 2: a fence opens or closes. No swap while one is open."""
        self._call(lib.sch_conn_fence, to_ns(now), whole("fence", fence, 31), bool(is_open))

    # Answers ------------------------------------------------------------------------------------------------------

    def held(self, now: float) -> None:
        """Answers HOLD: you have stopped writing, at a command boundary."""
        self._call(lib.sch_conn_held, to_ns(now))

    def swapped(self, now: float) -> None:
        """Answers SWAP: the candidate is in use."""
        self._call(lib.sch_conn_swapped, to_ns(now))

    def swap_refused(self, now: float) -> None:
        """Answers SWAP: you will not swap."""
        self._call(lib.sch_conn_swap_refused, to_ns(now))

    def ready(self, now: float, transport: int) -> None:
        """Your own handshake on `transport` has succeeded, in RESP3."""
        self._call(lib.sch_conn_ready, to_ns(now), whole("transport", transport, 64))

    def resp2(self, now: float, transport: int) -> None:
        """Levels 1 and 2: your handshake on `transport` ended in RESP2."""
        self._call(lib.sch_conn_resp2, to_ns(now), whole("transport", transport, 64))

    def optin_reply(self, now: float, transport: int, data: Buffer) -> None:
        """Level 1: a reply to what SendOptin asked you to write."""
        raw = as_bytes(data)
        self._call(lib.sch_conn_optin_reply, to_ns(now), whole("transport", transport, 64), raw, len(raw))

    def losses_settled(self, now: float) -> None:
        """You have told the callers of every Lost so far."""
        self._call(lib.sch_conn_losses_settled, to_ns(now))

    def credentials(self, now: float, username: str, password: Union[str, bytes]) -> None:
        """Level 3: newer credentials. An empty `username` is the default user."""
        user = utf8("username", username)
        raw = as_bytes(password.encode() if isinstance(password, str) else password)
        self._call(lib.sch_conn_credentials, to_ns(now), user, len(user), raw, len(raw))

    def tick(self, now: float) -> None:
        """Time has passed."""
        self._call(lib.sch_conn_tick, to_ns(now))

    def close(self, now: float) -> None:
        """Ends the connection: drain the actions after it, then `free`. The current transport is yours to close."""
        self._call(lib.sch_conn_close, to_ns(now))

    # What to do, and what there is to know ------------------------------------------------------------------------

    def poll_action(self) -> Optional[Action]:
        """The next thing to do, or None. Call it until there is none after every input, also after one that failed."""
        known = self._enter()
        try:
            if known and not self._answers.has_action():
                return None
            known = None
            out = sch_action(struct_size=sizeof(sch_action))
            status = lib.sch_conn_poll_action(self._handle, byref(out))
            if status == Status.EMPTY:
                return None
            if status < 0:
                problem(self._handle, status)
            return make(out, self._handle)
        finally:
            self._idle.append(known)

    def actions(self) -> Iterator[Action]:
        """All there is to do now, in order; what your answers bring is part of it."""
        return iter(self.poll_action, None)

    def next_deadline(self) -> Optional[float]:
        """When `tick` is due, on your clock."""
        has, at = c_bool(), c_uint64()
        known = self._enter()
        try:
            if known:
                ns = self._answers.deadline_ns()
                return None if ns is None else deadline(ns)
            status = lib.sch_conn_next_deadline(self._handle, byref(has), byref(at))
        finally:
            self._idle.append(known)
        if status < 0:
            fail(status, status_text(status))
        return deadline(at.value) if has.value else None

    def effective_timeout(self, configured: Optional[float]) -> Optional[float]:
        """The timeout of a command now: the same, or the relaxed one if that is longer. None is no timeout."""
        out, infinite = c_uint64(), c_bool()
        given = 0 if configured is None else to_ms(configured)
        self._look(lib.sch_conn_effective_timeout_ms, given, configured is None, byref(out), byref(infinite))
        if infinite.value:
            return None
        return configured if out.value == given else out.value / 1000

    def wait_on(self) -> List[Wait]:
        """The transports to wait on, 3 at most."""
        waits, count = (sch_wait * 3)(), c_size_t()
        self._look(lib.sch_conn_wait_on, waits, len(waits), byref(count))
        found = waits[: min(count.value, len(waits))]
        return [Wait(w.transport, bool(w.connecting), bool(w.read), bool(w.write)) for w in found]

    def counters(self) -> Counters:
        """Counters since the connection was made."""
        out = sch_counters(struct_size=sizeof(sch_counters))
        self._look(lib.sch_conn_counters, byref(out))
        return Counters(*(getattr(out, entry.name) for entry in fields(Counters)))

    @property
    def phase(self) -> Phase:
        """Where the connection is."""
        out = c_int32()
        self._look(lib.sch_conn_phase, byref(out))
        return number(Phase, out.value)

    @property
    def current(self) -> Optional[int]:
        """The transport in use."""
        out = c_uint64()
        return out.value if self._look(lib.sch_conn_current, byref(out)) == Status.OK else None

    @property
    def is_active(self) -> bool:
        """Whether the server has accepted the opt-in on the transport in use."""
        out = c_bool()
        self._look(lib.sch_conn_is_active, byref(out))
        return out.value

    def poll_trace(self) -> Optional[str]:
        """The next line of the trace, which Config.trace turns on."""
        return self._lent_text(lib.sch_conn_poll_trace)

    def last_error(self) -> Optional[str]:
        """Why the last changing call that failed did."""
        return self._lent_text(lib.sch_conn_last_error)

    def salvage(self) -> bytes:
        """Of a poisoned connection: bytes that were accepted and not written."""
        data, length = c_void_p(), c_size_t()
        self._enter()
        try:
            status = lib.sch_conn_salvage(self._handle, byref(data), byref(length))
            if status < 0:
                problem(self._handle, status)
            return bytes_at(data.value, length.value)
        finally:
            self._idle.append(None)
