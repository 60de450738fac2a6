"""A client for asyncio on the stream of sch: it connects, sends a command, reads its reply. All that it does for
maintenance is to open the stream with sch, to wait with sch's `wait_for`, and to tell who calls what became of a command.
"""

from __future__ import annotations

import asyncio
from typing import Any

import sch.asyncio
from resp import Lost, NotConnected, Parser, encode


class Client:
    """One command at a time. What `command` raises says what became of it:

    ReplyError       the server refused it
    Lost             there will be no reply; `may_have_run` says whether it may have run
    NotConnected     it was not written: connect again
    TimeoutError     it may run yet. The connection is closed, as what comes next would be taken for another's reply
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeout: float) -> None:
        self._reader, self._writer, self._timeout = reader, writer, timeout
        self._parser = Parser()

    @classmethod
    async def connect(cls, host: str, port: int, timeout: float, **options: Any) -> "Client":
        """`options`: those of `sch.asyncio.open_connection`."""
        opening = sch.asyncio.open_connection(host, port, **options)
        client = cls(*await asyncio.wait_for(opening, timeout), timeout)
        try:
            await client.command("HELLO", "3")  # maintenance is announced in RESP3 only
        except BaseException:
            client.close()
            raise
        return client

    async def command(self, *words: str) -> Any:
        if self._writer.is_closing():
            raise NotConnected
        self._writer.write(encode(*words))
        try:
            reply = await sch.asyncio.wait_for(self._reply(), self._timeout, self._writer)
        except (asyncio.TimeoutError, asyncio.CancelledError):
            self.close()
            raise
        except OSError as error:
            self.close()
            raise Lost(f"{error}: the command may have run") from error
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _reply(self) -> Any:
        await self._writer.drain()
        while True:
            found = self._parser.take()
            if found is not None:
                return found[0]
            data = await self._reader.read(65536)
            if not data:
                raise ConnectionError("the stream ended")
            self._parser.feed(data)

    def close(self) -> None:
        self._writer.transport.abort()
