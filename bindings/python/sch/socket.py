"""A blocking socket that survives maintenance: `create_connection`, with or without TLS.

    with sch.socket.create_connection(("redis.example.com", 6379), timeout=0.5) as sock:
        sock.sendall(b"*2\\r\\n$5\\r\\nHELLO\\r\\n$1\\r\\n3\\r\\n")
        sock.recv(4096)

It has what a socket has, except a file descriptor: that one changes. Timeouts are the socket's, longer while the server
has announced maintenance. No thread works behind it: it looks at its transports whenever it is called.
"""

from __future__ import annotations

import errno
import io
import select
import socket
import ssl as ssl_module
import time
from typing import Any, Deque, Iterator, List, Optional, Tuple, Union
from collections import deque
from contextlib import contextmanager

from ._config import Config
from ._connection import Connection
from ._errors import BusyError
from ._memory import Buffer
from ._stream import Core
from ._stream_host import Credentials, Host, OnAction, context_of, settings
from ._time import to_ms
from ._wire import Wire

__all__ = ["Socket", "create_connection"]

#: Bytes that wait for the reader before no more is read.
_MOST = 1 << 18
#: A name is looked up in the way of everything else: libsch is told that a connect may take this long (E6).
_BUDGET = 1.0
#: What `poll` takes at most, in milliseconds; then it is asked again.
_LONGEST = (1 << 31) - 1

Ssl = Union[ssl_module.SSLContext, bool, None]


class Socket(Host):
    """One stream, over the transports of libsch. One thread at a time."""

    def __init__(
        self,
        config: Config,
        context: Optional[ssl_module.SSLContext],
        timeout: Optional[float],
        on_action: Optional[OnAction],
        credentials: Optional[Credentials],
    ) -> None:
        self._inbound: Deque[memoryview] = deque()
        self._waiting = 0
        self._over = False
        self._closed = False
        self._busy = False
        #: Bytes are on their way through the core: an exception of a signal handler may leave it so.
        self._at_work = False
        self._error: Optional[Exception] = None
        #: What a function of the user's raised: it comes out of the next `recv`, before that takes anything.
        self._raised: Optional[Exception] = None
        self._timeout: Optional[float] = None
        self.settimeout(timeout)
        self._core = Core(self, config, context, time.monotonic, on_action, credentials)

    # What the core asks for

    def deliver(self, data: Buffer) -> None:
        if data:
            self._inbound.append(memoryview(data))
            self._waiting += len(data)
            self._core.is_paused = self._waiting >= _MOST

    def resolve(self, wire: Wire, host: str, port: int) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._core.unresolved(wire, error)
        else:
            self._core.resolved(wire, found)

    def forget(self, wire: Wire) -> None:
        pass

    def ended(self, error: Optional[Exception]) -> None:
        self._over, self._error = True, error

    def restored(self) -> None:
        pass  # `_wait` asks after every turn

    def failed(self, error: Exception) -> None:
        self._raised = error

    # The loop

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """One call at a time."""
        self._refuse_if_busy()
        try:
            self._busy = True
            if self._closed:
                raise OSError(errno.EBADF, "the socket is closed")
            if self._at_work:
                self._core.end(ConnectionAbortedError("the last call was cut in the middle: bytes may be missing"))
            yield
        finally:
            self._busy = False

    def _refuse_if_busy(self) -> None:
        if self._busy:
            raise BusyError("the socket is in use: one call at a time, from any thread, and none from `on_action`")

    @contextmanager
    def _working(self) -> Iterator[None]:
        """What an exception cuts in here cannot go on: there might be a gap."""
        self._at_work = True
        yield
        self._at_work = False

    def _raise_raised(self) -> None:
        if self._raised is not None:
            error, self._raised = self._raised, None
            raise error

    def _turn(self, until: Optional[float]) -> None:
        """Waits for the sockets and the deadline, at most until `until` (None: for ever), and does what is to be done."""
        now = time.monotonic()
        due = self._core.deadline()
        until = due if until is None else until if due is None else min(until, due)
        poll = select.poll()
        wires = {}
        for wire in self._core.wires.values():
            reads, writes = self._core.interest(wire)
            if wire.sock is not None and (reads or writes):
                wires[wire.sock.fileno()] = wire
                poll.register(wire.sock, (select.POLLIN if reads else 0) | (select.POLLOUT if writes else 0))
        # Whole milliseconds, begun ones too: rounded down they would make it spin.
        left = None if until is None else min(max(0, -int(-(until - now) * 1000 // 1)), _LONGEST)
        found = poll.poll(left)
        with self._working():
            for fd, event in found:
                writable = bool(event & (select.POLLOUT | select.POLLERR | select.POLLNVAL))
                readable = bool(event & (select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLNVAL))
                self._core.ready(wires[fd], readable, writable)
            if due is not None and time.monotonic() >= due:
                self._core.tick()

    def _until(self, began: float) -> Optional[float]:
        """When a wait that began then is over, as it is now."""
        if self._timeout is None or self._over:
            return None if self._timeout is None else began
        return began if self._timeout == 0 else self._core.expires(began, self._timeout)

    def _wait(self, began: float) -> bool:
        """One turn. True: the time is up, also after what that turn brought (E2)."""
        self._turn(self._until(began))
        until = self._until(began)
        return until is not None and not self._over and time.monotonic() >= until

    def _late(self) -> OSError:
        return BlockingIOError(errno.EAGAIN, "would block") if self._timeout == 0 else socket.timeout("timed out")

    # Connecting

    def _connect(self) -> None:
        began = time.monotonic()
        nth = 0
        while self._core.conn.current is None:
            if not self._core.dial(nth):
                raise self._core.dial_error or ConnectionError("there is no place to dial")
            nth += 1
            while self._core.is_dialling and not self._over:
                if self._wait(began) and self._core.is_dialling:
                    raise self._late()
            if self._over:
                raise self._error or ConnectionError("the connection was refused")

    # Reading

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """What has come, at most `bufsize` bytes; empty: the server has closed."""
        if bufsize < 0:
            raise ValueError("negative buffersize in recv")
        with self._inside():
            self._await_data(flags, bufsize)
            if self._inbound and len(self._inbound[0]) <= bufsize and len(self._inbound) == 1 and not flags:
                whole = self._inbound.popleft()
                self._took(len(whole))
                data = whole.obj
                return data if type(data) is bytes and len(data) == len(whole) else bytes(whole)
            return b"".join(self._take(bufsize, bool(flags & socket.MSG_PEEK)))

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As `recv`, into `buffer`."""
        if nbytes < 0:
            raise ValueError("negative buffersize in recv_into")
        view = memoryview(buffer).cast("B")
        if view.readonly:
            raise TypeError("recv_into fills a buffer that can be written")
        size = min(nbytes, len(view)) if nbytes else len(view)
        with self._inside():
            self._await_data(flags, size)
            at = 0
            for part in self._take(size, bool(flags & socket.MSG_PEEK)):
                view[at : at + len(part)] = part
                at += len(part)
            return at

    def _await_data(self, flags: int, size: int) -> None:
        if flags & ~(socket.MSG_PEEK | socket.MSG_DONTWAIT):
            raise OSError(errno.EOPNOTSUPP, f"these flags are not supported: {flags}")
        began = time.monotonic()
        if size and not self._inbound and flags & socket.MSG_DONTWAIT and not self._over:
            self._turn(began)
            if not self._inbound and not self._over:
                raise BlockingIOError(errno.EAGAIN, "would block")
        while size and not self._inbound and not self._over and self._raised is None:
            if self._wait(began) and not self._inbound:
                raise self._late()
        self._raise_raised()
        if size and not self._inbound and self._error is not None:
            raise self._error

    def _take(self, size: int, peek: bool) -> List[memoryview]:
        parts: List[memoryview] = []
        left = size
        for part in list(self._inbound):
            if left == 0:
                break
            parts.append(part[:left])
            left -= len(parts[-1])
        if not peek:
            for part in parts:
                first = self._inbound.popleft()
                if len(part) < len(first):
                    self._inbound.appendleft(first[len(part) :])
            self._took(size - left)
        return parts

    def _took(self, size: int) -> None:
        self._waiting -= size
        self._core.is_paused = self._waiting >= _MOST

    # Writing

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Writes all of it: to a socket, or to libsch, which holds it while the connection moves."""
        if not self._give(data, flags) and self._timeout != 0:
            raise self._late()

    def send(self, data: Any, flags: int = 0) -> int:
        """Takes all of it, or nothing where it raises `socket.timeout` or BlockingIOError: then what was taken before has
        not gone. What this takes goes on its way with this call and with the next ones."""
        self._give(data, flags)
        return memoryview(data).nbytes

    def _give(self, data: Any, flags: int) -> bool:
        """Takes `data` once nothing else waits. False: the time was up before all of it had gone."""
        self._check_flags(flags)
        with self._inside():
            self._look()
            view = memoryview(data).cast("B")
            if len(view) == 0:
                return True
            if not self._gone():
                raise self._late()
            self._fail_if_over()
            with self._working():
                self._core.write(data if isinstance(data, (bytes, bytearray)) else view)
            gone = self._gone()
            self._fail_if_over()
            return gone

    def _gone(self) -> bool:
        """Waits until nothing is left to write. False: for the time of the socket nothing went."""
        began = time.monotonic()
        while self._core.unwritten() and not self._over:
            before = self._core.unwritten()
            late = self._wait(began)
            if self._core.unwritten() < before:
                began = time.monotonic()
            elif late:
                return False
        return True

    @staticmethod
    def _check_flags(flags: int) -> None:
        if flags & ~getattr(socket, "MSG_NOSIGNAL", 0):
            raise OSError(errno.EOPNOTSUPP, f"these flags are not supported: {flags}")

    def _look(self) -> None:
        """Who was idle looks at its sockets before it writes (E6)."""
        if not self._over:
            self._turn(time.monotonic())
        self._fail_if_over()

    def _fail_if_over(self) -> None:
        if self._over:
            raise self._error or BrokenPipeError(errno.EPIPE, "the server has closed the connection")

    # A socket

    def settimeout(self, timeout: Optional[float]) -> None:
        if timeout is not None:
            to_ms(timeout)  # what it refuses would be refused later, in the middle of a wait
        self._timeout = None if timeout is None else float(timeout)

    def gettimeout(self) -> Optional[float]:
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        self.settimeout(None if flag else 0.0)

    def getblocking(self) -> bool:
        return self._timeout != 0

    @property
    def timeout(self) -> Optional[float]:
        return self._timeout

    @property
    def connection(self) -> Connection:
        """The Connection, for its counters and effective timeouts."""
        return self._core.conn

    def _sock(self) -> socket.socket:
        wire = self._core.current
        if wire is None or wire.sock is None:
            raise OSError(errno.ENOTCONN, "not connected")
        return wire.sock

    def getpeername(self) -> Any:
        return self._sock().getpeername()

    def getsockname(self) -> Any:
        return self._sock().getsockname()

    def fileno(self) -> int:
        raise io.UnsupportedOperation("a stream of sch has no file descriptor: it changes when the server moves")

    def shutdown(self, how: int) -> None:
        """Ends both directions, as there is no half close: `recv` answers empty from here on."""
        self._refuse_if_busy()
        if not self._over and not self._closed:
            self._finish()

    def makefile(self, mode: str = "r", buffering: Optional[int] = None, **text: Any) -> Any:
        """As of a socket; closing the file does not close the socket."""
        if not set(mode) <= set("rwb"):
            raise ValueError(f"invalid mode {mode!r}")
        raw = _Raw(self, "r" in mode or "w" not in mode, "w" in mode)
        if buffering == 0:
            return raw
        size = io.DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
        file: Any
        if raw.readable() and raw.writable():
            file = io.BufferedRWPair(raw, raw, size)
        else:
            file = io.BufferedReader(raw, size) if raw.readable() else io.BufferedWriter(raw, size)
        return file if "b" in mode else io.TextIOWrapper(file, **text)

    def close(self) -> None:
        """Closes every socket and frees the handle; twice is fine."""
        self._refuse_if_busy()
        self._closed = True
        self._finish()
        self._raise_raised()

    def _finish(self) -> None:
        try:
            self._busy = True
            if self._at_work:
                self._core.end(None)
            else:
                with self._working():
                    self._core.finish()
        finally:
            self._busy = False

    def detach(self) -> int:
        raise io.UnsupportedOperation("a stream of sch has no file descriptor to give away")

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a sch.socket.Socket cannot be copied or pickled")

    def __repr__(self) -> str:
        return f"<sch.socket.Socket {'closed' if self._closed else 'over' if self._over else repr(self._core.conn)}>"


class _Raw(io.RawIOBase):
    """A Socket as a file."""

    def __init__(self, sock: Socket, reads: bool, writes: bool) -> None:
        self._sock, self._reads, self._writes = sock, reads, writes

    def readable(self) -> bool:
        return self._reads

    def writable(self) -> bool:
        return self._writes

    def readinto(self, buffer: Any) -> Optional[int]:
        try:
            return self._sock.recv_into(buffer)
        except BlockingIOError:
            return None

    def write(self, data: Any) -> Optional[int]:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return None


def create_connection(
    address: Tuple[str, int],
    timeout: Optional[float] = None,
    *,
    ssl: Ssl = None,
    server_hostname: Optional[str] = None,
    config: Optional[Config] = None,
    on_action: Optional[OnAction] = None,
    credentials: Optional[Credentials] = None,
) -> Socket:
    """As `socket.create_connection`. Speak RESP3 on it, HELLO 3 first, or set `Config.handshake` to BY_LIBSCH.

    `on_action` is told every action of libsch; `credentials` answers (user, password) where the server does not take the
    old ones any more.
    """
    host, port = address
    context = context_of(ssl)
    full = settings(config, host, port, context is not None, server_hostname, _BUDGET)
    sock = Socket(full, context, timeout, on_action, credentials)
    try:
        sock._connect()
    except BaseException:
        sock._core.end(None)
        raise
    return sock
