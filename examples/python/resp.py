"""RESP3, as much as these clients use: a command out, a reply in. None of it is sch."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple


class ReplyError(Exception):
    """The server refused the command."""


class Lost(Exception):
    """The command will have no reply. Where it has not run, it can be sent again."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.may_have_run = "may have run" in text


class NotConnected(Exception):
    """There is no connection, so the command was not written."""


def encode(*words: str) -> bytes:
    raw = [word.encode() for word in words]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in raw)


class Parser:
    """`feed` it what comes, then `take` replies until there is none."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        self._data += data

    def take(self) -> Optional[Tuple[Any]]:
        """The next reply, in a tuple; None: it is not whole yet. Pushes are left out."""
        while True:
            found = self._value(0)
            if found is None:
                return None
            value, end = found
            is_push = self._data[:1] == b">"
            del self._data[:end]
            if not is_push:
                return (value,)

    def _value(self, at: int) -> Optional[Tuple[Any, int]]:
        end = self._data.find(b"\r\n", at)
        if end < 0:
            return None
        kind, text, at = bytes(self._data[at : at + 1]), self._data[at + 1 : end].decode(), end + 2
        if kind == b"-":
            return Lost(text) if text.startswith("SCHLOST ") else ReplyError(text), at
        if kind == b"+":
            return text, at
        if kind == b":":
            return int(text), at
        if kind == b"_":
            return None, at
        if kind == b"$":
            end = at + int(text)
            return (self._data[at:end].decode(), end + 2) if len(self._data) >= end + 2 else None
        if kind in (b"*", b"%", b">"):
            values: List[Any] = []
            for _ in range(int(text) * (2 if kind == b"%" else 1)):
                found = self._value(at)
                if found is None:
                    return None
                values.append(found[0])
                at = found[1]
            return values, at
        raise ValueError(f"not a reply that is used here: {kind!r}")
