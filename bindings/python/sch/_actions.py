"""What libsch asks for and tells, one frozen class for each kind. docs/VOCABULARY.md says what each wants as an answer.

`str(action)` is the line that logs, traces and scenario files have, the same in every language.
"""

from __future__ import annotations

import enum
from ctypes import byref, create_string_buffer, sizeof, string_at
from ctypes import c_size_t
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional, Tuple, Type, TypeVar

from ._declarations import (
    ActionKind,
    CloseReason,
    CommandClass,
    LostOutcome,
    OffReason,
    Outcome,
    RestoreReason,
    Status,
    Waiting,
    Window,
    sch_action,
    sch_slot_move,
    sch_slot_range,
)
from ._errors import fail
from ._library import lib, status_text

_E = TypeVar("_E", bound=enum.IntEnum)


@dataclass(frozen=True)
class Action:
    """One thing to do, or to know. Ignore a kind that you do not know: it needs no answer."""

    #: SCH_ACTION_*; a number that is no ActionKind comes from a newer library.
    kind: int
    #: The action as one line.
    text: str = field(compare=False, repr=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Relax(Action):
    """Timeouts are at least `timeout` from now on, also of commands in flight."""

    timeout: float
    reason: Window


@dataclass(frozen=True)
class Restore(Action):
    """Timeouts are as configured again."""

    reason: RestoreReason


@dataclass(frozen=True)
class Write(Action):
    """Bytes of libsch wait in the region of `transport`. Answer: `wrote`."""

    transport: int


@dataclass(frozen=True)
class Open(Action):
    """Open `transport`, with TLS if there is a `tls_server_name`. Answer: `connected` or `connect_failed`."""

    transport: int
    host: str
    port: int
    #: For SNI and certificate checks; None is no TLS.
    tls_server_name: Optional[str]
    #: 1 for the first try.
    attempt: int
    #: The attempt has failed if it is not ready by then, on your clock.
    deadline: float


@dataclass(frozen=True)
class Hold(Action):
    """Levels 1 and 2: stop writing to `transport` at a command boundary. Answer: `held`."""

    transport: int


@dataclass(frozen=True)
class Swap(Action):
    """Use `transport` instead of `old_transport`. Answer: `swapped` or `swap_refused`."""

    transport: int
    #: None if it has died.
    old_transport: Optional[int]
    #: Client-side caches are void.
    flush_tracking: bool


@dataclass(frozen=True)
class Flush(Action):
    """Held commands wait in the region of `transport`. Answer: `wrote`."""

    transport: int
    first: int
    count: int


@dataclass(frozen=True)
class Release(Action):
    """Levels 1 and 2: the hold has ended, write on, to `transport`."""

    transport: int


@dataclass(frozen=True)
class Close(Action):
    """Close `transport` and forget it."""

    transport: int
    reason: CloseReason


@dataclass(frozen=True)
class Lost(Action):
    """Commands will have no reply from a server. Answer: `losses_settled`."""

    first: int
    count: int
    outcome: LostOutcome
    #: What a second run would do.
    command_class: CommandClass
    #: Error replies for your parser (on_loss = reply), else empty.
    data: bytes


@dataclass(frozen=True)
class HandBack(Action):
    """Held commands come back in `data` as never written."""

    first: int
    count: int
    data: bytes


@dataclass(frozen=True)
class Resume(Action):
    """`submit` takes commands again."""


@dataclass(frozen=True)
class ResetParser(Action):
    """Forget the reply that your parser has read in part."""


@dataclass(frozen=True)
class TransactionBroken(Action):
    """The transaction, or WATCH, that was stated as open did not survive its transport; its fence is closed."""


@dataclass(frozen=True)
class SendOptin(Action):
    """Levels 1 and 2: write `data` to `transport`; it is owed `replies` replies."""

    transport: int
    data: bytes
    replies: int


@dataclass(frozen=True)
class NeedCredentials(Action):
    """The server did not accept the credentials on `transport`. Answer: `credentials`."""

    transport: int


@dataclass(frozen=True)
class Overdue(Action):
    """The deadline has come and the swap still waits."""

    waiting_for: Waiting


@dataclass(frozen=True)
class HandoffFinished(Action):
    """A handoff is over."""

    outcome: Outcome
    #: Of the notification, if it had one.
    seq: Optional[int]
    #: From MOVING to here, in seconds.
    duration: float
    #: How long writes were held, in seconds.
    pause: float
    #: Tries made.
    attempts: int
    #: Commands that were held.
    held: int
    #: Commands lost.
    lost: int


@dataclass(frozen=True)
class SchOff(Action):
    """SCH, or only its handoff, is off."""

    reason: OffReason
    #: Do not use the connection.
    fatal: bool


@dataclass(frozen=True)
class SlotRange:
    """Slots from `first` to `last`, both included."""

    first: int
    last: int


@dataclass(frozen=True)
class SlotMove:
    """Slots that went from one node to another."""

    #: Host and port where they were, if the server said so.
    source: Optional[Tuple[str, int]]
    #: Host and port where they are.
    destination: Tuple[str, int]
    #: Ascending, never empty.
    ranges: Tuple[SlotRange, ...]


@dataclass(frozen=True)
class SlotsMoved(Action):
    """Slots have moved."""

    seq: Optional[int]
    moves: Tuple[SlotMove, ...]


@dataclass(frozen=True)
class ReloadSlots(Action):
    """Load the slot map again: not all of a notification could be read."""

    seq: Optional[int]


def number(kind: Type[_E], value: int) -> _E:
    """The member of `kind`; a number of a newer library stays a number."""
    try:
        return kind(value)
    except ValueError:
        return value  # type: ignore[return-value]


def text_at(address: Optional[int], length: int) -> str:
    return bytes_at(address, length).decode()


def bytes_at(address: Optional[int], length: int) -> bytes:
    return string_at(address, length) if address and length else b""


def _seq(a: sch_action) -> Optional[int]:
    return a.seq if a.has_seq else None


def _moves(conn: int, count: int) -> Tuple[SlotMove, ...]:
    moves = []
    for index in range(count):
        move = sch_slot_move(struct_size=sizeof(sch_slot_move))
        status = lib.sch_conn_slot_move(conn, index, byref(move))
        if status != Status.OK:
            fail(status, status_text(status))
        source = (text_at(move.source_host, move.source_host_len), move.source_port)
        moves.append(
            SlotMove(
                source if move.has_source else None,
                (text_at(move.destination_host, move.destination_host_len), move.destination_port),
                tuple(
                    SlotRange(r.first, r.last)
                    for r in (sch_slot_range * move.ranges_len).from_address(move.ranges or 0)
                )
                if move.ranges_len
                else (),
            )
        )
    return tuple(moves)


def _text(conn: int) -> str:
    length = c_size_t()
    room = create_string_buffer(256)
    lib.sch_conn_action_text(conn, room, len(room), byref(length))
    if length.value >= len(room):
        room = create_string_buffer(length.value + 1)
        lib.sch_conn_action_text(conn, room, len(room), byref(length))
    return room.value.decode()


#: What follows `kind` and `text` in the class of each kind.
_MAKE: Dict[int, Tuple[Type[Action], Callable[[sch_action, int], Tuple[Any, ...]]]] = {
    ActionKind.RELAX: (Relax, lambda a, _: (a.timeout_ms / 1000, number(Window, a.reason))),
    ActionKind.RESTORE: (Restore, lambda a, _: (number(RestoreReason, a.reason),)),
    ActionKind.WRITE: (Write, lambda a, _: (a.transport,)),
    ActionKind.OPEN: (
        Open,
        lambda a, _: (
            a.transport,
            text_at(a.host, a.host_len),
            a.port,
            text_at(a.tls_server_name, a.tls_server_name_len) if a.has_tls else None,
            a.attempt,
            a.deadline_ns / 1e9,
        ),
    ),
    ActionKind.HOLD: (Hold, lambda a, _: (a.transport,)),
    ActionKind.SWAP: (Swap, lambda a, _: (a.transport, a.old_transport or None, bool(a.flush_tracking))),
    ActionKind.FLUSH: (Flush, lambda a, _: (a.transport, a.first, a.count)),
    ActionKind.RELEASE: (Release, lambda a, _: (a.transport,)),
    ActionKind.CLOSE: (Close, lambda a, _: (a.transport, number(CloseReason, a.reason))),
    ActionKind.LOST: (
        Lost,
        lambda a, _: (
            a.first,
            a.count,
            number(LostOutcome, a.outcome),
            number(CommandClass, a.command_class),
            bytes_at(a.data, a.data_len),
        ),
    ),
    ActionKind.HAND_BACK: (HandBack, lambda a, _: (a.first, a.count, bytes_at(a.data, a.data_len))),
    ActionKind.RESUME: (Resume, lambda a, _: ()),
    ActionKind.RESET_PARSER: (ResetParser, lambda a, _: ()),
    ActionKind.TRANSACTION_BROKEN: (TransactionBroken, lambda a, _: ()),
    ActionKind.SEND_OPTIN: (SendOptin, lambda a, _: (a.transport, bytes_at(a.data, a.data_len), a.replies)),
    ActionKind.NEED_CREDENTIALS: (NeedCredentials, lambda a, _: (a.transport,)),
    ActionKind.OVERDUE: (Overdue, lambda a, _: (Waiting(a.waiting_for),)),
    ActionKind.HANDOFF_FINISHED: (
        HandoffFinished,
        lambda a, _: (
            number(Outcome, a.outcome),
            _seq(a),
            a.duration_ns / 1e9,
            a.pause_ns / 1e9,
            a.attempt,
            a.held,
            a.lost,
        ),
    ),
    ActionKind.SCH_OFF: (SchOff, lambda a, _: (number(OffReason, a.reason), bool(a.fatal))),
    ActionKind.SLOTS_MOVED: (SlotsMoved, lambda a, conn: (_seq(a), _moves(conn, a.count))),
    ActionKind.RELOAD_SLOTS: (ReloadSlots, lambda a, _: (_seq(a),)),
}


def make(a: sch_action, conn: int) -> Action:
    """The action that was just polled from `conn`, with all that it lends copied."""
    known = _MAKE.get(a.kind)
    if known is None:
        return Action(a.kind, _text(conn))
    kind, fields = known
    return kind(ActionKind(a.kind), _text(conn), *fields(a, conn))
