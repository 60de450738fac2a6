"""Seconds as float on this side, whole nanoseconds and milliseconds on the other."""

from __future__ import annotations

import math

from ._errors import ArgumentError

_LIMIT = 1 << 64


def to_ns(seconds: float) -> int:
    """A moment on the host's clock."""
    if not 0 <= seconds < _LIMIT / 1e9:
        raise ArgumentError(f"a time is from 0 to 2^64 nanoseconds, as of time.monotonic(): {seconds!r}")
    return int(seconds * 1e9 + 0.5)


def deadline(ns: int) -> float:
    """A moment that, given back, is not before `ns`: else a loop would wake too early and spin."""
    seconds = ns / 1e9
    while int(seconds * 1e9 + 0.5) < ns:
        seconds = math.nextafter(seconds, math.inf)
    return seconds


def to_ms(seconds: float) -> int:
    """A length of time; what is begun counts, so that 0 stays the only 0."""
    if not 0 <= seconds < float(_LIMIT) / 1000:
        raise ArgumentError(f"a length of time is from 0 to 2^64 milliseconds: {seconds!r}")
    return math.ceil(round(seconds * 1000, 6))
