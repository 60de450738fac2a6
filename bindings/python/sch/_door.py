"""The handle of a connection, and the one door to it. Knows no input and no output.

One call at a time: a token is taken from `_idle` for each, so a second thread, or a log callback that calls back, finds
none and is told so; so is who comes after `free`. What the library lends is copied before the token goes back.
"""

from __future__ import annotations

import weakref
from ctypes import byref, c_size_t, c_void_p
from functools import partial
from typing import Any, NoReturn, Optional, TypeVar

from ._actions import number, text_at
from ._config import Config, Settings, whole
from ._declarations import ABI_VERSION, Level, LogLevel, Status, sch_log_fn
from ._errors import BusyError, FreedError, fail
from ._library import lib, status_text
from ._log import LogFunction, function_of, level_of
from ._pool import Pool
from ._steady import Answers, Idle, Receive, Submit
from ._steady import make as make_steady

Self = TypeVar("Self", bound="Door")

#: Connections by a number that C hands back; weak, so that a log function may refer to its connection.
_live: "weakref.WeakValueDictionary[int, Door]" = weakref.WeakValueDictionary()


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


def problem(handle: int, status: int) -> NoReturn:
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


class Door:
    """`free` it, or let `with` or the garbage collector do so."""

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
        self._log: LogFunction = function_of(log)
        handle = c_void_p()
        with Settings(config) as settings:
            status = lib.sch_conn_new(ABI_VERSION, settings.handle, byref(handle))
            if status != Status.OK:
                fail(status, settings.problem() or status_text(status))
        self._handle: int = handle.value or 0
        self._finalizer = weakref.finalize(self, _end, self._idle, self._handle)
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
            problem,
            partial(whole, "transport", bits=64),
        )
        self._idle.append(None)
        self.set_log_level(level_of(config, log))

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

    def __enter__(self: Self) -> Self:
        if self.freed:
            _refuse(self._finalizer)
        return self

    def __exit__(self, *_: object) -> None:
        self.free()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sch.Connection cannot be copied or pickled: it is a handle")

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
                problem(self._handle, status)
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

    def set_log_level(self, level: LogLevel) -> None:
        """Lines up to `level` go to the log function, by default the logger `sch`."""
        _live[self._handle] = self
        self._call(lib.sch_conn_set_log, whole("level", level, 31), _HEAR, self._handle)


def utf8(name: str, value: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{name} is text, not {type(value).__name__}")
    return value.encode()
