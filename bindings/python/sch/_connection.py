"""One connection: every input and output of the C API, in the words of Python. Takes no decision, opens no socket.

One call at a time: a token is taken from `_idle` for each, so a second thread, or a log callback that calls back, finds
none and is told so; so is who comes after `free`. What the library lends is copied before the token goes back.
"""

from __future__ import annotations

import logging
import weakref
from ctypes import byref, c_bool, c_int32, c_size_t, c_uint64, c_void_p, sizeof
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Callable, Iterator, List, NamedTuple, NoReturn, Optional, Sequence
from typing import Union

from ._actions import Action, bytes_at, make, number, text_at
from ._config import Config, Settings, whole
from ._declarations import (
    ABI_VERSION,
    Counters,
    Fence,
    Level,
    LogLevel,
    Phase,
    Status,
    Unowned,
    sch_action,
    sch_counters,
    sch_dial,
    sch_log_fn,
    sch_wait,
)
from ._errors import BusyError, FreedError, SchError, fail
from ._library import lib, status_text
from ._memory import Buffer, as_bytes
from ._pool import Pool, Waiter
from ._steady import Answers, Idle, Receive, Submit
from ._steady import make as make_steady
from ._time import deadline, to_ms, to_ns


logger = logging.getLogger("sch")
_TO_LOGGING = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARN: logging.WARNING,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}
LogFunction = Callable[[LogLevel, str], None]
#: What a parser makes of a push: names, numbers, nulls, lists.
Element = Union[bytes, str, int, None, Sequence[Any]]


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


#: Connections by a number that C hands back; weak, so that a log function may refer to its connection.
_live: "weakref.WeakValueDictionary[int, Connection]" = weakref.WeakValueDictionary()


def _hear(level: int, text: int, length: int, key: int) -> None:
    """The one callback. What a log function raises goes to sys.unraisablehook: the call it interrupts has been done."""
    connection = _live.get(key)
    if connection is not None:
        connection._log(number(LogLevel, level), text_at(text, length))


_HEAR = sch_log_fn(_hear)


def _end(idle: Idle, handle: int) -> None:
    """For the garbage collector and for the end of the interpreter, where a daemon thread may still be inside: then the
    handle goes with the process. The token is kept, so that whoever comes later is refused."""
    try:
        idle.pop()
    except IndexError:
        return
    lib.sch_conn_free(handle)


def _to_logger(level: LogLevel, text: str) -> None:
    logger.log(_TO_LOGGING.get(level, logging.DEBUG), "%s", text)


def _level_of_logger() -> LogLevel:
    effective = logger.getEffectiveLevel()
    wanted = [level for level, at in _TO_LOGGING.items() if at >= effective]
    return max(wanted, default=LogLevel.NONE)


def _problem(handle: int, status: int) -> NoReturn:
    """Raises with what the library says to do. Inside the door."""
    text, length = c_void_p(), c_size_t()
    if status > Status.ERR_FATAL and lib.sch_conn_last_error(handle, byref(text), byref(length)) == Status.OK:
        fail(status, text_at(text.value, length.value))
    fail(status, status_text(status))


def _refuse(finalizer: "weakref.finalize[Any, Any]") -> NoReturn:
    if not finalizer.alive:
        raise FreedError("the connection was freed: make a new one")
    raise BusyError(
        "the connection is in use: one call at a time, from any thread, and none from its log function", Status.ERR_BUSY
    )


class Connection:
    """One logical connection, made without a transport. `free` it, or let `with` or the garbage collector do so."""

    __slots__ = (
        "_idle",
        "_handle",
        "_finalizer",
        "_log",
        "level",
        "receive",
        "submit",
        "_pool",
        "_answers",
        "__weakref__",
    )

    def __init__(self, config: Optional[Config] = None, *, log: Optional[LogFunction] = None) -> None:
        """`log` gets the log lines in place of the logger `sch`."""
        self._idle: Idle = []
        self._answers = Answers()
        config = Config() if config is None else config
        if not isinstance(config, Config):
            raise TypeError(f"config is a sch.Config, not {type(config).__name__}")
        if log is not None and not callable(log):
            raise TypeError("log is called with a level and a text")
        handle = c_void_p()
        with Settings(config) as settings:
            status = lib.sch_conn_new(ABI_VERSION, settings.handle, byref(handle))
            if status != Status.OK:
                fail(status, settings.problem() or status_text(status))
        self._handle: int = handle.value or 0
        self._finalizer = weakref.finalize(self, _end, self._idle, self._handle)
        self._log: LogFunction = _to_logger if log is None else log
        self.level = Level(config.level)
        #: Keeps the waiters of the pool for as long as they may be woken.
        self._pool: Optional[Pool] = None
        self.receive: Receive
        self.submit: Submit
        self.receive, self.submit = make_steady(
            self._handle,
            self._idle,
            self._answers,
            partial(_refuse, self._finalizer),
            _problem,
            partial(whole, "transport", bits=64),
        )
        self._idle.append(None)
        if config.log_level is not None:
            self.set_log_level(config.log_level)
        else:
            self.set_log_level(_level_of_logger() if log is None else LogLevel.DEBUG)

    # The end ------------------------------------------------------------------------------------------------------

    def free(self) -> None:
        """Frees the handle; twice is fine. Sockets are yours to close."""
        try:
            self._idle.pop()
        except IndexError:
            if self._finalizer.alive:
                raise BusyError("the connection is in use: free it when the call has returned", Status.ERR_BUSY) from None
            return
        _live.pop(self._handle, None)
        self._finalizer.detach()
        lib.sch_conn_free(self._handle)

    @property
    def freed(self) -> bool:
        """Whether the handle is gone."""
        return not self._finalizer.alive

    def __enter__(self) -> "Connection":
        if self.freed:
            _refuse(self._finalizer)
        return self

    def __exit__(self, *_: object) -> None:
        self.free()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sch.Connection cannot be copied or pickled: it is a handle")

    def __repr__(self) -> str:
        if self.freed:
            return "<sch.Connection freed>"
        try:
            return f"<sch.Connection {self.phase.name.lower()}>"
        except SchError as error:
            return f"<sch.Connection: {error}>"

    # The one door -------------------------------------------------------------------------------------------------

    def _enter(self) -> Optional[bool]:
        """The token; whoever changes something puts None in its place."""
        try:
            return self._idle.pop()
        except IndexError:
            _refuse(self._finalizer)

    def _call(self, function: Any, *arguments: Any) -> int:
        """A call that may change something."""
        self._enter()
        try:
            status: int = function(self._handle, *arguments)
            if status < 0:
                _problem(self._handle, status)
            return status
        finally:
            self._idle.append(None)

    def _look(self, function: Any, *arguments: Any) -> int:
        """A call that changes nothing: its failures leave no text."""
        known = self._enter()
        try:
            status: int = function(self._handle, *arguments)
        finally:
            self._idle.append(known)
        if status < 0:
            fail(status, status_text(status))
        return status

    # Transports ---------------------------------------------------------------------------------------------------

    def dial(self, now: float, nth: int = 0) -> Optional[Dial]:
        """Where to dial, for the first connect and for reconnects: the choice number `nth`. None: there is no such."""
        return self._dial(lib.sch_conn_dial, to_ns(now), whole("nth", nth, 32))

    def dial_to(self, now: float, host: str, port: int) -> Dial:
        """As `dial`, to a place that you know from elsewhere: `Pool.where_to_dial` says where a pool's connections go."""
        raw = _text("host", host)
        dial = self._dial(lib.sch_conn_dial_to, to_ns(now), raw, len(raw), whole("port", port, 16))
        assert dial is not None  # an error would have been raised
        return dial

    def _dial(self, function: Any, *arguments: Any) -> Optional[Dial]:
        out = sch_dial(struct_size=sizeof(sch_dial))
        self._enter()
        try:
            status = function(self._handle, *arguments, byref(out))
            if status < 0:
                _problem(self._handle, status)
            if status != Status.OK:
                return None
            name = text_at(out.tls_server_name, out.tls_server_name_len) if out.has_tls else None
            return Dial(out.transport, text_at(out.host, out.host_len), out.port, name)
        finally:
            self._idle.append(None)

    def connected(self, now: float, transport: int, peer: Optional[str] = None) -> None:
        """The socket of `transport` is connected, TLS included; `peer` is `ip:port` or `[ip6]:port`."""
        raw = b"" if peer is None else _text("peer", peer)
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
        """Level 1: so many commands are written and not answered."""
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
        user = _text("username", username)
        raw = as_bytes(password.encode() if isinstance(password, str) else password)
        self._call(lib.sch_conn_credentials, to_ns(now), user, len(user), raw, len(raw))

    def tick(self, now: float) -> None:
        """Time has passed."""
        self._call(lib.sch_conn_tick, to_ns(now))

    def close(self, now: float) -> None:
        """Ends the connection: drain the actions after it, then `free`. The current transport is yours to close."""
        self._call(lib.sch_conn_close, to_ns(now))

    # In a pool ----------------------------------------------------------------------------------------------------

    def join(
        self, now: float, pool: Pool, *, user: int = 0, unowned: Unowned = Unowned.RETIRE, node: Optional[str] = None
    ) -> None:
        """Becomes a member of `pool`, owned by a user. `user` is what you call it, for events; `unowned`: what becomes of
        it when its node moves and nobody owns it; `node` is host:port where you know better than `connected` says."""
        if not isinstance(pool, Pool):
            raise TypeError(f"pool is a sch.Pool, not {type(pool).__name__}")
        moment, name = to_ns(now), b"" if node is None else _text("node", node)
        numbers = whole("unowned", unowned, 31), whole("user", user, 64)
        with pool._used() as handle:
            self._call(lib.sch_conn_join, moment, handle, *numbers, name, len(name))
        self._pool = pool

    def leave(self, now: float) -> None:
        """Leaves its pool. A handoff that waited for its turn begins at once."""
        self._call(lib.sch_conn_leave, to_ns(now))
        self._pool = None

    def take(self, now: float, waiter: Optional[Waiter] = None) -> None:
        """A user owns it from here on; `waiter` is woken for its mail, None: ask `has_mail`. Drain the actions."""
        pool = self._pool
        which = 0 if pool is None else pool._number(waiter)
        self._call(lib.sch_conn_take, to_ns(now), which)

    def give(self, now: float) -> None:
        """Nobody owns it: it rests, and its mail waits until it is taken."""
        self._call(lib.sch_conn_give, to_ns(now))

    @property
    def has_mail(self) -> bool:
        """Whether there is mail: then `tick` and drain the actions."""
        out = c_bool()
        self._look(lib.sch_conn_has_mail, byref(out))
        return out.value

    @property
    def member(self) -> int:
        """Its number in events, never 0 and never used again."""
        out = c_uint64()
        self._look(lib.sch_conn_member, byref(out))
        return out.value

    # Pushes, at level 1 -------------------------------------------------------------------------------------------

    def push(self, now: float, transport: int, frame: Buffer) -> bool:
        """A push that your parser met, the whole frame. True if it was a notification, which nobody else needs."""
        swallowed = c_bool()
        raw = as_bytes(frame)
        which = whole("transport", transport, 64)
        self._call(lib.sch_conn_push, to_ns(now), which, raw, len(raw), byref(swallowed))
        return swallowed.value

    def push_elements(self, now: float, transport: int, elements: Sequence[Element]) -> bool:
        """As `push`, where the parser has values: text or bytes, numbers, None, and lists of these."""
        moment, which = to_ns(now), whole("transport", transport, 64)
        self._call(lib.sch_conn_push_begin, len(elements))
        for element in elements:
            self._push_element(element)
        swallowed = c_bool()
        self._call(lib.sch_conn_push_end, moment, which, byref(swallowed))
        return swallowed.value

    def _push_element(self, element: Any) -> None:
        if element is None:
            self._call(lib.sch_conn_push_null)
        elif isinstance(element, int):
            if not -(1 << 63) <= element < 1 << 63:
                raise ValueError(f"an integer of RESP has 64 bits: {element}")
            self._call(lib.sch_conn_push_integer, element)
        elif isinstance(element, (list, tuple)):
            self._call(lib.sch_conn_push_array, len(element))
            for inner in element:
                self._push_element(inner)
        else:
            raw = as_bytes(element.encode() if isinstance(element, str) else element)
            self._call(lib.sch_conn_push_text, raw, len(raw))

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
                _problem(self._handle, status)
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

    def _lent_text(self, function: Any) -> Optional[str]:
        text, length = c_void_p(), c_size_t()
        self._enter()
        try:
            status = function(self._handle, byref(text), byref(length))
            if status < 0:
                fail(status, status_text(status))
            return text_at(text.value, length.value) if status == Status.OK else None
        finally:
            self._idle.append(None)

    def salvage(self) -> bytes:
        """Of a poisoned connection: bytes that were accepted and not written."""
        data, length = c_void_p(), c_size_t()
        self._enter()
        try:
            status = lib.sch_conn_salvage(self._handle, byref(data), byref(length))
            if status < 0:
                _problem(self._handle, status)
            return bytes_at(data.value, length.value)
        finally:
            self._idle.append(None)

    def set_log_level(self, level: LogLevel) -> None:
        """Lines up to `level` go to the log function, by default the logger `sch`."""
        _live[self._handle] = self
        self._call(lib.sch_conn_set_log, whole("level", level, 31), _HEAR, self._handle)


def _text(name: str, value: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{name} is text, not {type(value).__name__}")
    return value.encode()
