"""RESP3, as much as the tests speak: commands out, replies in."""

from __future__ import annotations

from typing import Any, List, Tuple

NOTHING = object()


class Error(Exception):
    """An error reply."""


class Push(list):  # type: ignore[type-arg]
    """A push."""


def command(*args: Any) -> bytes:
    raw = [a if isinstance(a, bytes) else str(a).encode() for a in args]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in raw)


class Parser:
    """`feed` it; `take` answers a reply, or NOTHING."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed(self, data: Any) -> None:
        self.data += data

    def take(self) -> Any:
        try:
            value, at = self._value(0)
        except IndexError:
            return NOTHING
        del self.data[:at]
        return value

    def _line(self, at: int) -> Tuple[bytes, int]:
        end = self.data.find(b"\r\n", at)
        if end < 0:
            raise IndexError
        return bytes(self.data[at:end]), end + 2

    def _value(self, at: int) -> Tuple[Any, int]:
        line, at = self._line(at)
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode(), at
        if kind == b"-":
            return Error(rest.decode()), at
        if kind == b":":
            return int(rest), at
        if kind == b"_":
            return None, at
        if kind == b"#":
            return rest == b"t", at
        if kind in b"$=":
            size = int(rest)
            if size < 0:
                return None, at
            if len(self.data) < at + size + 2:
                raise IndexError
            return bytes(self.data[at : at + size]), at + size + 2
        if kind in b"*~>%|":
            items: List[Any] = []
            for _ in range(int(rest) * (2 if kind in b"%|" else 1)):
                item, at = self._value(at)
                items.append(item)
            return (Push(items) if kind == b">" else items), at
        raise ValueError(f"not RESP: {line!r}")
