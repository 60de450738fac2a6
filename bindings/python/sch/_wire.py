"""One transport: a non-blocking socket, with TLS or without. Knows no libsch and no event loop.

`send` counts a byte only when the whole record that carries it has gone to the system: what is not counted was surely not
read by the server, and that is what libsch must know when the socket dies.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Any, Callable, List, Optional, Tuple

#: What is read at once.
READ = 1 << 16
#: What one TLS record carries.
RECORD = 1 << 14

_AGAIN = (BlockingIOError, InterruptedError)
_UNDER_WAY = (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR)

#: As getaddrinfo answers it.
Addresses = List[Tuple[Any, ...]]


class Wire:
    """`step` it until it `is_up` or raises; then `receive` and `send`."""

    def __init__(
        self,
        transport: int,
        context: Optional[ssl.SSLContext],
        server_name: Optional[str],
        forget: Callable[["Wire"], None],
    ) -> None:
        """`forget` is called before a socket is closed, also where the next address is tried."""
        self.transport = transport
        self._forget = forget
        self.sock: Optional[socket.socket] = None
        self.is_up = False
        #: Whether the next step of the connect waits for reading instead of writing.
        self._reads = False
        self._addresses: Addresses = []
        self.ssl_object: Optional[ssl.SSLObject] = None
        self._context, self._server_name = context, server_name
        self._begin_tls()

    def _begin_tls(self) -> None:
        """From its first byte: the next address knows nothing of what the last one was told."""
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        #: Of TLS: what was encrypted and not sent, and how many bytes of the host's are in it.
        self._sealed = bytearray()
        self._sealed_from = 0
        if self._context is not None:
            self.ssl_object = self._context.wrap_bio(self._came, self._goes, server_hostname=self._server_name)

    # Connecting

    def start(self, addresses: Addresses) -> None:
        """Begins to connect to the first address that does not refuse at once."""
        self._addresses = list(addresses)
        self._next(OSError("the name has no address"))

    def _next(self, error: OSError) -> None:
        """The next address; raises `error`, why the last one failed, if there is none."""
        while True:
            self._drop()
            if not self._addresses:
                raise error
            family, kind, protocol, _, address = self._addresses.pop(0)
            self._reads = False
            self._begin_tls()
            try:
                self.sock = socket.socket(family, kind, protocol)
                self.sock.setblocking(False)
                result = self.sock.connect_ex(address)
            except OSError as problem:
                error = problem
                continue
            if result == 0 or result in _UNDER_WAY:
                return
            error = OSError(result, errno.errorcode.get(result, "connect failed"))

    def step(self) -> None:
        """Goes on with the connect, and with the TLS handshake after it. Raises OSError when it has failed."""
        assert self.sock is not None
        if self.is_up:
            return
        if not self._is_connected():
            return
        if self.ssl_object is not None and not self._handshake(self.ssl_object):
            return
        self.is_up = True

    def _is_connected(self) -> bool:
        assert self.sock is not None
        result = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if result:
            self._next(OSError(result, errno.errorcode.get(result, "connect failed")))
            return False
        try:
            self.sock.getpeername()
        except OSError:  # still under way
            return False
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return True

    def _handshake(self, tls: ssl.SSLObject) -> bool:
        while True:
            try:
                tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            except ssl.CertificateError:
                self._flush_alert()
                raise
            self._sealed += self._goes.read()
            if not self._flush():
                self._reads = False
                return False
            if done:
                return True
            came = self._read()
            if came is None:
                self._reads = True
                return False
            if not came:
                raise ConnectionResetError(errno.ECONNRESET, "closed in the TLS handshake")
            self._came.write(came)

    def _flush_alert(self) -> None:
        """Tells the peer why, if that is possible at once."""
        self._sealed += self._goes.read()
        try:
            self._flush()
        except OSError:
            pass

    @property
    def waits_to_write(self) -> bool:
        """While it connects: whether it waits for writing; else whether bytes are sealed and not sent."""
        return bool(self._sealed) if self.is_up else not self._reads

    # Bytes

    def _read(self) -> Optional[bytes]:
        assert self.sock is not None
        try:
            return self.sock.recv(READ)
        except _AGAIN:
            return None

    def receive(self) -> Optional[bytes]:
        """What has come; None: nothing yet; empty: the peer has closed. Raises OSError when the socket is dead."""
        raw = self._read()
        if self.ssl_object is None or raw is None:
            return raw
        if raw:
            self._came.write(raw)
        else:
            self._came.write_eof()
        parts = []
        ended = False
        while not ended:
            try:
                part = self.ssl_object.read(READ)
                parts.append(part)
                ended = not part
            except ssl.SSLWantReadError:
                break
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                ended = True
            except ssl.SSLError:
                if not any(parts):
                    raise
                ended = True  # what came before it counts; the next call raises again
        self._sealed += self._goes.read()
        data = b"".join(parts)
        return data if data or ended else None

    def send(self, data: Any) -> int:
        """Writes what it can and says how much has gone. What has not gone must be given again, from its first byte."""
        assert self.sock is not None
        if self.ssl_object is None:
            try:
                return self.sock.send(data)
            except _AGAIN:
                return 0
        gone = 0
        view = memoryview(data)
        while True:
            if not self._flush():
                return gone
            gone += self._sealed_from
            self._sealed_from = 0
            if gone >= len(view):
                return gone
            self._sealed_from = self.ssl_object.write(view[gone : gone + RECORD])
            self._sealed += self._goes.read()

    def send_own(self) -> None:
        """Writes what TLS itself has to say, where none of the host's bytes are on their way."""
        if not self._sealed_from:
            self._flush()

    def _flush(self) -> bool:
        """True when all that is sealed has been sent."""
        assert self.sock is not None
        while self._sealed:
            try:
                sent = self.sock.send(self._sealed)
            except _AGAIN:
                return False
            del self._sealed[:sent]
        return True

    @property
    def peer(self) -> Optional[str]:
        """`ip:port` or `[ip6]:port`."""
        try:
            name = self.sock.getpeername() if self.sock is not None else None
        except OSError:
            return None
        if not isinstance(name, tuple):
            return None
        host = str(name[0]).split("%")[0]
        return f"[{host}]:{name[1]}" if ":" in host else f"{host}:{name[1]}"

    def _drop(self) -> None:
        if self.sock is not None:
            self._forget(self)
            self.sock.close()
            self.sock = None

    def close(self) -> None:
        """Closes the socket; twice is fine."""
        self._addresses = []
        self._drop()
