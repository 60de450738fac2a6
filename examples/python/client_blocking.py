"""A client for blocking sockets on the stream of sch: it connects, sends a command, reads its reply. All that it does for
maintenance is to open the socket with sch, and to tell who calls what became of a command. A thread has one of its own.
"""

from __future__ import annotations

import socket
from typing import Any

import sch.socket
from resp import Lost, NotConnected, Parser, encode


class Client:
    """One command at a time. What `command` raises says what became of it:

    ReplyError       the server refused it
    Lost             there will be no reply; `may_have_run` says whether it may have run
    NotConnected     it was not written: connect again
    socket.timeout   it may run yet. The connection is closed, as what comes next would be taken for another's reply
    """

    def __init__(self, sock: sch.socket.Socket) -> None:
        self._sock = sock
        self._parser = Parser()

    @classmethod
    def connect(cls, host: str, port: int, timeout: float, **options: Any) -> "Client":
        """`options`: those of `sch.socket.create_connection`."""
        client = cls(sch.socket.create_connection((host, port), timeout, **options))
        try:
            client.command("HELLO", "3")  # maintenance is announced in RESP3 only
        except BaseException:
            client.close()
            raise
        return client

    def command(self, *words: str) -> Any:
        if not self._is_alive():
            raise NotConnected
        try:
            self._sock.sendall(encode(*words))
            reply = self._reply()
        except socket.timeout:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise Lost(f"{error}: the command may have run") from error
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _reply(self) -> Any:
        while True:
            found = self._parser.take()
            if found is not None:
                return found[0]
            data = self._sock.recv(65536)
            if not data:
                raise ConnectionError("the stream ended")
            self._parser.feed(data)

    def _is_alive(self) -> bool:
        """Looks before it writes: of a stream that had ended already, it can be said that the command did not run."""
        try:
            return self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:  # closed too
            return False

    def close(self) -> None:
        self._sock.close()
