"""The blocking socket: timeouts, threads, files, backpressure, and the end."""

from __future__ import annotations

import io
import os
import pickle
import socket
import threading
import time
from typing import Any, Iterator, List

import pytest

import sch
import sch.socket
from resp import NOTHING, Parser, command
from servers import start
from test_asyncio import sockets


@pytest.fixture
def sim() -> Iterator[Any]:
    before = sockets()
    started = start(None)
    yield started
    started.stop()
    assert sockets() <= before


def opened(sim: Any, **more: Any) -> Any:
    sock = sch.socket.create_connection(("127.0.0.1", sim.endpoints["a"]["port"]), **{"timeout": 10, **more})
    sock.sendall(command("HELLO", 3))
    reply(sock)
    before, _ = sock.gettimeout(), sock.settimeout(10)
    sock.sendall(command("PING"))  # behind the opt-in, which is answered before it
    reply(sock)
    sock.settimeout(before)
    return sock


def reply(sock: Any, size: int = 1 << 16) -> Any:
    parser = Parser()
    while True:
        value = parser.take()
        if value is not NOTHING:
            return value
        data = sock.recv(size)
        assert data, "the stream ended"
        parser.feed(data)


def test_it_is_like_a_socket(sim: Any) -> None:
    with opened(sim) as sock:
        assert sock.gettimeout() == 10 and sock.getblocking()
        assert sock.getpeername()[1] == sim.endpoints["a"]["port"] and len(sock.getsockname()) == 2
        assert sock.send(command("ECHO", "abcdef")) == len(command("ECHO", "abcdef"))
        assert sock.recv(4, socket.MSG_PEEK) == b"$6\r\n"
        assert sock.recv(4) == b"$6\r\n"
        room = bytearray(10)
        assert sock.recv_into(room, 3) == 3 and room[:3] == b"abc"
        assert sock.recv_into(memoryview(room)[3:]) == 5 and room[:8] == b"abcdef\r\n"
        assert sock.recv(0) == b"" and sock.recv_into(bytearray()) == 0
        file = sock.makefile("rwb")
        file.write(command("PING"))
        file.flush()
        assert file.readline() == b"+PONG\r\n"
        text = sock.makefile("r", newline="\n")
        sock.sendall(command("PING"))
        assert text.readline() == "+PONG\r\n"
        with pytest.raises(io.UnsupportedOperation):
            sock.fileno()
        with pytest.raises(TypeError):
            pickle.dumps(sock)
        sock.shutdown(socket.SHUT_RDWR)
        assert sock.recv(10) == b""
        with pytest.raises(OSError):
            sock.sendall(b"x")


def test_a_closed_socket_is_refused(sim: Any) -> None:
    sock = opened(sim)
    sock.close()
    sock.close()
    for use in (lambda: sock.recv(1), lambda: sock.recv_into(bytearray(1)), lambda: sock.sendall(b"x")):
        with pytest.raises(OSError, match="closed"):
            use()
    assert "closed" in repr(sock)


@pytest.mark.parametrize(
    "use, wanted",
    [
        (lambda s: s.recv(-1), ValueError),
        (lambda s: s.recv("1"), TypeError),
        (lambda s: s.recv_into(b"read only"), TypeError),
        (lambda s: s.recv_into("text"), TypeError),
        (lambda s: s.recv(1, socket.MSG_OOB), OSError),
        (lambda s: s.sendall("text"), TypeError),
        (lambda s: s.sendall(None), TypeError),
        (lambda s: s.sendall(b"x", socket.MSG_OOB), OSError),
        (lambda s: s.settimeout(-1), ValueError),
        (lambda s: s.settimeout("1"), TypeError),
        (lambda s: s.makefile("x"), ValueError),
        (lambda s: s.detach(), io.UnsupportedOperation),
    ],
)
def test_wrong_arguments_leave_the_socket_in_order(use: Any, wanted: Any, sim: Any) -> None:
    with opened(sim) as sock:
        sock.sendall(command("PING"))
        with pytest.raises(wanted):
            use(sock)
        assert reply(sock) == "PONG"


def test_timeouts(sim: Any) -> None:
    with opened(sim, timeout=0.1) as sock:
        began = time.monotonic()
        with pytest.raises(socket.timeout):
            sock.recv(1)
        assert 0.1 <= time.monotonic() - began < 5
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(1)
        sock.settimeout(10)
        with pytest.raises(BlockingIOError):
            sock.recv(1, socket.MSG_DONTWAIT)
        sock.sendall(command("PING"))
        assert reply(sock) == "PONG"


def test_timeouts_are_relaxed_also_for_who_waits_already(sim: Any) -> None:
    """R4, E2."""
    with opened(sim, timeout=0.3) as sock:
        sim.post("fault", endpoint="a", freeze=True)
        sock.sendall(command("GET", "k"))
        timers = [
            threading.Timer(0.1, lambda: sim.post("migrating", endpoint="a", time_s=10)),
            threading.Timer(0.8, lambda: sim.post("fault", endpoint="a", freeze=False)),
        ]
        for timer in timers:
            timer.start()
        assert reply(sock) is None
        for timer in timers:
            timer.join()


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "never answered"])
def test_restored_timeouts_count_from_then_on(answered: bool, sim: Any) -> None:
    """What waits at RESTORE has the configured time again, not none, and not the relaxed one any more."""
    told: List[Any] = []
    with opened(sim, timeout=0.5, on_action=told.append) as sock:
        sim.post("migrating", endpoint="a", time_s=60)
        while not any(isinstance(a, sch.Relax) for a in told):
            sock.sendall(command("PING"))
            reply(sock)
        sim.post("fault", endpoint="a", freeze=True)
        began = time.monotonic()

        def restore() -> None:
            wait(lambda: time.monotonic() > began + 0.6)
            sim.post("migrated", endpoint="a")
            wait(lambda: any(isinstance(a, sch.Restore) for a in told))
            if answered:
                sim.post("fault", endpoint="a", freeze=False)

        thread = threading.Thread(target=restore)
        thread.start()
        sock.sendall(command("GET", "k"))
        if answered:
            assert reply(sock) is None
        else:
            with pytest.raises(socket.timeout):
                reply(sock)
            assert 1.1 <= time.monotonic() - began < 5
        thread.join()


def test_who_was_idle_looks_before_it_writes(sim: Any) -> None:
    """E6: the server has moved and closed while nobody looked; the next command is not lost."""
    with opened(sim) as sock:
        sim.post("move", **{"from": "a"}, to="b", time_s=30)
        wait(lambda: "'moving'" in str(sim.request("GET", "/v1/events")))
        sock.sendall(command("PING"))
        assert reply(sock) == "PONG"
        while sock.connection.counters().handoffs_swapped == 0:
            sock.sendall(command("PING"))
            assert reply(sock) == "PONG"
        assert sock.getpeername()[1] == sim.endpoints["b"]["port"]


def wait(condition: Any) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_two_threads_are_told_so(sim: Any) -> None:
    with opened(sim) as sock:
        thread = threading.Thread(target=lambda: sock.recv(1))
        thread.start()
        wait(lambda: sock._busy)
        for use in (lambda: sock.recv(1), lambda: sock.sendall(b"x"), lambda: sock.shutdown(2), sock.close):
            with pytest.raises(sch.BusyError, match="any thread"):
                use()
        sim.post("push", endpoint="a", data="+x\\r\\n")
        thread.join(10)
        assert not thread.is_alive()


def test_a_function_of_the_users_that_raises_is_heard_and_undoes_nothing(sim: Any) -> None:
    def on_action(action: sch.Action) -> None:
        raise KeyError(str(action))

    sock = sch.socket.create_connection(("127.0.0.1", sim.endpoints["a"]["port"]), timeout=10, on_action=on_action)
    heard: List[str] = []
    data = b""
    sock.sendall(command("HELLO", 3))
    while not (heard and data):
        try:
            data += sock.recv(1 << 16)
        except KeyError as error:
            heard.append(error.args[0])
    assert heard[0] == "write 1" and data.startswith(b"%")
    sock.sendall(command("PING"))
    assert reply(sock) == "PONG"
    sock.close()


def test_a_waiting_socket_sleeps(sim: Any) -> None:
    with opened(sim, timeout=0.5) as sock:
        sim.post("fault", endpoint="b", connect_delay_ms=3000)
        sim.post("move", **{"from": "a"}, to="b", time_s=10)
        sock.sendall(command("PING"))
        assert reply(sock) == "PONG"
        turns = 0
        turn = sock._turn

        def counted(until: Any) -> None:
            nonlocal turns
            turns += 1
            turn(until)

        sock._turn = counted
        timer = threading.Timer(0.5, lambda: sim.post("push", endpoint="a", data="+x\\r\\n"))
        timer.start()
        before = time.process_time()
        sock.recv(1)
        assert turns < 20 and time.process_time() - before < 0.25
        timer.join()


def test_backpressure_both_ways(sim: Any) -> None:
    with opened(sim) as sock:
        body = "x" * 100_000
        sock.sendall(command("SET", "k", body))
        assert reply(sock) == "OK"
        for _ in range(100):
            sock.sendall(command("GET", "k"))
        # It reads while it writes, but no more than there is room for.
        assert sock._waiting <= sch.socket._MOST + (1 << 16)
        parser = Parser()
        got = 0
        while got < 100:
            value = parser.take()
            if value is NOTHING:
                parser.feed(sock.recv(1 << 16))
            else:
                assert value == body.encode()
                got += 1
        assert sock._waiting == 0
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        with sch.socket.create_connection(deaf.getsockname(), timeout=0.2) as sock:
            with pytest.raises(socket.timeout):
                for _ in range(2000):
                    sock.sendall(command("SET", "k", "x" * 50_000))


def test_nobody_listens_and_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        before = sockets()
        with pytest.raises(ConnectionRefusedError):
            sch.socket.create_connection(free.getsockname(), timeout=1)
        with pytest.raises(OSError):
            sch.socket.create_connection(("no.such.name.invalid", 1), timeout=5)
        free.listen(1)
        with pytest.raises(socket.timeout):
            sch.socket.create_connection(free.getsockname(), timeout=0.2, ssl=True)
        assert sockets() <= before


def test_a_certificate_that_is_not_known_is_refused(redis: Any) -> None:
    import ssl

    started = start(None, tls=True)
    try:
        port = started.endpoints["a"]["port"]
        with pytest.raises(ssl.SSLCertVerificationError):
            sch.socket.create_connection(("localhost", port), timeout=10, ssl=True)
        context = ssl.create_default_context(cafile=started.ready["ca_file"])
        with pytest.raises(ssl.SSLCertVerificationError):
            sch.socket.create_connection(("localhost", port), timeout=10, ssl=context, server_hostname="other.test")
        with sch.socket.create_connection(("localhost", port), timeout=10, ssl=context) as sock:
            sock.sendall(command("SET", "k", os.urandom(200_000)))
            sock.sendall(command("STRLEN", "k"))
            assert [reply(sock, 5), reply(sock)] == ["OK", 200_000]
    finally:
        started.stop()


def test_newer_credentials_are_asked_for() -> None:
    """NEED_CREDENTIALS: the candidate does not take the old ones."""
    asked: List[int] = []

    def credentials() -> Any:
        asked.append(1)
        return "default", "secret"

    locked = start(None, extra=["--password", "secret"])
    try:
        config = sch.Config(keep_credentials=False)
        address = ("127.0.0.1", locked.endpoints["a"]["port"])
        with sch.socket.create_connection(address, timeout=10, config=config, credentials=credentials) as sock:
            sock.sendall(command("HELLO", 3, "AUTH", "default", "secret"))
            reply(sock)
            locked.post("move", **{"from": "a"}, to="b", time_s=5)
            until = time.monotonic() + 10
            while sock.connection.counters().handoffs_swapped == 0:
                assert time.monotonic() < until, sock.connection.counters()
                sock.sendall(command("PING"))
                assert reply(sock) == "PONG"
            assert asked
    finally:
        locked.stop()
