"""Clients under load: each counts on its own key, so that a command that is lost, doubled or out of order shows."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from typing import Any, List, Optional, Tuple

import sch
import sch.asyncio
import sch.socket
from resp import NOTHING, Error, Parser, Push, command

#: Less than the replies are held in maintenance, more than a machine under load takes.
TIMEOUT = 0.2
#: The names of the simulator's endpoints are in no DNS.
BY_ADDRESS = sch.Config(endpoint_type=sch.EndpointType.INTERNAL_IP)
#: How long a worker tries to connect anew.
PATIENCE = 15.0


class Ledger:
    """What one worker has asked and been answered."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.acknowledged = 0
        self.batches = 0
        #: Commands whose outcome is not known: the stream ended, or libsch said so.
        self.unknown = 0
        self.ended = 0
        self.swaps = 0
        self.wrong: List[str] = []
        self.slowest = 0.0
        self.finished = False

    def batch(self) -> Tuple[bytes, List[Any]]:
        self.batches += 1
        word = f"{self.key}-{self.batches}"
        first = self.acknowledged + 1
        data = command("INCR", self.key) + command("ECHO", word) + command("INCR", self.key)
        return data, [first, word.encode(), first + 1]

    def note(self, expected: List[Any], got: List[Any]) -> None:
        lost = [g for g in got if isinstance(g, Error) and str(g).startswith("SCHLOST")]
        if lost:
            self.unknown += len(lost)
        elif got != expected:
            self.wrong.append(f"{self.key}: expected {expected}, got {got}")
        if not lost:
            self.acknowledged = expected[-1]

    def learn(self, value: Any) -> None:
        """After an unknown outcome: what the server has must be what was acknowledged, or a little more."""
        count = int(value or 0)
        if not self.acknowledged <= count <= self.acknowledged + 2:
            self.wrong.append(f"{self.key}: {self.acknowledged} acknowledged, the server has {count}")
        self.acknowledged = count


def hello_failed(reply: Any) -> bool:
    return isinstance(reply, Error) and str(reply).startswith("NOPROTO")


class AsyncWorker:
    def __init__(self, ledger: Ledger, port: int, context: Optional[ssl.SSLContext]) -> None:
        self.ledger, self.port, self.context = ledger, port, context
        self.writer: Any = None
        self.parser = Parser()

    async def _reply(self) -> Any:
        while True:
            reply = self.parser.take()
            if reply is not NOTHING and not isinstance(reply, Push):
                return reply
            if reply is NOTHING:
                data = await self.reader.read(65536)
                if not data:
                    raise ConnectionError("the stream ended")
                self.parser.feed(data)

    async def _ask(self, *args: Any) -> Any:
        self.writer.write(command(*args))
        return await sch.asyncio.wait_for(self._reply(), 5, self.writer)

    async def _connect(self) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self.reader, self.writer = await sch.asyncio.open_connection(
                    "localhost" if self.context else "127.0.0.1", self.port, ssl=self.context, config=BY_ADDRESS
                )
                self.parser = Parser()
                if hello_failed(await self._ask("HELLO", 3)):
                    await self._ask("HELLO", 2)
                self.ledger.learn(await self._ask("GET", self.ledger.key))
                return
            except (OSError, asyncio.TimeoutError):
                self._close()
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.02)

    def _close(self) -> None:
        if self.writer is not None:
            connection = self.writer.get_extra_info("sch")
            if not connection.freed:
                self.ledger.swaps += connection.counters().handoffs_swapped
            self.writer.transport.abort()
            self.writer = None

    async def run(self, stop: threading.Event) -> None:
        ledger = self.ledger
        while not stop.is_set():
            if self.writer is None:
                await self._connect()
            data, expected = ledger.batch()
            began = time.monotonic()
            got: List[Any] = []
            try:
                self.writer.write(data)
                await self.writer.drain()
                for _ in expected:
                    got.append(await sch.asyncio.wait_for(self._reply(), TIMEOUT, self.writer))
            except asyncio.TimeoutError:
                ledger.wrong.append(f"{ledger.key}: timed out after {time.monotonic() - began:.3f} s")
                self._close()
            except OSError:
                ledger.ended += 1
                ledger.unknown += len(expected) - len(got)
                self._close()
            else:
                ledger.slowest = max(ledger.slowest, time.monotonic() - began)
                ledger.note(expected, got)
            await asyncio.sleep(0.005)
        self._close()
        ledger.finished = True


class BlockingWorker:
    def __init__(self, ledger: Ledger, port: int, context: Optional[ssl.SSLContext]) -> None:
        self.ledger, self.port, self.context = ledger, port, context
        self.sock: Any = None
        self.parser = Parser()

    def _reply(self) -> Any:
        while True:
            reply = self.parser.take()
            if reply is not NOTHING and not isinstance(reply, Push):
                return reply
            if reply is NOTHING:
                data = self.sock.recv(65536)
                if not data:
                    raise ConnectionError("the stream ended")
                self.parser.feed(data)

    def _ask(self, *args: Any) -> Any:
        self.sock.sendall(command(*args))
        return self._reply()

    def _connect(self) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                address = ("localhost" if self.context else "127.0.0.1", self.port)
                self.sock = sch.socket.create_connection(address, timeout=5, ssl=self.context, config=BY_ADDRESS)
                self.parser = Parser()
                if hello_failed(self._ask("HELLO", 3)):
                    self._ask("HELLO", 2)
                self.ledger.learn(self._ask("GET", self.ledger.key))
                self.sock.settimeout(TIMEOUT)
                return
            except OSError:
                self._close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def _close(self) -> None:
        if self.sock is not None:
            if not self.sock.connection.freed:
                self.ledger.swaps += self.sock.connection.counters().handoffs_swapped
            self.sock.close()
            self.sock = None

    def run(self, stop: threading.Event) -> None:
        ledger = self.ledger
        while not stop.is_set():
            if self.sock is None:
                self._connect()
            data, expected = ledger.batch()
            began = time.monotonic()
            got: List[Any] = []
            try:
                self.sock.sendall(data)
                for _ in expected:
                    got.append(self._reply())
            except socket.timeout:
                ledger.wrong.append(f"{ledger.key}: timed out after {time.monotonic() - began:.3f} s")
                self._close()
            except OSError:
                ledger.ended += 1
                ledger.unknown += len(expected) - len(got)
                self._close()
            else:
                ledger.slowest = max(ledger.slowest, time.monotonic() - began)
                ledger.note(expected, got)
            time.sleep(0.005)
        self._close()
        ledger.finished = True
