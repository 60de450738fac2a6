"""What a pool tells, one frozen class for each kind. The manual of include/sch.h (POOLS) says what to do about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Optional

from ._declarations import EventKind, Notification, sch_pool_event
from ._actions import number


@dataclass(frozen=True)
class PoolEvent:
    """Something to do, or to know. Ignore a kind that you do not know."""

    #: SCH_EVENT_*; a number that is no EventKind comes from a newer library.
    kind: int


@dataclass(frozen=True)
class MaintenanceHeard(PoolEvent):
    """A notification was read: once for each, however many connections read it."""

    notification: Notification
    #: None: it has none.
    seq: Optional[int]
    #: Who read it first, and what you called it.
    member: int
    user: int


@dataclass(frozen=True)
class Retire(PoolEvent):
    """`member` has no owner and its node moves: close it. If it has been taken since, forget this."""

    member: int
    user: int


@dataclass(frozen=True)
class HandoffDue(PoolEvent):
    """`member` has no owner and its node moves: take it, drive it until HandoffFinished, give it back."""

    member: int
    user: int


@dataclass(frozen=True)
class BreakerOpened(PoolEvent):
    """It refused several times: one connection at a time tries it from now on."""

    host: str
    port: int


@dataclass(frozen=True)
class BreakerClosed(PoolEvent):
    """It answered again."""

    host: str
    port: int


@dataclass(frozen=True)
class EndpointRefused(PoolEvent):
    """A MOVING names what the endpoint policy does not allow: it is not followed."""

    host: str
    port: int


@dataclass(frozen=True)
class Late(PoolEvent):
    """The deadline of MOVING `seq` has come, and `members` are not handed off. No host: to the configured address."""

    seq: Optional[int]
    members: int
    host: Optional[str]
    port: int


@dataclass(frozen=True)
class EventsDropped(PoolEvent):
    """Nobody polled. Those of members are not among them, they wait."""

    events: int


def _seq(e: sch_pool_event) -> Optional[int]:
    return e.seq if e.has_seq else None


def host_of(place: object) -> str:
    """The host of an event or a place."""
    raw: bytes = getattr(place, "host")
    return raw.decode()


MAKE: Dict[EventKind, Callable[[EventKind, sch_pool_event], PoolEvent]] = {
    EventKind.MAINTENANCE: lambda k, e: MaintenanceHeard(k, number(Notification, e.notification), _seq(e), e.member, e.user),
    EventKind.RETIRE: lambda k, e: Retire(k, e.member, e.user),
    EventKind.HANDOFF: lambda k, e: HandoffDue(k, e.member, e.user),
    EventKind.BREAKER_OPENED: lambda k, e: BreakerOpened(k, host_of(e), e.port),
    EventKind.BREAKER_CLOSED: lambda k, e: BreakerClosed(k, host_of(e), e.port),
    EventKind.ENDPOINT_REFUSED: lambda k, e: EndpointRefused(k, host_of(e), e.port),
    EventKind.LATE: lambda k, e: Late(k, _seq(e), e.count, host_of(e) or None, e.port),
    EventKind.DROPPED: lambda k, e: EventsDropped(k, e.count),
}


def make(e: sch_pool_event) -> PoolEvent:
    """The event that was just polled."""
    known = MAKE.get(e.kind)
    return PoolEvent(e.kind) if known is None else known(EventKind(e.kind), e)
