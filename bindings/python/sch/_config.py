"""Settings of a connection. What is None is as the library has it; the texts of include/sch.h say defaults and reasons."""

from __future__ import annotations

from ctypes import byref, c_size_t, c_void_p
from dataclasses import dataclass, field, fields
from typing import Any, Iterable, Mapping, Optional, Union

from ._actions import text_at
from ._declarations import (
    Blocking,
    ClusterTime,
    EndpointPolicy,
    EndpointType,
    Handshake,
    Level,
    Limit,
    LogLevel,
    Mode,
    OnLoss,
    Status,
)
from ._errors import ArgumentError, fail
from ._library import lib, status_text
from ._time import to_ms

Text = Union[str, bytes]


@dataclass(frozen=True)
class Config:
    """Settings; times are seconds. One may serve many connections."""

    #: Default managed (level 3): commands go through libsch too.
    level: Level = Level.MANAGED
    host: Optional[str] = None
    port: Optional[int] = None
    tls: Optional[bool] = None
    tls_server_name: Optional[str] = None
    mode: Optional[Mode] = None
    endpoint_type: Optional[EndpointType] = None
    relaxed_timeout: Optional[float] = None
    migration_window: Optional[float] = None
    failover_window: Optional[float] = None
    moving_extra: Optional[float] = None
    post_handoff_relaxed: Optional[float] = None
    handoff_timeout: Optional[float] = None
    drain_grace: Optional[float] = None
    hold_timeout: Optional[float] = None
    backoff_min: Optional[float] = None
    backoff_max: Optional[float] = None
    attempt_min: Optional[float] = None
    keep_trying: Optional[float] = None
    overlap: Optional[float] = None
    connect_budget: Optional[float] = None
    mark_age: Optional[float] = None
    refusal_memory: Optional[float] = None
    optin_retry: Optional[float] = None
    on_loss: Optional[OnLoss] = None
    can_reset_parser: Optional[bool] = None
    blocking: Optional[Blocking] = None
    #: Of the jitter between attempts: give each connection its own.
    seed: Optional[int] = None
    handshake: Optional[Handshake] = None
    keep_credentials: Optional[bool] = None
    username: Optional[str] = field(default=None, repr=False)
    password: Optional[Text] = field(default=None, repr=False)
    client_name: Optional[Text] = None
    #: Name and version.
    lib_info: Optional["tuple[str, str]"] = None
    database: Optional[int] = None
    endpoint_policy: Optional[EndpointPolicy] = None
    #: Targets that MOVING may name: `host`, `host:port`, `.suffix` or `address/bits`. Makes the policy a list.
    allowed_endpoints: Iterable[str] = ()
    #: Lines up to this level go to the logger `sch`. None: as that logger is set when the connection is made.
    log_level: Optional[LogLevel] = None
    trace: Optional[bool] = None
    limits: Mapping[Limit, int] = field(default_factory=dict)
    #: Of clusters: seconds.
    cluster_times: Mapping[ClusterTime, float] = field(default_factory=dict)
    #: NOTIFIED or TAPPED: how replies come in, where `level` is to be that of what goes out alone.
    level_in: Optional[Level] = None

    def __post_init__(self) -> None:
        """The list as it is now: an iterator would be empty, and so allow every target, for the second connection."""
        if isinstance(self.allowed_endpoints, (str, bytes)):
            raise TypeError("allowed_endpoints is a list of texts, not one")
        object.__setattr__(self, "allowed_endpoints", tuple(self.allowed_endpoints))

    def problem(self) -> Optional[str]:
        """What is wrong with the settings, or None."""
        with Settings(self) as settings:
            return settings.problem()


_INTS = {"port": 16, "database": 32, "seed": 64}
_TIMES = {
    "relaxed_timeout", "migration_window", "failover_window", "moving_extra", "post_handoff_relaxed",
    "handoff_timeout", "drain_grace", "hold_timeout", "backoff_min", "backoff_max", "attempt_min", "keep_trying",
    "overlap", "connect_budget", "mark_age", "refusal_memory", "optin_retry",
}  # fmt: skip
_ENUMS = {"level_in", "mode", "endpoint_type", "on_loss", "blocking", "handshake", "endpoint_policy", "log_level"}
_BOOLS = {"tls", "can_reset_parser", "keep_credentials", "trace"}
_TEXTS = {"host", "tls_server_name", "username"}
_BYTES = {"password", "client_name"}
#: Set one by one.
_LISTS = {"level", "allowed_endpoints", "limits", "cluster_times"}


def whole(name: str, value: Any, bits: int) -> int:
    """`value` as an unsigned number: ctypes would cut what does not fit."""
    if not isinstance(value, int):
        raise TypeError(f"{name} is an int, not {type(value).__name__}")
    if not 0 <= value < 1 << bits:
        raise ArgumentError(f"{name} is from 0 to 2^{bits} - 1: {value}")
    return value


def as_bytes(name: str, value: Any, kinds: Any = (str, bytes)) -> bytes:
    if not isinstance(value, kinds):
        raise TypeError(f"{name} is text, not {type(value).__name__}")
    return value.encode() if isinstance(value, str) else bytes(value)


def _ms(name: str, seconds: float) -> int:
    try:
        return to_ms(seconds)
    except ArgumentError as error:
        raise ArgumentError(f"{name}: {error}") from None


class Settings:
    """A sch_config for as long as it is needed."""

    def __init__(self, config: Config) -> None:
        handle = c_void_p()
        self._check(lib.sch_config_new(byref(handle)), "config")
        self.handle = handle
        try:
            self._apply(config)
        except BaseException:
            lib.sch_config_free(handle)
            raise

    def __enter__(self) -> "Settings":
        return self

    def __exit__(self, *_: object) -> None:
        lib.sch_config_free(self.handle)

    def problem(self) -> Optional[str]:
        text, length = c_void_p(), c_size_t()
        if lib.sch_config_problem(self.handle, byref(text), byref(length)) != Status.OK:
            return None
        return text_at(text.value, length.value)

    @staticmethod
    def _check(status: int, name: str) -> None:
        if status != Status.OK:
            fail(status, f"{name}: {status_text(status)}")

    def _set(self, name: str, *values: Any) -> None:
        self._check(getattr(lib, f"sch_config_set_{name}")(self.handle, *values), name)

    def _apply(self, config: Config) -> None:
        level = Level(config.level)
        self._set("level_in", min(level, Level.TAPPED))
        self._set("level_out", level)
        for entry in fields(config):
            value = getattr(config, entry.name)
            if value is not None and entry.name not in _LISTS:
                self._one(entry.name, value)
        for target in config.allowed_endpoints:
            raw = as_bytes("allowed_endpoints", target, str)
            self._check(lib.sch_config_allow_endpoint(self.handle, raw, len(raw)), f"allowed_endpoints: {target!r}")
        for limit, value in config.limits.items():
            self._check(
                lib.sch_config_set_limit(self.handle, whole("limit", limit, 31), whole("limit", value, 64)),
                f"limit {limit!r}",
            )

        for time, seconds in config.cluster_times.items():
            number = whole("cluster_times", time, 31)
            self._check(lib.sch_config_set_cluster_time_ms(self.handle, number, _ms(f"{time!r}", seconds)), f"{time!r}")

    def _one(self, name: str, value: Any) -> None:
        if name in _TIMES:
            self._set(f"{name}_ms", _ms(name, value))
        elif name in _ENUMS:
            self._set(name, whole(name, value, 31))
        elif name in _BOOLS:
            if not isinstance(value, bool):
                raise TypeError(f"{name} is True or False, not {value!r}")
            self._set(name, value)
        elif name in _INTS:
            self._set(name, whole(name, value, _INTS[name]))
        elif name == "lib_info":
            library, version = (as_bytes("lib_info", v, str) for v in value)
            self._set(name, library, len(library), version, len(version))
        else:
            raw = as_bytes(name, value, str if name in _TEXTS else (str, bytes))
            self._set(name, raw, len(raw))
