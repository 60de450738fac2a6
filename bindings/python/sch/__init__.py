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
from ._cluster import Cluster, Node, Redirection, Subscription, key_slot
from ._cluster_actions import (
    ClusterAction,
    ClusterMove,
    ClusterReloadSlots,
    ClusterSlotsMoved,
    DialNode,
    DrainNode,
    MoveSubscriptions,
)
from ._config import Config
from ._connection import Connection, Dial, Wait
from ._declarations import (
    ABI_VERSION,
    ActionKind,
    Blocking,
    CloseReason,
    ClusterActionKind,
    ClusterCounters,
    ClusterTime,
    CommandClass,
    Counters,
    EndpointCounters,
    EndpointPolicy,
    EndpointType,
    EventKind,
    Fence,
    Handshake,
    Health,
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
    ReloadReason,
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

#: Said name by name: type checkers know only of what is written here.
__all__ = [
    "ABI_VERSION", "AbiError", "Action", "ActionKind", "ArgumentError", "Blocking", "BreakerClosed", "BreakerOpened",
    "BusyError", "Close", "CloseReason", "ClosedError", "CommandClass", "Config", "ConfigError", "Connection",
    "Counters", "Dial", "EndpointCounters", "EndpointPolicy", "EndpointRefused", "EndpointType", "EventKind",
    "EventsDropped", "FatalError", "Fence", "Flush", "FreedError", "HandBack", "HandoffDue", "HandoffFinished",
    "Handshake", "Hold", "Late", "Level", "LibraryError", "Limit", "LimitError", "LogLevel", "Lost", "LostOutcome",
    "MaintenanceHeard", "Mode", "NeedCredentials", "NoMemoryError", "NotAPushError", "NotASlotMapError", "NotConnectedError",
    "Notification", "OffReason", "OnLoss", "Open", "Outcome", "Overdue", "PanicError", "Phase", "Place", "Places",
    "PoisonedError", "Pool", "PoolCounters", "PoolEvent", "Relax", "Release", "ReloadSlots", "ResetParser", "Restore",
    "RestoreReason", "Resume", "Retire", "SchError", "SchOff", "SendOptin", "SlotMove", "SlotRange", "SlotsMoved",
    "Status", "Submitted", "Swap", "TransactionBroken", "UnexpectedError", "UnknownTransportError", "Unowned", "Wait",
    "Waiter", "Waiting", "Window", "Write", "WrongLevelError", "WroteTooMuchError", "version",
    "Cluster", "ClusterAction", "ClusterActionKind", "ClusterCounters", "ClusterMove", "ClusterReloadSlots",
    "ClusterSlotsMoved", "ClusterTime", "DialNode", "DrainNode", "Health", "MoveSubscriptions", "Node",
    "Redirection", "ReloadReason", "Subscription", "key_slot",
]  # fmt: skip
