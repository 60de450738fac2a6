"""One transport with TLS: what is counted as sent is what the peer can read, to the byte."""

from __future__ import annotations

import pathlib
import socket
import ssl
import subprocess
import threading
from typing import Any, Tuple

import pytest

from sch._wire import RECORD, Wire


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Tuple[ssl.SSLContext, ssl.SSLContext]:
    folder: pathlib.Path = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))


def pair(contexts: Any) -> Tuple[Wire, ssl.SSLSocket]:
    server, client = contexts
    accepted = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)

        def accept() -> None:
            peer, _ = listener.accept()
            accepted.append(server.wrap_socket(peer, server_side=True))

        thread = threading.Thread(target=accept)
        thread.start()
        wire = Wire(1, client, "localhost", lambda wire: None)
        wire.start([(socket.AF_INET, socket.SOCK_STREAM, 0, "", listener.getsockname())])
        while not wire.is_up:
            wire.step()
        thread.join()
    assert wire.receive() is None  # the tickets of the session: unread, they would make the close a reset
    return wire, accepted[0]


def test_what_is_counted_as_sent_can_be_read_and_nothing_else(contexts: Any) -> None:
    wire, peer = pair(contexts)
    data = bytes(range(256)) * 100_000
    sent = 0
    for _ in range(1000):  # until the system takes no more
        sent += wire.send(data[sent : sent + 1_000_000])
    assert 0 < sent < len(data) - 1_000_000 and wire.waits_to_write
    assert wire.send(data[sent : sent + 10]) == 0
    assert len(wire._sealed) <= RECORD + 256, "one record waits, no more"
    got = b""
    peer.settimeout(10)
    while len(got) < sent:
        got += peer.recv(1 << 20)
    peer.settimeout(0.2)
    with pytest.raises(socket.timeout):  # the record that is cut is nothing yet
        peer.recv(1 << 20)
    assert len(got) == sent and got == data[:sent]
    wire.close()
    peer.close()


def test_bytes_arrive_in_order_through_a_slow_peer(contexts: Any) -> None:
    wire, peer = pair(contexts)
    data = bytes(range(251)) * 40_000
    got = bytearray()

    def read() -> None:
        while len(got) < len(data):
            got.extend(peer.recv(50_000))

    thread = threading.Thread(target=read)
    thread.start()
    sent = 0
    while sent < len(data):
        sent += wire.send(data[sent : sent + 70_000])
    thread.join(20)
    assert got == data
    peer.sendall(data[:100_000])
    back = b""
    while len(back) < 100_000:
        back += wire.receive() or b""
    assert back == data[:100_000]
    peer.close()
    while True:
        end = wire.receive()
        if end is not None:
            assert end == b""
            break
    wire.close()
