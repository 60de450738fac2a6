"""The asyncio stream where its user's functions call back into it, and where arguments are not the usual ones."""

from __future__ import annotations

import asyncio
import pathlib
import socket
import ssl
import struct
import subprocess
import threading
from typing import Any, Callable, Iterator, List

import pytest

import sch
import sch.asyncio
from resp import command
from test_asyncio import run, until

HELLO3 = b"%1\r\n$5\r\nproto\r\n:3\r\n"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        listening.settimeout(10)
        yield listening


@pytest.mark.parametrize(
    "use",
    [
        lambda transport: transport.abort(),
        lambda transport: transport.close(),
        lambda transport: transport.pause_reading(),
        lambda transport: transport.write(b"PING\r\n"),
    ],
    ids=["abort", "close", "pause", "write"],
)
@pytest.mark.parametrize("hello", [True, False], ids=["with actions", "without"])
def test_on_action_may_call_the_stream_while_that_closes(use: Callable[[Any], Any], hello: bool, server: Any) -> None:
    """`run` fails where the loop hears of an exception."""
    box: List[Any] = []

    async def main() -> None:
        _, writer = await sch.asyncio.open_connection(
            *server.getsockname(), on_action=lambda action: [use(transport) for transport in box]
        )
        peer, _ = server.accept()
        if hello:
            writer.write(command("HELLO", 3))
        box.append(writer.transport)
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), 10)
        peer.close()

    run(main())


def test_a_protocol_may_abort_where_it_is_told_of_a_loss(server: Any) -> None:
    class Abrupt(asyncio.Protocol):
        got = b""
        lost = False

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.got += data
            if b"SCHLOST" in data:
                self.transport.abort()

        def connection_lost(self, exc: Any) -> None:
            self.lost = True

    async def main() -> None:
        transport, protocol = await sch.asyncio.create_connection(Abrupt, *server.getsockname())
        peer, _ = server.accept()
        transport.write(command("HELLO", 3))
        peer.sendall(HELLO3)
        await until(lambda: protocol.got)
        transport.write(command("GET", "a"))
        peer.recv(1 << 16)
        peer.close()
        await until(lambda: protocol.lost)
        assert protocol.got.count(b"SCHLOST") == 1

    run(main())


def test_bytes_that_do_not_stand_together_are_written(server: Any) -> None:
    data = command("SET", "k", "v")
    spread = memoryview(bytes(byte for pair in zip(data, data) for byte in pair))[::2]

    async def main() -> None:
        _, writer = await sch.asyncio.open_connection(*server.getsockname())
        peer, _ = server.accept()
        peer.settimeout(10)
        writer.write(spread)
        got = b""
        while len(got) < len(data):
            got += peer.recv(1 << 16)
        assert got == data and not writer.is_closing()
        writer.transport.abort()
        peer.close()

    run(main())


def test_the_time_that_is_left_may_be_less_than_none(server: Any) -> None:
    async def main() -> None:
        reader, writer = await sch.asyncio.open_connection(*server.getsockname())
        for left in (0.0, -1.0):
            with pytest.raises(asyncio.TimeoutError):
                await sch.asyncio.wait_for(reader.read(1), left, writer)
        writer.transport.abort()

    run(main())


def test_wait_for_is_for_streams_of_sch(server: Any) -> None:
    async def main() -> None:
        _, writer = await asyncio.open_connection(*server.getsockname())
        future: "asyncio.Future[None]" = asyncio.get_running_loop().create_future()
        with pytest.raises(TypeError, match="sch.asyncio.open_connection"):
            await sch.asyncio.wait_for(future, 1, writer)
        writer.close()
        await writer.wait_closed()

    run(main())


def test_a_reset_in_the_handshake_leaves_the_next_address_a_fresh_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """The first of two addresses hangs up after it has read the ClientHello: the second must be sent one as well."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate),
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    first, second = socket.create_server(("127.0.0.2", 0)), socket.socket()
    port = first.getsockname()[1]
    second.bind(("127.0.0.1", port))
    second.listen(1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(certificate), str(key))
    waiting = threading.Event()

    def hang_up() -> None:
        peer, _ = first.accept()
        peer.recv(1 << 16)
        waiting.wait(10)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

    def answer() -> None:
        peer, _ = second.accept()
        peer.settimeout(10)
        try:
            with context.wrap_socket(peer, server_side=True) as secured:
                secured.recv(1)
        except OSError:
            pass

    threads = [threading.Thread(target=target, daemon=True) for target in (hang_up, answer)]

    async def addresses(*_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (at, port)) for at in ("127.0.0.2", "127.0.0.1")]

    async def main() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "getaddrinfo", addresses)
        opening = asyncio.ensure_future(
            sch.asyncio.open_connection("localhost", port, ssl=ssl.create_default_context(cafile=str(certificate)))
        )
        # It waits for the ServerHello before the reset comes: the reset is what wakes it.
        await asyncio.sleep(0.1)
        waiting.set()
        _, writer = await asyncio.wait_for(opening, 10)
        assert writer.get_extra_info("peername") == ("127.0.0.1", port)
        writer.transport.abort()

    [thread.start() for thread in threads]
    asyncio.run(main())
    [thread.join(10) for thread in threads]
    first.close()
    second.close()
