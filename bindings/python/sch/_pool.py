"""A pool: what one of its connections reads acts for all. Every method may be called from any thread at any time."""

from __future__ import annotations

import itertools
import threading
import weakref
from ctypes import byref, c_bool, c_size_t, c_uint32, c_uint64, sizeof
from dataclasses import dataclass, fields
from typing import Any, Callable, Dict, Iterator, List, Optional

from ._config import Config, as_bytes, whole
from ._declarations import (
    EndpointCounters,
    PoolCounters,
    Status,
    sch_endpoint_counters,
    sch_place,
    sch_pool_counts,
    sch_pool_event,
    sch_wake_fn,
)
from ._errors import ArgumentError, fail
from ._library import lib, status_text
from ._log import LogFunction
from ._pool_events import PoolEvent, host_of, make
from ._shared import Shared
from ._time import deadline, to_ns

#: Endpoints that `endpoints` asks for at a time, until all fit.
_ENDPOINTS = 64


@dataclass(frozen=True)
class Place:
    """Where to dial."""

    host: str
    port: int
    #: You are the one connection that tries it: report the result soon.
    is_probe: bool
    #: It refused the opt-in; libsch does not opt in there before this moment.
    optin_refused_until: Optional[float]


@dataclass(frozen=True)
class Places:
    """Best first. Where all refuse it is empty, and `retry_at` says when to ask again."""

    places: "tuple[Place, ...]"
    retry_at: Optional[float]


class Waiter:
    """Who is woken. Goes with its pool and the pool's members, or by `remove`."""

    __slots__ = ("number", "_pool", "_wake", "__weakref__")

    def __init__(self, pool: "Pool", wake: Optional[Callable[[], object]]) -> None:
        #: As the library calls it; 0 until it is known.
        self.number = 0
        self._pool = weakref.ref(pool)
        self._wake = wake

    def remove(self) -> None:
        """Ends it. BusyError: it is just being woken, try again."""
        pool = self._pool()
        if pool is not None:
            pool._remove(self)


_keys = itertools.count(1)
#: Waiters by a number that C hands back. Weak: the pool and its members keep them.
_waiters: "weakref.WeakValueDictionary[int, Waiter]" = weakref.WeakValueDictionary()


#: `depth`: waiters that this thread is inside of.
_here = threading.local()


def _woken(key: Optional[int]) -> None:
    """The one callback, never freed. What a waiter raises goes to sys.unraisablehook."""
    waiter = _waiters.get(key or 0)
    if waiter is not None and waiter._wake is not None:
        _here.depth = getattr(_here, "depth", 0) + 1
        try:
            waiter._wake()
        finally:
            _here.depth -= 1


_WAKE = sch_wake_fn(_woken)


class Pool(Shared):
    """The pool of one database. `free` it, or let `with` or the garbage collector do so; members go on without it."""

    __slots__ = ("_kept",)
    _noun = "pool"

    def __init__(self, config: Optional[Config] = None, *, log: Optional[LogFunction] = None) -> None:
        """For connections that are made with the same `config`. `log` gets the log lines in place of the logger `sch`: from any
        thread, one at a time, in order. It may call the pool; of the connection whose call tells, every call raises BusyError."""
        super().__init__(config, log, lib.sch_pool_new, lib.sch_pool_free, lib.sch_pool_set_log)
        self._kept: Dict[int, Waiter] = {}

    def _is_called_back(self) -> bool:
        return bool(getattr(_here, "depth", 0))

    def _call(self, function: Any, *arguments: Any) -> int:
        with self._used() as handle:
            status: int = function(handle, *arguments)
        if status < 0:
            fail(status, status_text(status))
        return status

    # Waiters ------------------------------------------------------------------------------------------------------

    def add_waiter(self, wake: Callable[[], object]) -> Waiter:
        """Woken by calling `wake`, from any thread, perhaps once too often. It may call the pool; of the connection whose
        call woke it every call raises BusyError. Keep it short: set an event."""
        if not callable(wake):
            raise TypeError("wake is called without arguments")
        waiter, key = Waiter(self, wake), next(_keys)
        _waiters[key] = waiter
        return self._add(waiter, lib.sch_pool_add_waiter, _WAKE, key)

    def add_waiter_fd(self, descriptor: int) -> Waiter:
        """Woken by writing eight bytes to an eventfd or pipe that does not block. Remove it before you close that."""
        if not isinstance(descriptor, int) or not -(1 << 31) <= descriptor < 1 << 31:
            raise ArgumentError(f"descriptor is the number of an open file: {descriptor!r}")
        return self._add(Waiter(self, None), lib.sch_pool_add_waiter_fd, descriptor)

    def _add(self, waiter: Waiter, function: Any, *arguments: Any) -> Waiter:
        out = c_uint32()
        self._call(function, *arguments, byref(out))
        waiter.number = out.value
        self._kept[waiter.number] = waiter
        return waiter

    def _remove(self, waiter: Waiter) -> None:
        self._call(lib.sch_pool_remove_waiter, waiter.number)
        self._kept.pop(waiter.number, None)

    def _number(self, waiter: Optional[Waiter]) -> int:
        if waiter is None:
            return 0
        if not isinstance(waiter, Waiter):
            raise TypeError(f"waiter is a sch.Waiter, not {type(waiter).__name__}")
        if waiter._pool() is not self:
            raise ArgumentError("the waiter belongs to another pool")
        return waiter.number

    def watch(self, waiter: Optional[Waiter]) -> None:
        """Who is woken when there are events, and when the deadline comes nearer. None: poll every 100 ms."""
        self._call(lib.sch_pool_watch, self._number(waiter))

    # Looking after it ---------------------------------------------------------------------------------------------

    def poll_event(self) -> Optional[PoolEvent]:
        """The next event, or None. Each is given once."""
        out = sch_pool_event(struct_size=sizeof(sch_pool_event))
        return make(out) if self._call(lib.sch_pool_poll_event, byref(out)) == Status.OK else None

    def events(self) -> Iterator[PoolEvent]:
        """All there are now."""
        return iter(self.poll_event, None)

    def tick(self, now: float) -> None:
        """Does what is due. One thread is enough."""
        self._call(lib.sch_pool_tick, to_ns(now))

    def next_deadline(self) -> Optional[float]:
        """When to call `tick`."""
        has, at = c_bool(), c_uint64()
        self._call(lib.sch_pool_next_deadline, byref(has), byref(at))
        return deadline(at.value) if has.value else None

    # Dialling -----------------------------------------------------------------------------------------------------

    def where_to_dial(self, now: float, most: int = 4) -> Places:
        """Try one after the other with `Connection.dial_to`; report each with `dial_result`."""
        cap = whole("most", most, 16)
        places, count, retry = (sch_place * cap)(), c_size_t(), c_uint64()
        status = self._call(lib.sch_pool_where_to_dial, to_ns(now), places, cap, byref(count), byref(retry))
        if status == Status.EMPTY:
            return Places((), deadline(retry.value))
        return Places(tuple(_place(p) for p in places[: count.value]), None)

    def dial_result(self, now: float, host: str, port: int, ok: bool) -> None:
        """A dial there ended, with a usable connection or not."""
        raw = as_bytes("host", host, str)
        self._call(lib.sch_pool_dial_result, to_ns(now), raw, len(raw), whole("port", port, 16), bool(ok))

    def optin_refused(self, now: float, host: str, port: int) -> None:
        """A server refused an opt-in that your driver made by itself: it is not asked again for a while."""
        raw = as_bytes("host", host, str)
        self._call(lib.sch_pool_optin_refused, to_ns(now), raw, len(raw), whole("port", port, 16))

    # Counters -----------------------------------------------------------------------------------------------------

    def counters(self) -> PoolCounters:
        """Counters since it was made."""
        out = sch_pool_counts(struct_size=sizeof(sch_pool_counts))
        self._call(lib.sch_pool_counters, byref(out))
        return PoolCounters(*(getattr(out, f.name) for f in fields(PoolCounters)))

    def endpoints(self) -> "List[tuple[str, int]]":
        """Host and port of those that there are counters of."""
        cap = _ENDPOINTS
        while True:
            places, count = (sch_place * cap)(), c_size_t()
            self._call(lib.sch_pool_endpoints, places, cap, byref(count))
            if count.value < cap:
                return [(host_of(p), p.port) for p in places[: count.value]]
            cap *= 2

    def endpoint_counters(self, host: str, port: int) -> Optional[EndpointCounters]:
        """Counters of one endpoint; None: nothing is known of it."""
        raw = as_bytes("host", host, str)
        out = sch_endpoint_counters(struct_size=sizeof(sch_endpoint_counters))
        if self._call(lib.sch_pool_endpoint_counters, raw, len(raw), whole("port", port, 16), byref(out)) != Status.OK:
            return None
        return EndpointCounters(*(getattr(out, f.name) for f in fields(EndpointCounters)))


def _place(p: sch_place) -> Place:
    until = deadline(p.optin_refused_until_ns) if p.optin_refused else None
    return Place(host_of(p), p.port, bool(p.is_probe), until)
