"""Pushes that the host's own parser met, at level 1."""

from __future__ import annotations

from ctypes import byref, c_bool
from typing import Any, Sequence, Union

from ._config import whole
from ._door import Door
from ._library import lib
from ._memory import Buffer, as_bytes
from ._time import to_ns

#: What a parser makes of a push: names, numbers, nulls, lists.
Element = Union[bytes, str, int, None, Sequence[Any]]


class Pushes(Door):
    """Whole, or element by element."""

    __slots__ = ()

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
