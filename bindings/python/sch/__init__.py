"""libsch for Python: smart client handoffs for Redis connections.

`sch.Connection` is the sans-IO connection of include/sch.h: it opens no socket and reads no clock. `sch.asyncio` and
`sch.socket` have streams that move by themselves when their server does.
"""

from ._actions import (
    Action,
    Close,
    Flush,
    HandBack,
    HandoffFinished,
    Hold,
    Lost,
    NeedCredentials,
    Open,
    Overdue,
    Relax,
    Release,
    ReloadSlots,
    ResetParser,
    Restore,
    Resume,
    SchOff,
    SendOptin,
    SlotMove,
    SlotRange,
    SlotsMoved,
    Swap,
    TransactionBroken,
    Write,
)
from ._config import Config
from ._connection import Connection, Dial, Wait
from ._declarations import (
    ABI_VERSION,
    ActionKind,
    Blocking,
    CloseReason,
    CommandClass,
    Counters,
    EndpointCounters,
    EndpointPolicy,
    EndpointType,
    EventKind,
    Fence,
    Handshake,
    Level,
    Limit,
    LogLevel,
    LostOutcome,
    Mode,
    Notification,
    OffReason,
    OnLoss,
    Outcome,
    Phase,
    PoolCounters,
    RestoreReason,
    Status,
    Unowned,
    Waiting,
    Window,
)
from ._errors import (
    AbiError,
    ArgumentError,
    BusyError,
    ClosedError,
    ConfigError,
    FatalError,
    FreedError,
    LibraryError,
    LimitError,
    NotAPushError,
    NoMemoryError,
    NotASlotMapError,
    NotConnectedError,
    PanicError,
    PoisonedError,
    SchError,
    UnexpectedError,
    UnknownTransportError,
    WrongLevelError,
    WroteTooMuchError,
)
from ._library import version
from ._pool import Place, Places, Pool, Waiter
from ._pool_events import (
    BreakerClosed,
    BreakerOpened,
    EndpointRefused,
    EventsDropped,
    HandoffDue,
    Late,
    MaintenanceHeard,
    PoolEvent,
    Retire,
)
from ._steady import Submitted
from ._version import __version__

__all__ = [name for name in dir() if not name.startswith("_")]
