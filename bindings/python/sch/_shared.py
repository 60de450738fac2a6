"""A handle that all threads may use at once. Knows neither pools nor clusters."""

from __future__ import annotations

import itertools
import threading
import weakref
from contextlib import contextmanager
from ctypes import byref, c_void_p
from typing import Any, Iterator, NoReturn, Optional, TypeVar

from ._actions import number, text_at
from ._config import Config, Settings, whole
from ._declarations import ABI_VERSION, LogLevel, Status, sch_log_fn
from ._errors import BusyError, FreedError, fail
from ._library import status_text
from ._log import LogFunction, function_of, level_of

Self = TypeVar("Self", bound="Shared")

_keys = itertools.count(1)
#: Handles by a number that C hands back, never used again: members tell the log of a pool whose handle is free. Weak, so that a
#: log function may refer to its handle.
_live: "weakref.WeakValueDictionary[int, Shared]" = weakref.WeakValueDictionary()


def _hear(level: int, text: int, length: int, key: int) -> None:
    """The one callback. What a log function raises goes to sys.unraisablehook: the call it interrupts has been done."""
    shared = _live.get(key)
    if shared is not None:
        shared._told(number(LogLevel, level), text_at(text, length))


_HEAR = sch_log_fn(_hear)


class Shared:
    """`free` it, or let `with` or the garbage collector do so."""

    __slots__ = ("_handle", "_finalizer", "_door", "_inside", "_end", "_set_log", "_log", "_key", "__weakref__")
    #: What it is, in messages.
    _noun = ""

    def __init__(self, config: Optional[Config], log: Optional[LogFunction], new: Any, free: Any, set_log: Any) -> None:
        config = Config() if config is None else config
        if not isinstance(config, Config):
            raise TypeError(f"config is a sch.Config, not {type(config).__name__}")
        self._log, self._set_log, self._key = function_of(log), set_log, next(_keys)
        handle = c_void_p()
        with Settings(config) as settings:
            status = new(ABI_VERSION, settings.handle, byref(handle))
            if status != Status.OK:
                fail(status, settings.problem() or status_text(status))
        self._handle: int = handle.value or 0
        self._door, self._inside = threading.RLock(), 0
        self._end = free
        self._finalizer = weakref.finalize(self, free, self._handle)
        self.set_log_level(level_of(config, log))

    def _is_called_back(self) -> bool:
        """Whether this thread is inside a callback of one."""
        return False

    def free(self) -> None:
        """Frees the handle; twice is fine. BusyError: a call is inside, or this is a callback."""
        with self._door:
            if not self._finalizer.alive:
                return
            if self._inside or self._is_called_back():
                raise BusyError(f"the {self._noun} is in use: free it when the calls have returned", Status.ERR_BUSY)
            status = self._end(self._handle)
            if status != Status.OK:
                fail(status, status_text(status))
            self._finalizer.detach()

    def set_log_level(self, level: LogLevel) -> None:
        """Lines up to `level` go to the log function, by default the logger `sch`. BusyError: a line is just being told, by
        another thread or around this call; try again."""
        _live[self._key] = self
        with self._used() as handle:
            status = self._set_log(handle, whole("level", level, 31), _HEAR, self._key)
        if status != Status.OK:
            fail(status, status_text(status))

    def _told(self, level: LogLevel, text: str) -> None:
        self._log(level, text)

    @property
    def freed(self) -> bool:
        """Whether the handle is gone."""
        return not self._finalizer.alive

    def __enter__(self: Self) -> Self:
        if self.freed:
            self._refuse()
        return self

    def __exit__(self, *_: object) -> None:
        self.free()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a sch.{type(self).__name__} cannot be copied or pickled: it is a handle")

    def _refuse(self) -> NoReturn:
        raise FreedError(f"the {self._noun} was freed: make a new one")

    @contextmanager
    def _used(self) -> Iterator[int]:
        """The handle, which nobody frees meanwhile."""
        with self._door:
            if self.freed:
                self._refuse()
            self._inside += 1
        try:
            yield self._handle
        finally:
            with self._door:
                self._inside -= 1
