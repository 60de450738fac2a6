"""What a stream needs from outside: the configuration as it must be for one, and who runs it."""

from __future__ import annotations

import random
import ssl
from dataclasses import replace
from typing import Any, Callable, Optional, Tuple

from ._actions import Action
from ._config import Config
from ._declarations import Level, OnLoss
from ._memory import Buffer
from ._wire import Wire

Credentials = Callable[[], Tuple[str, "str | bytes"]]
OnAction = Callable[[Action], None]


def settings(
    config: Optional[Config], host: str, port: int, tls: bool, server_hostname: Optional[str], budget: Optional[float]
) -> Config:
    """`config` as a stream needs it: managed, and with error replies in the place of replies that never come (L3)."""
    config = Config() if config is None else config
    return replace(
        config,
        level=Level.MANAGED,
        on_loss=OnLoss.REPLY,
        can_reset_parser=False,  # it is the reader's, who knows nothing of it
        host=host,
        port=port,
        tls=tls,
        tls_server_name=config.tls_server_name if server_hostname is None else server_hostname,
        seed=random.getrandbits(64) if config.seed is None else config.seed,
        connect_budget=budget if config.connect_budget is None else config.connect_budget,
    )


def context_of(given: Any) -> Optional[ssl.SSLContext]:
    """As asyncio takes it: None or False, True for the default context, or a context."""
    if given is None or given is False:
        return None
    if given is True:
        return ssl.create_default_context()
    if not isinstance(given, ssl.SSLContext):
        raise TypeError(f"ssl is an SSLContext, True or None, not {type(given).__name__}")
    return given


class Host:
    """What the core needs from who runs it."""

    def deliver(self, data: Buffer) -> None:
        """Bytes for the reader."""
        raise NotImplementedError

    def resolve(self, wire: Wire, host: str, port: int) -> None:
        """Find the addresses, then call `Core.resolved` or `Core.unresolved`, at once or later."""
        raise NotImplementedError

    def forget(self, wire: Wire) -> None:
        """Its socket is about to be closed: wait for it no more."""
        raise NotImplementedError

    def ended(self, error: Optional[Exception]) -> None:
        """The stream is over; None: the server closed it in order."""
        raise NotImplementedError

    def restored(self) -> None:
        """Timeouts are as configured again: what waits asks `Core.expires` anew."""
        raise NotImplementedError

    def failed(self, error: Exception) -> None:
        """A function of the user's has raised."""
        raise NotImplementedError
