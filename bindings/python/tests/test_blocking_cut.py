"""The blocking socket where a call does not end as it should: cut by a signal, called from inside, a full socket."""

from __future__ import annotations

import math
import socket
import threading
from typing import Any, Iterator, List

import pytest

import sch
import sch.socket
from resp import command
from test_asyncio import sockets

HELLO = command("HELLO", 3)


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """Accepts, and reads only where the test does."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        server.settimeout(10)
        yield server


def opened(server: socket.socket, **more: Any) -> Any:
    sock = sch.socket.create_connection(server.getsockname(), timeout=10, **more)
    peer, _ = server.accept()
    return sock, peer


def command_number(number: int) -> bytes:
    return command("GET", "%06d" % number) * 1000


@pytest.mark.parametrize("timeout, late", [(0, BlockingIOError), (0.05, socket.timeout)])
def test_what_send_refused_is_not_written_and_what_it_took_is(timeout: float, late: Any, deaf: Any) -> None:
    """Who does as EAGAIN says and sends again must not have written a command twice."""
    sock, peer = opened(deaf)
    sock.settimeout(timeout)
    taken = 0
    with pytest.raises(late):
        while True:
            taken += sock.send(command_number(taken // len(command_number(0))))
    number = taken // len(command_number(0))
    got = bytearray()

    def read() -> None:
        while part := peer.recv(1 << 20):
            got.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    sock.settimeout(10)
    assert sock.send(command_number(number)) == len(command_number(number))
    sock.sendall(command("PING"))
    sock.close()
    reader.join(10)
    assert bytes(got) == b"".join(map(command_number, range(number + 1))) + command("PING")
    peer.close()


def test_a_file_of_a_full_socket_says_that_it_would_block(deaf: Any) -> None:
    sock, peer = opened(deaf)
    sock.settimeout(0)
    file = sock.makefile("wb", buffering=0)
    for _ in range(10_000):
        if file.write(command_number(0)) is None:
            break
    else:
        raise AssertionError("it never blocks")
    sock.close()
    peer.close()


def test_a_call_that_was_cut_ends_the_stream(deaf: Any) -> None:
    """Bytes may have been taken and not passed on: a reply less, and every later one would be another command's."""

    def on_action(action: sch.Action) -> None:
        raise KeyboardInterrupt  # as a signal handler may, anywhere

    before = sockets()
    sock, peer = opened(deaf, on_action=on_action)
    sock.sendall(HELLO)
    peer.sendall(b"%1\r\n$5\r\nproto\r\n:3\r\n")
    with pytest.raises(KeyboardInterrupt):
        while True:
            sock.recv(1)
    for _ in range(2):
        with pytest.raises(ConnectionAbortedError, match="cut"):
            sock.recv(100)
            sock.recv(100)
    assert sockets() == before + 1
    sock.close()
    peer.close()


def test_a_call_that_was_cut_inside_the_connection_can_still_be_closed(deaf: Any) -> None:
    before = sockets()
    sock, peer = opened(deaf)
    sock.connection._idle.pop()  # as it is between the two ends of a call
    sock._at_work = True
    sock.close()
    sock.close()
    assert sockets() == before + 1
    peer.close()


def test_a_call_of_on_action_is_refused_and_told(deaf: Any) -> None:
    box: List[Any] = []

    def on_action(action: sch.Action) -> None:
        for sock in box:
            sock.close()

    before = sockets()
    sock, peer = opened(deaf, on_action=on_action)
    box.append(sock)
    sock.sendall(HELLO)
    with pytest.raises(sch.BusyError, match="on_action"):
        sock.close()
    sock.close()
    assert sockets() == before + 1
    peer.close()


@pytest.mark.parametrize("timeout, wanted", [(1e7, None), (1e12, None), (math.inf, ValueError), (math.nan, ValueError)])
def test_very_long_timeouts(timeout: float, wanted: Any, deaf: Any) -> None:
    sock, peer = opened(deaf)
    peer.sendall(b"-ERR no\r\n")
    if wanted is None:
        sock.settimeout(timeout)
        assert sock.recv(100) == b"-ERR no\r\n"
    else:
        with pytest.raises(wanted):
            sock.settimeout(timeout)
        assert sock.gettimeout() == 10
    sock.close()
    peer.close()
