"""What the streams of `sch.asyncio` and `sch.socket` share: one byte stream over the transports of one connection.

It does what libsch asks for. It does not wait: a host tells it which socket is ready (`ready`) and that time has passed
(`tick`), and asks what to wait for (`interest`, `deadline`). A connection that ends without maintenance ends the stream.
"""

from __future__ import annotations

import ssl
from typing import Callable, Optional, Set, Tuple

from ._actions import (
    Action,
    Close,
    Flush,
    HandoffFinished,
    Lost,
    NeedCredentials,
    Open,
    Restore,
    Resume,
    SchOff,
    Swap,
    Write,
)
from ._config import Config
from ._connection import Connection
from ._declarations import CloseReason, Phase
from ._errors import BusyError, SchError, UnknownTransportError
from ._stream_host import Credentials, Host, OnAction
from ._stream_output import Output
from ._wire import Addresses, Wire

#: These end the stream: replies cannot be made good, or the server refused what was demanded.
_ENDS = (CloseReason.LOSS, CloseReason.OPTIN_REFUSED, CloseReason.HANDSHAKE_FAILED)


class Core(Output):
    """One byte stream. Every method leaves nothing to poll."""

    def __init__(
        self,
        host: Host,
        config: Config,
        context: Optional[ssl.SSLContext],
        clock: Callable[[], float],
        on_action: Optional[OnAction],
        credentials: Optional[Credentials],
    ) -> None:
        super().__init__(Connection(config), clock)
        self.context = context
        self._is_finishing = False
        #: Why the last attempt to dial failed.
        self.dial_error: Optional[Exception] = None
        #: The host reads no more for now.
        self.is_paused = False
        self._host, self._on_action, self._credentials = host, on_action, credentials
        #: Transports whose replies are the reader's: a candidate's are read also when the reader is not.
        self._passing: Set[int] = set()
        self._dialled: Set[int] = set()
        self._cause: Optional[Exception] = None
        self._restored_at = 0.0

    # Connecting -----------------------------------------------------------------------------------------------------

    def dial(self, nth: int) -> bool:
        """Starts on the place number `nth`. False: there is no such."""
        place = self.conn.dial(self._clock(), nth)
        if place is None:
            return False
        self._dialled.add(place.transport)
        self._open(place.transport, place.host, place.port, place.tls_server_name)
        self.settle()
        return True

    @property
    def is_dialling(self) -> bool:
        return bool(self._dialled)

    def _open(self, transport: int, host: str, port: int, server_name: Optional[str]) -> None:
        wire = Wire(transport, None if server_name is None else self.context, server_name, self._host.forget)
        self.wires[transport] = wire
        self._host.resolve(wire, host, port)

    def resolved(self, wire: Wire, addresses: Addresses) -> None:
        """Connects to one of the addresses."""
        if self.wires.get(wire.transport) is not wire:
            return
        try:
            wire.start(addresses)
        except OSError as error:
            self._connect_failed(wire, error)

    def unresolved(self, wire: Wire, error: Exception) -> None:
        """The name has no address."""
        if self.wires.get(wire.transport) is wire:
            self._connect_failed(wire, error)

    def _connect_failed(self, wire: Wire, error: Exception) -> None:
        self._drop(wire)
        if wire.transport in self._dialled:
            self._dialled.discard(wire.transport)
            self.dial_error = error
        try:
            self.conn.connect_failed(self._clock(), wire.transport)
        except UnknownTransportError:
            pass  # it was given up meanwhile

    def _step(self, wire: Wire) -> None:
        try:
            wire.step()
        except (OSError, ValueError) as error:  # ValueError: a name that cannot be one of TLS
            self._connect_failed(wire, error)
            return
        if not wire.is_up:
            return
        try:
            self.conn.connected(self._clock(), wire.transport, wire.peer)
        except SchError:
            self._drop(wire)  # not wanted any more
            return
        if wire.transport in self._dialled:
            self._dialled.discard(wire.transport)
            self._passing.add(wire.transport)

    # Events ---------------------------------------------------------------------------------------------------------

    def interest(self, wire: Wire) -> Tuple[bool, bool]:
        """Whether to wait until the socket can be read, and written."""
        if wire.sock is None:
            return False, False
        if not wire.is_up:
            return not wire.waits_to_write, wire.waits_to_write
        reads = not (self.is_paused and wire.transport in self._passing)
        return reads, self._has_output(wire)

    def _has_output(self, wire: Wire) -> bool:
        return wire.waits_to_write or wire.transport in self._regions or bool(self._unwritten.get(wire.transport))

    def ready(self, wire: Wire, readable: bool, writable: bool) -> None:
        """The socket can be read, or written."""
        if self.wires.get(wire.transport) is not wire:
            return
        if not wire.is_up:
            self._step(wire)
        else:
            if writable:
                self._write_to(wire)
            if readable and self.wires.get(wire.transport) is wire:
                self._read_from(wire)
        self.settle()

    def tick(self) -> None:
        """Time has passed."""
        if not self.is_over:
            self.conn.tick(self._clock())
            self.settle()

    def deadline(self) -> Optional[float]:
        """When `tick` is due."""
        return None if self.is_over else self.conn.next_deadline()

    def expires(self, began: float, timeout: Optional[float]) -> Optional[float]:
        """When a wait that began then is over, as it is now; None: never. Relaxed timeouts cover waits that have begun
        (R4); what waits when they are restored has the configured time from then on."""
        if self.is_over:
            return None if timeout is None else began + timeout
        effective = self.conn.effective_timeout(timeout)
        return None if effective is None else max(began, self._restored_at) + effective

    def _read_from(self, wire: Wire) -> bool:
        """False: nothing has come."""
        try:
            data = wire.receive()
        except OSError as error:
            self._closed(wire, error)
            return True
        if data is None:
            return False
        if data:
            self._received(wire, data)
        else:
            self._closed(wire, None)
        return True

    def _received(self, wire: Wire, data: bytes) -> None:
        while data and self.wires.get(wire.transport) is wire:
            passed, taken = self.conn.receive(self._clock(), wire.transport, data)
            if passed:
                self._host.deliver(passed)
            if taken == len(data):
                return
            self._actions()
            if taken == 0 and not passed and self.wires.get(wire.transport) is wire:
                # Only SWAP unanswered leaves bytes behind, and that is answered: never go on with a gap.
                self._closed(wire, ConnectionError("what was received could not be passed on"))
            data = data[taken:]

    def _closed(self, wire: Wire, error: Optional[Exception]) -> None:
        """The socket is dead."""
        unwritten = self._unwritten.pop(wire.transport, b"")
        if wire.transport in self._passing and self._cause is None:
            self._cause = error
        self._drop(wire)
        try:
            self.conn.closed(self._clock(), wire.transport, unwritten)
        except UnknownTransportError:
            pass  # libsch has given it up already
        self._look_for_end = True

    def _drop(self, wire: Wire) -> None:
        wire.close()
        self.wires.pop(wire.transport, None)
        self._unwritten.pop(wire.transport, None)
        self._regions.discard(wire.transport)
        self._passing.discard(wire.transport)

    # Actions --------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Does what is asked, writes what is to be written, and notices the end."""
        while not self.is_over:
            self._actions()
            for transport in list(self._regions):
                wire = self.wires.get(transport)
                if wire is None:
                    self._regions.discard(transport)
                elif wire.is_up and not wire.waits_to_write:
                    self._write_to(wire)
            if self.is_over:
                return
            if self._look_for_end:
                self._look_for_end = False
                if not self._dialled and self.conn.phase == Phase.DETACHED:
                    self.end(self._cause)
                    return
                continue  # the writes above may have found a socket dead
            return

    def _actions(self) -> None:
        while not self.is_over:
            action = self.conn.poll_action()
            if action is None:
                return
            self._do(action)
            self._tell(action)

    def _tell(self, action: Action) -> None:
        if self._on_action is not None:
            try:
                self._on_action(action)
            except Exception as error:
                self._host.failed(error)

    def _do(self, action: Action) -> None:
        now = self._clock()
        if isinstance(action, (Write, Flush)):
            self._regions.add(action.transport)
            if isinstance(action, Flush):
                self._held = 0
        elif isinstance(action, Open):
            self._open(action.transport, action.host, action.port, action.tls_server_name)
        elif isinstance(action, Close):
            self._close(action)
        elif isinstance(action, Swap):
            self._passing.add(action.transport)
            self._cause = None
            self.conn.swapped(now)
        elif isinstance(action, Lost):
            self._host.deliver(action.data)
            if not self.is_over:  # the reader may have ended it
                self.conn.losses_settled(now)
        elif isinstance(action, Resume):
            data = bytes(self.untaken)
            self.untaken.clear()
            if data:
                self._submit(data)
        elif isinstance(action, Restore):
            self._restored_at = now
            self._host.restored()
        elif isinstance(action, NeedCredentials):
            self._ask_for_credentials()
        elif isinstance(action, HandoffFinished):
            self._held = 0
            self._look_for_end = True
        elif isinstance(action, SchOff) and action.fatal:
            self.end(ConnectionAbortedError(f"SCH is demanded and off: {action}"))

    def _close(self, action: Close) -> None:
        wire = self.wires.get(action.transport)
        if wire is not None:
            self._drop(wire)
        self._dialled.discard(action.transport)
        self._look_for_end = True
        if action.reason in _ENDS:
            self.end(ConnectionResetError(f"the stream cannot go on: {action}"))

    def _ask_for_credentials(self) -> None:
        if self._credentials is None:
            return  # the attempt fails at its time, and the current transport goes on
        try:
            username, password = self._credentials()
            self.conn.credentials(self._clock(), username, password)
        except Exception as error:
            self._host.failed(error)

    @property
    def current(self) -> Optional[Wire]:
        """The transport in use."""
        transport = None if self.is_over else self.conn.current
        return None if transport is None else self.wires.get(transport)

    # The end --------------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """The host is done with the stream."""
        if self.is_over or self._is_finishing:
            return
        self._is_finishing = True
        self.conn.close(self._clock())
        while not self.is_over:  # whoever is told may end it
            action = self.conn.poll_action()
            if action is None:
                self.end(None)
            else:
                self._tell(action)  # nothing is answered any more, and `end` closes every socket

    def end(self, error: Optional[Exception]) -> None:
        """The stream is over: nothing of it stays open."""
        if self.is_over:
            return
        self.is_over = True
        for wire in list(self.wires.values()):
            self._drop(wire)
        self.untaken.clear()
        self._held = 0
        try:
            self.conn.free()
        except BusyError:
            pass  # from its log function, or a signal has cut a call: it goes with the Connection
        self._host.ended(error)
