"""Exceptions, one for each status that a call may end with, under SchError."""

from __future__ import annotations

from typing import Dict, NoReturn, Optional, Type

from ._declarations import Status


class SchError(Exception):
    """A call was not done. The text says what to do; the connection is as it was."""

    #: What the library answered; None where the fault was found before it was asked.
    status: Optional[Status] = None

    def __init__(self, text: str, status: Optional[int] = None) -> None:
        super().__init__(text)
        if status is not None:
            self.status = _known(status)


class LibraryError(SchError, ImportError):
    """libsch.so cannot be loaded, or it is too old for this package."""


class FreedError(SchError):
    """The handle was freed: make a new one."""


class BusyError(SchError):
    """Another thread is inside the handle, or this is its log callback. Nothing was done."""


class ArgumentError(SchError, ValueError):
    """A value is out of its range."""


class AbiError(SchError):
    """This package is newer than the library."""


class ConfigError(SchError, ValueError):
    """The settings cannot work."""


class UnknownTransportError(SchError, LookupError):
    """The transport is none of this connection's, or is gone."""


class UnexpectedError(SchError):
    """The call does not fit the state."""


class WrongLevelError(SchError):
    """The call belongs to another level of embedding."""


class NotConnectedError(SchError):
    """There is no transport, and no handoff to wait for."""


class ClosedError(SchError):
    """`close` was called: only actions that wait can still be polled."""


class WroteTooMuchError(SchError, ValueError):
    """More bytes were reported as written than the region holds."""


class LimitError(SchError):
    """A limit was reached; the text names it."""


class NotAPushError(SchError, ValueError):
    """The bytes are not one whole RESP3 push."""


class NoMemoryError(SchError, MemoryError):
    """There is no memory for what was handed over: nothing was changed."""


class NotASlotMapError(SchError, ValueError):
    """The bytes are no reply to CLUSTER SLOTS or CLUSTER SHARDS."""


class FatalError(SchError):
    """The end of the handle: it can only be salvaged and freed."""


class PanicError(FatalError):
    """A defect of libsch showed in this call."""


class PoisonedError(FatalError):
    """A defect showed in an earlier call."""


BY_STATUS: Dict[int, Type[SchError]] = {
    Status.ERR_NULL: ArgumentError,
    Status.ERR_ARGUMENT: ArgumentError,
    Status.ERR_STRUCT_SIZE: ArgumentError,
    Status.ERR_ABI: AbiError,
    Status.ERR_CONFIG: ConfigError,
    Status.ERR_UNKNOWN_TRANSPORT: UnknownTransportError,
    Status.ERR_UNEXPECTED: UnexpectedError,
    Status.ERR_WRONG_LEVEL: WrongLevelError,
    Status.ERR_NOT_CONNECTED: NotConnectedError,
    Status.ERR_CLOSED: ClosedError,
    Status.ERR_WROTE_TOO_MUCH: WroteTooMuchError,
    Status.ERR_LIMIT: LimitError,
    Status.ERR_NOT_A_PUSH: NotAPushError,
    Status.ERR_BUSY: BusyError,
    Status.ERR_NOT_A_SLOT_MAP: NotASlotMapError,
    Status.ERR_NO_MEMORY: NoMemoryError,
    Status.ERR_FATAL: FatalError,
    Status.ERR_PANIC: PanicError,
    Status.ERR_POISONED: PoisonedError,
}


def _known(status: int) -> Optional[Status]:
    try:
        return Status(status)
    except ValueError:
        return None


def fail(status: int, text: str) -> NoReturn:
    """Raises what `status` stands for. A number of a newer library counts as what its range says."""
    kind = BY_STATUS.get(status)
    if kind is None:
        kind = FatalError if status <= Status.ERR_FATAL else SchError
    raise kind(text, status)
