"""redis-server and sch-sim for a test, on free loopback ports; stopped by their process id."""

from __future__ import annotations

import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "demo"))

from sim import SIM, Sim  # noqa: E402

from resp import NOTHING, Parser, command  # noqa: E402


class Redis:
    """A redis-server, and a plain connection to it for what a test wants to know beside libsch."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="sch-redis-")
        for _ in range(20):
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
            self.process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                 "--dir", self.folder],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            if self._wait():
                return
        raise RuntimeError("redis-server does not start")

    def _wait(self) -> bool:
        until = time.monotonic() + 10
        while time.monotonic() < until and self.process.poll() is None:
            try:
                self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=10)
                return True
            except OSError:
                time.sleep(0.02)
        return False

    def ask(self, *args: Any) -> Any:
        self.sock.sendall(command(*args))
        parser = Parser()
        reply: Any = NOTHING
        while reply is NOTHING:
            parser.feed(self.sock.recv(65536))
            reply = parser.take()
        return reply

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.sock.close()
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def start(redis: Any, tls: bool = False, endpoints: Any = ("a", "b"), **more: Any) -> Any:
    """A simulator in front of `redis`; None: its own data set."""
    names = [f"{name}=127.0.0.1:0" for name in endpoints]
    return Sim(SIM, names, upstream=redis.address if redis else None, tls=tls, **more)
