"""`receive` and `submit`, the calls of the steady path: everything they need is made once for each connection.

Arguments are converted beforehand, or stand in a struct, which is most of the time of a call through ctypes. They share
places with one another and so may only be used by who has taken the token of `idle`. The token says what is known: True:
the answers of the last `receive` still hold, so that whether there is an action, and the deadline, need no call.
"""

from __future__ import annotations

import ctypes
import struct
from ctypes import c_size_t, c_uint64, c_void_p, sizeof
from typing import Any, Callable, List, NamedTuple, NoReturn, Optional, Tuple

from ._actions import bytes_at
from ._declarations import FUNCTIONS, sch_receive_call, sch_span, sch_submitted
from ._library import lib
from ._memory import VIEW_AT, Buffer, pointer_at
from ._time import to_ns

#: Spans of one call; where more come, fewer bytes are taken.
SPANS = 16
#: The token of a connection that nobody uses; none, and it is in use or freed.
Idle = List[Optional[bool]]
_PASSES = sch_receive_call.passes.offset
_HAS_ACTION = sch_receive_call.has_action.offset
_HAS_DEADLINE = sch_receive_call.has_deadline.offset
_DEADLINE = sch_receive_call.deadline_ns.offset
_TIME = sch_receive_call.now_ns.offset
_TAKEN = sch_receive_call.consumed.offset
_SPANS_AT = sizeof(sch_receive_call)
assert sch_receive_call.transport.offset == _TIME + 8
assert sch_receive_call.count.offset == _TAKEN + sizeof(c_size_t)


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


#: As an argument, the address of a bytearray, which stays where it is meanwhile.
lock = (ctypes.c_char * 0).from_buffer
_receive = _untyped("sch_conn_receive_with")
_submit = _untyped("sch_conn_submit")


class Answers:
    """What the last `receive` answered, for who finds True as the token."""

    __slots__ = ("memory", "_bytes")

    def __init__(self) -> None:
        #: The struct, then the spans.
        self.memory = bytearray(_SPANS_AT + SPANS * sizeof(sch_span))
        self._bytes = memoryview(self.memory)

    def has_action(self) -> bool:
        return self._bytes[_HAS_ACTION] != 0

    def deadline_ns(self) -> Optional[int]:
        if not self._bytes[_HAS_DEADLINE]:
            return None
        ns: int = struct.unpack_from("@Q", self.memory, _DEADLINE)[0]
        return ns


def make(
    number: int,
    idle: Idle,
    answers: Answers,
    refuse: Callable[[], NoReturn],
    problem: Callable[[int, int], NoReturn],
    convert: Callable[[Any], int],
) -> Tuple[Receive, Submit]:
    """`receive` and `submit` of the handle `number`. They do not refer to the Connection, which would be a cycle."""
    handle = c_void_p.from_param(number)
    moment, length = c_uint64(), c_size_t()
    memory = answers.memory
    out = (ctypes.c_char * len(memory)).from_buffer(memory)
    call = sch_receive_call.from_buffer(memory)
    call.struct_size, call.cap = _SPANS_AT, SPANS
    call.spans = ctypes.addressof(out) + _SPANS_AT
    arguments, looked_at = ctypes.byref(out), memoryview(memory)
    set_input = struct.Struct("@QQ").pack_into
    done = sch_submitted(struct_size=sizeof(sch_submitted))
    place = ctypes.byref(done)
    pop, push = idle.pop, idle.append

    def passed() -> Tuple[bytes, int]:
        """What is not the data as it is."""
        taken, count = struct.unpack_from("@NN", memory, _TAKEN)
        words = struct.unpack_from(f"@{2 * count}N", memory, _SPANS_AT)
        return b"".join([bytes_at(words[i], words[i + 1]) for i in range(0, len(words), 2)]), taken

    def receive(now: float, transport: int, data: Buffer) -> Tuple[Buffer, int]:
        """Levels 2 and 3: bytes that `transport` received, any buffer. Answers (what to give to the parser, how many
        bytes were taken). Where all of it passes, the first is `data` itself, not a copy. Where fewer were taken than
        given, drain the actions, then call again with the rest.
        """
        try:
            pop()
        except IndexError:
            refuse()
        known = None
        try:
            given: Any
            view: Any
            same = data
            if type(data) is bytes:
                given, size = data, len(data)
            elif type(data) is bytearray:
                given, size = lock(data), len(data)
            else:
                view = memoryview(data)  # also keeps the bytes where they are
                size = view.nbytes
                if VIEW_AT and view.contiguous:
                    given = pointer_at(id(view) + VIEW_AT)
                else:
                    given = same = view.tobytes()
            length.value = size
            try:
                set_input(memory, _TIME, int(now * 1e9 + 0.5), transport)
            except (struct.error, ValueError, OverflowError):
                set_input(memory, _TIME, to_ns(now), convert(transport))
            status = _receive(handle, given, length, arguments)
            if status:
                problem(number, status)
            known = True
            return (same, size) if looked_at[_PASSES] else passed()
        finally:
            view = given = None  # an exception keeps this frame: it must not keep the buffer
            push(known)

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
            elif type(data) is bytearray:
                given, size = lock(data), len(data)
            else:
                view = memoryview(data)
                size = view.nbytes
                if VIEW_AT and view.contiguous:
                    given = pointer_at(id(view) + VIEW_AT)
                else:
                    given = view.tobytes()
            try:
                ns = int(now * 1e9 + 0.5)
            except (ValueError, OverflowError):
                ns = -1
            moment.value = to_ns(now) if ns >> 64 else ns
            length.value = size
            status = _submit(handle, moment, given, length, place)
            if status:
                problem(number, status)
            _, _, *answer = fields(done)
            return Submitted._make(answer)
        finally:
            view = given = None
            push(None)

    return receive, submit
