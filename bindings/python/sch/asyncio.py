"""An asyncio stream that survives maintenance: `open_connection` as of asyncio, with or without TLS.

    reader, writer = await sch.asyncio.open_connection("redis.example.com", 6379)

The pair is asyncio's own, over a transport that moves when the server says so. Timeouts are the caller's: `wait_for` is
asyncio's, longer while the server has announced maintenance.
"""

from __future__ import annotations

import asyncio
import socket
import ssl as ssl_module
import warnings
from typing import Any, Awaitable, Callable, Dict, Optional, Set, Tuple, TypeVar, Union

from ._config import Config
from ._memory import Buffer
from ._stream import Core
from ._stream_host import Credentials, Host, OnAction, context_of, settings
from ._wire import Wire

__all__ = ["create_connection", "open_connection", "wait_for", "Transport"]

_T = TypeVar("_T")
_P = TypeVar("_P", bound=asyncio.Protocol)
#: As in asyncio: the writer waits above the one, and goes on below the other.
_HIGH = 1 << 16
_LIMIT = 1 << 16

Ssl = Union[ssl_module.SSLContext, bool, None]


class Transport(asyncio.Transport, Host):
    """One stream to a protocol, over the transports of libsch."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        config: Config,
        context: Optional[ssl_module.SSLContext],
        on_action: Optional[OnAction],
        credentials: Optional[Credentials],
    ) -> None:
        super().__init__()
        self._loop = loop
        self._protocol: Any = None
        #: File descriptors that the loop waits for: (read, write).
        self._watched: Dict[int, Tuple[bool, bool]] = {}
        self._lookups: Set["asyncio.Task[None]"] = set()
        self._timer: Optional[asyncio.TimerHandle] = None
        self._closing = self._asked_to_close = False
        self._writing_paused = False
        self._high, self._low = _HIGH, _HIGH // 4
        self._connected: "asyncio.Future[None]" = loop.create_future()
        #: Done when timeouts are restored; then there is another.
        self._restored: "asyncio.Future[None]" = loop.create_future()
        self._core = Core(self, config, context, loop.time, on_action, credentials)

    # The first connect

    async def _connect(self, protocol: asyncio.BaseProtocol) -> None:
        nth = 0
        while self._core.conn.current is None:
            if not self._core.dial(nth):
                raise self._core.dial_error or ConnectionError("there is no place to dial")
            nth += 1
            while self._core.is_dialling:
                self._connected = self._loop.create_future()
                self._update()
                await self._connected
            if self._core.is_over:
                raise self._core.dial_error or ConnectionError("the connection was refused")
        self._protocol = protocol
        protocol.connection_made(self)

    def _progress(self) -> None:
        if not self._connected.done() and not self._core.is_dialling:
            self._connected.set_result(None)

    # What the core asks for

    def deliver(self, data: Buffer) -> None:
        """The protocol may raise: that ends the stream, as with any transport."""
        if self._protocol is None or self._asked_to_close:
            return
        try:
            self._protocol.data_received(data)
        except Exception as error:
            self.failed(error)
            self._loop.call_soon(self.abort)

    def resolve(self, wire: Wire, host: str, port: int) -> None:
        task = self._loop.create_task(self._look_up(wire, host, port))
        self._lookups.add(task)
        task.add_done_callback(self._lookups.discard)

    async def _look_up(self, wire: Wire, host: str, port: int) -> None:
        try:
            found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._core.unresolved(wire, error)
        else:
            self._core.resolved(wire, found)
        self._event(self._core.settle)

    def forget(self, wire: Wire) -> None:
        if wire.sock is not None:
            self._watch(wire.sock.fileno(), wire, False, False)

    def ended(self, error: Optional[Exception]) -> None:
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in self._lookups:
            task.cancel()
        if not self._connected.done():
            self._connected.set_result(None)
        if self._protocol is not None:
            self._loop.call_soon(self._lose, error)

    def _lose(self, error: Optional[Exception]) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is None:
            return
        try:
            if error is None and not self._asked_to_close:
                protocol.eof_received()
        finally:
            protocol.connection_lost(error)

    def restored(self) -> None:
        self._restored.set_result(None)
        self._restored = self._loop.create_future()

    def failed(self, error: Exception) -> None:
        self._complain("sch: a function of yours has raised", error)

    def _complain(self, message: str, error: Exception) -> None:
        context = {"message": message, "exception": error, "transport": self}
        self._loop.call_exception_handler(context)

    # The loop

    def _event(self, what: Callable[..., Any], *arguments: Any) -> None:
        """One event, and what follows from it. A defect ends the stream instead of being met again and again."""
        if self._core.is_over:
            return
        try:
            what(*arguments)
            if not self._core.is_over:
                self._update()
        except Exception as error:
            self._complain("sch: a defect, the stream ends", error)
            self._core.end(error)
        self._progress()

    def _update(self) -> None:
        """Waits for what the core now waits for."""
        for wire in self._core.wires.values():
            if wire.sock is not None:
                self._watch(wire.sock.fileno(), wire, *self._core.interest(wire))
        self._arm()
        self._press()

    def _watch(self, fd: int, wire: Wire, reads: bool, writes: bool) -> None:
        did_read, did_write = self._watched.get(fd, (False, False))
        if reads and not did_read:
            self._loop.add_reader(fd, self._event, self._core.ready, wire, True, False)
        elif did_read and not reads:
            self._loop.remove_reader(fd)
        if writes and not did_write:
            self._loop.add_writer(fd, self._event, self._core.ready, wire, False, True)
        elif did_write and not writes:
            self._loop.remove_writer(fd)
        if reads or writes:
            self._watched[fd] = (reads, writes)
        else:
            self._watched.pop(fd, None)

    def _arm(self) -> None:
        due = self._core.deadline()
        if self._timer is not None:
            if due == self._timer.when():
                return
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = self._loop.call_at(due, self._due)

    def _due(self) -> None:
        self._timer = None
        self._event(self._core.tick)

    def _press(self) -> None:
        """Backpressure on the writer; and the end of a graceful close."""
        size = self._core.buffered()
        if self._closing:
            if size == 0:
                self._core.finish()
        elif not self._writing_paused and size > self._high:
            self._writing_paused = True
            self._tell("pause_writing")
        elif self._writing_paused and size <= self._low:
            self._writing_paused = False
            self._tell("resume_writing")

    def _tell(self, name: str) -> None:
        if self._protocol is not None:
            try:
                getattr(self._protocol, name)()
            except Exception as error:
                self.failed(error)

    # asyncio.Transport

    def write(self, data: Any) -> None:
        """Bytes of commands, in any pieces. They are copied as far as the socket does not take them at once."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data is bytes, bytearray or memoryview, not {type(data).__name__}")
        if self._closing or not data:
            return  # as asyncio: what is written after the end goes nowhere, the protocol learns of the end
        self._event(self._core.write, data)

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return False

    def write_eof(self) -> None:
        raise NotImplementedError("a Redis connection has no half close")

    def pause_reading(self) -> None:
        """No more is read, notifications of the server neither."""
        self._core.is_paused = True
        if not self._core.is_over:
            self._update()

    def resume_reading(self) -> None:
        self._core.is_paused = False
        if not self._core.is_over:
            self._update()

    def is_reading(self) -> bool:
        return not self._core.is_paused and not self._closing

    def set_write_buffer_limits(self, high: Optional[int] = None, low: Optional[int] = None) -> None:
        if high is None:
            high = _HIGH if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high}) must not be below low ({low}), nor low below 0")
        self._high, self._low = high, low
        if not self._core.is_over:
            self._press()

    def get_write_buffer_size(self) -> int:
        return self._core.buffered()

    def get_write_buffer_limits(self) -> Tuple[int, int]:
        return self._low, self._high

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        found: asyncio.BaseProtocol = self._protocol
        return found

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Closes once what was written has gone. Until then it reads on, for nobody: the swap may wait for replies."""
        if self._closing:
            return
        self._closing = self._asked_to_close = True
        self._core.is_paused = False
        self._update()

    def abort(self) -> None:
        """Closes at once."""
        self._asked_to_close = True
        self._core.end(None)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As asyncio; also `sch`: the Connection, for its counters and effective timeouts."""
        if name == "sch":
            return self._core.conn
        if name == "sslcontext":
            return self._core.context or default
        wire = self._core.current
        if wire is None or wire.sock is None:
            return default
        if name == "socket":
            return wire.sock
        if name == "ssl_object":
            return wire.ssl_object or default
        if wire.ssl_object is not None and name in ("peercert", "cipher", "compression"):
            return getattr(wire.ssl_object, "getpeercert" if name == "peercert" else name)()
        try:
            if name == "peername":
                return wire.sock.getpeername()
            if name == "sockname":
                return wire.sock.getsockname()
        except OSError:
            pass
        return default

    def __del__(self) -> None:
        core = getattr(self, "_core", None)
        if core is not None and not core.is_over:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
            for wire in list(core.wires.values()):
                if wire.sock is not None:
                    wire.sock.close()


async def create_connection(
    protocol_factory: Callable[[], _P],
    host: str,
    port: int,
    *,
    ssl: Ssl = None,
    server_hostname: Optional[str] = None,
    config: Optional[Config] = None,
    on_action: Optional[OnAction] = None,
    credentials: Optional[Credentials] = None,
) -> Tuple[Transport, _P]:
    """As `loop.create_connection`. `on_action` is told every action of libsch; `credentials` answers (user, password)
    where the server does not take the old ones any more."""
    loop = asyncio.get_running_loop()
    context = context_of(ssl)
    full = settings(config, host, port, context is not None, server_hostname, None)
    transport = Transport(loop, full, context, on_action, credentials)
    try:
        protocol = protocol_factory()
        await transport._connect(protocol)
    except BaseException:
        transport.abort()
        raise
    return transport, protocol


async def open_connection(
    host: str,
    port: int,
    *,
    limit: int = _LIMIT,
    ssl: Ssl = None,
    server_hostname: Optional[str] = None,
    config: Optional[Config] = None,
    on_action: Optional[OnAction] = None,
    credentials: Optional[Credentials] = None,
) -> Tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """As `asyncio.open_connection`. Speak RESP3 on it, HELLO 3 first, or set `Config.handshake` to BY_LIBSCH."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    transport, protocol = await create_connection(
        lambda: asyncio.StreamReaderProtocol(reader, loop=loop),
        host,
        port,
        ssl=ssl,
        server_hostname=server_hostname,
        config=config,
        on_action=on_action,
        credentials=credentials,
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def wait_for(awaitable: Awaitable[_T], timeout: Optional[float], writer: asyncio.StreamWriter) -> _T:
    """As `asyncio.wait_for`, with the timeout that libsch has relaxed, or restored, also while it waits already (R4)."""
    loop = asyncio.get_running_loop()
    if not isinstance(writer.transport, Transport):
        raise TypeError("writer is one of sch.asyncio.open_connection")
    transport: Any = writer.transport
    core: Core = transport._core
    if timeout is not None and timeout < 0:
        timeout = 0.0  # what is left of a deadline that has passed; as asyncio
    task = asyncio.ensure_future(awaitable)
    began = loop.time()
    try:
        while True:
            due = core.expires(began, timeout)
            left = None if due is None else max(0.0, due - loop.time())
            await asyncio.wait({task, transport._restored}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            # What came meanwhile may have relaxed it: asked again before it is given up.
            due = core.expires(began, timeout)
            if due is not None and loop.time() >= due:
                raise asyncio.TimeoutError(f"no answer in {loop.time() - began:.3f} s")
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
