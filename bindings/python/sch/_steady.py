"""`receive` and `submit`, the calls of the steady path: everything they need is made once for each connection.

Arguments are converted beforehand, which halves the time of a call through ctypes. They share places with one another and
so may only be used by who has taken the token of `idle`.
"""

from __future__ import annotations

import ctypes
import struct
from ctypes import c_size_t, c_uint64, c_void_p, sizeof
from typing import Any, Callable, Dict, List, NamedTuple, NoReturn, Tuple

from ._actions import bytes_at
from ._declarations import FUNCTIONS, sch_span, sch_submitted
from ._library import lib
from ._memory import BYTES_AT, VIEW_AT, Buffer, word_at
from ._time import to_ns

#: Spans of one call; where more come, fewer bytes are taken.
SPANS = 16
_WORD = sizeof(c_size_t)


class Submitted(NamedTuple):
    """What `submit` did: `write_now` leading bytes are yours to write, `held` after them were copied, the rest was not taken."""

    #: For `write_now`; 0 if that is 0.
    transport: int
    write_now: int
    held: int
    #: Number of the first command that began in what was taken. The first ever is 1.
    first: int
    #: How many commands began in it.
    commands: int


Receive = Callable[[float, int, Buffer], Tuple[Buffer, int]]
Submit = Callable[[float, Buffer], Submitted]


def _untyped(name: str) -> Any:
    """A function whose arguments are converted already."""
    function = lib[name]
    function.restype = FUNCTIONS[name][0]
    return function


_receive = _untyped("sch_conn_receive")
_submit = _untyped("sch_conn_submit")


def make(
    number: int,
    idle: List[None],
    refuse: Callable[[], NoReturn],
    problem: Callable[[int, int], NoReturn],
    convert: Callable[[Any], int],
) -> Tuple[Receive, Submit]:
    """`receive` and `submit` of the handle `number`. They do not refer to the Connection, which would be a cycle."""
    handle = c_void_p.from_param(number)
    moment, length, where = c_uint64(), c_size_t(), c_void_p()
    # consumed, count, then the spans
    memory = bytearray(2 * _WORD + SPANS * sizeof(sch_span))
    out = (ctypes.c_char * len(memory)).from_buffer(memory)
    taken, counted, spans = (ctypes.byref(out, at) for at in (0, _WORD, 2 * _WORD))
    cap = c_size_t.from_param(SPANS)
    four = struct.Struct("@NNNN").unpack_from
    done = sch_submitted(struct_size=sizeof(sch_submitted))
    place = ctypes.byref(done)
    transports: Dict[int, Any] = {}
    pop, push = idle.pop, idle.append

    def transport_of(transport: Any) -> Any:
        """A transport for C; there are a few at a time."""
        if len(transports) >= 64:
            transports.clear()
        return transports.setdefault(transport, c_uint64.from_param(convert(transport)))

    def join(count: int) -> bytes:
        words = struct.unpack_from(f"@{2 + 2 * count}N", memory)
        return b"".join([bytes_at(words[i], words[i + 1]) for i in range(2, len(words), 2)])

    def receive(now: float, transport: int, data: Buffer) -> Tuple[Buffer, int]:
        """Levels 2 and 3: bytes that `transport` received, any buffer. Answers (what to give to the parser, how many
        bytes were taken). Where all of it passes, the first is `data` itself, not a copy. Where fewer were taken than
        given, drain the actions, then call again with the rest.
        """
        try:
            pop()
        except IndexError:
            refuse()
        try:
            given: Any
            view: Any
            if type(data) is bytes:
                given, size = data, len(data)
                at = id(data) + BYTES_AT
            else:
                view = memoryview(data)  # also keeps the bytes where they are
                size = view.nbytes
                if VIEW_AT and view.contiguous:
                    where.value = at = word_at(id(view) + VIEW_AT).value
                    given = where
                else:
                    given, at = view.tobytes(), 0
            ns = int(now * 1e9 + 0.5)
            if ns >> 64:
                to_ns(now)
            moment.value = ns
            length.value = size
            try:
                to = transports[transport]
            except (KeyError, TypeError):
                to = transport_of(transport)
            status = _receive(handle, moment, to, given, length, spans, cap, taken, counted)
            if status:
                problem(number, status)
            consumed, count, start, passed = four(memory)
            if passed == size and start == at and consumed == size and count == 1:
                return data, size
            return join(count), consumed
        finally:
            view = None  # an exception keeps this frame: it must not keep the buffer
            push(None)

    fields = struct.Struct("@IIQNNQQ").unpack_from

    def submit(now: float, data: Buffer) -> Submitted:
        """Level 3: bytes of commands, in any pieces."""
        try:
            pop()
        except IndexError:
            refuse()
        try:
            given: Any
            view: Any
            if type(data) is bytes:
                given, size = data, len(data)
            else:
                view = memoryview(data)
                size = view.nbytes
                if VIEW_AT and view.contiguous:
                    where.value = word_at(id(view) + VIEW_AT).value
                    given = where
                else:
                    given = view.tobytes()
            ns = int(now * 1e9 + 0.5)
            if ns >> 64:
                to_ns(now)
            moment.value = ns
            length.value = size
            status = _submit(handle, moment, given, length, place)
            if status:
                problem(number, status)
            _, _, *answer = fields(done)
            return Submitted._make(answer)
        finally:
            view = None
            push(None)

    return receive, submit
