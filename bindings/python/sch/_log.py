"""Where log lines go: a function of the host, or the logger `sch`. Knows no handles."""

from __future__ import annotations

import logging
import threading
from collections import deque
from ctypes import PYFUNCTYPE, py_object
from functools import partial
from typing import Callable, Deque, Optional, Tuple

from ._config import Config
from ._declarations import LogLevel

logger = logging.getLogger("sch")
_TO_LOGGING = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARN: logging.WARNING,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}
LogFunction = Callable[[LogLevel, str], None]


def to_logger(level: LogLevel, text: str) -> None:
    logger.log(_TO_LOGGING.get(level, logging.DEBUG), "%s", text)


def function_of(log: Optional[LogFunction]) -> LogFunction:
    if log is not None and not callable(log):
        raise TypeError("log is called with a level and a text")
    return to_logger if log is None else log


def level_of(config: Config, log: Optional[LogFunction]) -> LogLevel:
    """At first: what is configured; else what the logger takes, or all for a function."""
    if config.log_level is not None:
        return config.log_level
    if log is not None:
        return LogLevel.DEBUG
    effective = logger.getEffectiveLevel()
    wanted = [level for level, at in _TO_LOGGING.items() if at >= effective]
    return max(wanted, default=LogLevel.NONE)


def _call(work: Callable[[], object]) -> None:
    work()


#: What is raised goes to sys.unraisablehook, as from a callback of the library.
_QUIETLY = PYFUNCTYPE(None, py_object)(_call)
#: Lines that wait at most: as many as in the library (Limit.MAX_LINES).
_MOST = 1024


class Later:
    """Lines that are told when the lock under which they came is free: one thread tells at a time, in order."""

    __slots__ = ("_lines", "_dropped", "_telling", "_own")

    def __init__(self) -> None:
        self._lines: Deque[Tuple[LogLevel, str]] = deque()
        self._dropped = 0
        self._telling, self._own = threading.Lock(), threading.Lock()

    def add(self, level: LogLevel, text: str) -> None:
        with self._own:
            if len(self._lines) < _MOST:
                self._lines.append((level, text))
            else:
                self._dropped += 1

    def _next(self) -> Optional[Tuple[LogLevel, str]]:
        with self._own:
            if self._lines:
                return self._lines.popleft()
            count, self._dropped = self._dropped, 0
        return (LogLevel.WARN, f"event=log-lines-dropped count={count}") if count else None

    def tell(self, log: LogFunction) -> None:
        """Leaves them to the thread that tells, if there is one: it looks once more when it has ended."""
        while self._lines and self._telling.acquire(blocking=False):
            try:
                while line := self._next():
                    _QUIETLY(partial(log, *line))
            finally:
                self._telling.release()
