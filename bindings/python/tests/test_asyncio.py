"""The asyncio stream as a good citizen of its loop: sockets, tasks, backpressure, callbacks of the user's."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
import time
from typing import Any, Awaitable, Callable, Iterator, List

import pytest

import sch
import sch.asyncio
from resp import NOTHING, Parser, command
from servers import start


def sockets() -> int:
    found = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
        except OSError:
            pass
    return found


@pytest.fixture
def sim() -> Iterator[Any]:
    started = start(None)
    yield started
    started.stop()


def run(main: Awaitable[Any]) -> Any:
    """In a loop of its own that must have no complaint, and that must leave no socket."""

    async def whole() -> Any:
        loop = asyncio.get_running_loop()
        complaints: List[Any] = []
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        before = sockets()
        answer = await main
        for _ in range(3):
            await asyncio.sleep(0)
        gc.collect()
        assert sockets() <= before
        assert [t for t in asyncio.all_tasks() if t is not asyncio.current_task()] == []
        return answer, complaints

    answer, complaints = asyncio.run(whole())
    if complaints:
        raise AssertionError(complaints)
    return answer


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await asyncio.wait_for(writer.wait_closed(), 10)


async def reply(reader: asyncio.StreamReader, parser: Parser) -> Any:
    while True:
        value = parser.take()
        if value is not NOTHING:
            return value
        data = await asyncio.wait_for(reader.read(1 << 16), 10)
        assert data, "the stream ended"
        parser.feed(data)


async def opened(sim: Any, **more: Any) -> Any:
    reader, writer = await sch.asyncio.open_connection("127.0.0.1", sim.endpoints["a"]["port"], **more)
    parser = Parser()
    try:
        writer.write(command("HELLO", 3))
        await reply(reader, parser)
        # What is to be announced to it is announced to those that have opted in.
        await until(lambda: writer.get_extra_info("sch").is_active)
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer, parser


async def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


def test_a_stream_is_asyncios_own(sim: Any) -> None:
    async def main() -> None:
        reader, writer, parser = await opened(sim)
        assert type(reader) is asyncio.StreamReader and type(writer) is asyncio.StreamWriter
        assert writer.get_extra_info("peername")[1] == sim.endpoints["a"]["port"]
        assert isinstance(writer.get_extra_info("sch"), sch.Connection)
        writer.writelines([command("SET", "k", "1"), command("GET", "k")])
        assert (await reply(reader, parser), await reply(reader, parser)) == ("OK", b"1")
        assert writer.can_write_eof() is False
        await close(writer)
        assert await reader.read() == b"" and writer.is_closing()

    run(main())


def test_the_end_of_the_server_is_the_end_of_the_stream(sim: Any) -> None:
    async def main() -> None:
        reader, writer, _ = await opened(sim)
        sim.post("fault", endpoint="a", close=True)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        await close(writer)

    run(main())


def test_a_reset_is_an_error(sim: Any) -> None:
    async def main() -> None:
        reader, writer, _ = await opened(sim)
        sim.post("fault", endpoint="a", reset=True)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 10)
        writer.close()

    run(main())


@pytest.mark.parametrize("moving", [False, True], ids=["alone", "while it moves"])
def test_a_reply_cut_in_the_middle_ends_the_stream(moving: bool, sim: Any) -> None:
    """L4: the reader's parser cannot be reset, so no other reply may follow, also where there is a place to go on."""

    async def main() -> None:
        reader, writer, parser = await opened(sim)
        writer.write(command("SET", "long", "x" * 5000))
        await reply(reader, parser)
        if moving:
            sim.post("fault", endpoint="b", connect_delay_ms=300)
            sim.post("move", **{"from": "a"}, to="b", time_s=10)
            await until(lambda: len(writer.get_extra_info("sch").wait_on()) == 2)
        sim.post("fault", endpoint="a", close_mid_reply=True)
        writer.write(command("GET", "long"))
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(5000 + 9), 10)
        writer.close()

    run(main())


def test_what_was_not_written_is_known_not_to_have_run() -> None:
    """E1, L1: libsch is told which bytes the socket never took."""
    told: List[Any] = []
    block = command("INCR", "x" * 5000)

    async def main() -> None:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(1)
            _, writer = await sch.asyncio.open_connection("127.0.0.1", deaf.getsockname()[1], on_action=told.append)
            peer, _ = deaf.accept()
            for _ in range(4000):
                writer.write(block)
            taken = 4000 * len(block) - writer.transport.get_write_buffer_size()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()
            await until(writer.is_closing)
            unknown = sum(a.count for a in told if isinstance(a, sch.Lost) and a.outcome is sch.LostOutcome.UNKNOWN)
            rest = [a for a in told if isinstance(a, (sch.Lost, sch.HandBack))]
            assert unknown == taken // len(block)
            assert sum(a.count for a in rest) == 4000
            writer.close()

    asyncio.run(main())


def test_lost_replies_are_errors_in_their_place(sim: Any) -> None:
    """L3: on_loss = reply."""

    async def main() -> None:
        reader, writer, parser = await opened(sim)
        sim.post("fault", endpoint="a", reset_after_replies_withheld=2)
        writer.write(command("GET", "a") + command("GET", "b"))
        for _ in range(2):
            assert str(await reply(reader, parser)).startswith("SCHLOST")
        writer.close()

    run(main())


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

        async def main() -> None:
            with pytest.raises(ConnectionRefusedError):
                await sch.asyncio.open_connection("127.0.0.1", port)
            with pytest.raises(OSError):
                await sch.asyncio.open_connection("no.such.name.invalid", port)
            with pytest.raises(TypeError):
                await sch.asyncio.open_connection("127.0.0.1", port, ssl="yes")  # type: ignore[arg-type]

        run(main())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_cancelled_open_leaves_no_socket(tls: bool) -> None:
    """The server accepts and says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        others = [socket.socket() for _ in range(0 if tls else 8)]
        for other in others:  # the queue is full: the connect itself hangs
            other.setblocking(False)
            other.connect_ex(silent.getsockname())

        async def main() -> None:
            task = asyncio.ensure_future(
                sch.asyncio.open_connection("127.0.0.1", silent.getsockname()[1], ssl=tls or None)
            )
            await asyncio.sleep(0.05)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        run(main())
        for other in others:
            other.close()


def test_cancelled_at_every_step_nothing_is_left(sim: Any) -> None:
    async def main() -> None:
        for step in range(12):

            async def use() -> None:
                reader, writer, parser = await opened(sim)
                try:
                    writer.write(command("GET", "k"))
                    await reply(reader, parser)
                finally:
                    writer.transport.abort()

            task = asyncio.ensure_future(use())
            for _ in range(step):
                await asyncio.sleep(0)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass

    run(main())


def test_a_move_under_way_leaves_nothing_when_the_stream_is_dropped(sim: Any) -> None:
    async def main() -> None:
        _, writer, _ = await opened(sim)
        sim.post("fault", endpoint="b", connect_delay_ms=5000)
        sim.post("move", **{"from": "a"}, to="b", time_s=5)
        await until(lambda: len(writer.get_extra_info("sch").wait_on()) == 2)
        writer.transport.abort()

    run(main())


def test_an_idle_stream_sleeps(sim: Any) -> None:
    """No busy loop: not idle, not with a deadline ahead, not while a candidate does not answer, not when paused."""

    async def main() -> None:
        reader, writer, parser = await opened(sim)
        sim.post("fault", endpoint="b", connect_delay_ms=3000)
        sim.post("move", **{"from": "a"}, to="b", time_s=10)
        await until(lambda: len(writer.get_extra_info("sch").wait_on()) == 2)
        await idle(0.5)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(command("GET", "k"))  # its reply makes the socket readable, and nobody reads
        await idle(0.5)
        writer.transport.abort()

    async def idle(seconds: float) -> None:
        loop: Any = asyncio.get_running_loop()
        turns = 0
        original = loop._run_once

        def counted() -> None:
            nonlocal turns
            turns += 1
            original()

        loop._run_once = counted
        before = resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.sleep(seconds)
        after = resource.getrusage(resource.RUSAGE_SELF)
        loop._run_once = original
        assert turns < 30, turns
        assert after.ru_utime - before.ru_utime < seconds / 4

    run(main())


def test_a_reader_that_does_not_read_stops_the_server(sim: Any) -> None:
    """Backpressure: what waits in this process is bounded by the reader's limit, not by what the server has."""

    async def main() -> None:
        reader, writer, parser = await opened(sim, limit=1 << 14)
        body = "x" * 100_000
        writer.write(command("SET", "k", body))
        await reply(reader, parser)
        for _ in range(200):
            writer.write(command("GET", "k"))
        await until(lambda: not writer.transport.is_reading())  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
        waiting = len(reader._buffer)  # type: ignore[attr-defined]
        assert waiting < 1 << 18
        for _ in range(200):
            assert await reply(reader, parser) == body.encode()
        await close(writer)

    run(main())


def test_a_server_that_does_not_read_stops_the_writer() -> None:
    """Backpressure: `drain` waits."""

    async def main() -> None:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(1)
            _, writer = await sch.asyncio.open_connection("127.0.0.1", deaf.getsockname()[1])
            peer, _ = deaf.accept()
            written = 0
            block = command("SET", "k", "x" * 50_000)
            while True:
                writer.write(block)
                written += len(block)
                try:
                    await asyncio.wait_for(writer.drain(), 0.2)
                except asyncio.TimeoutError:
                    break
                assert written < 1 << 26, "drain never waits"
            assert writer.transport.get_write_buffer_size() > 1 << 14
            drained = asyncio.ensure_future(writer.drain())
            loop = asyncio.get_running_loop()
            peer.setblocking(False)
            got = 0
            while got < written:
                got += len(await loop.sock_recv(peer, 1 << 20))
            await asyncio.wait_for(drained, 10)
            assert writer.transport.get_write_buffer_size() == 0
            writer.transport.abort()
            peer.close()

    asyncio.run(main())


def test_what_is_held_while_it_moves_counts_as_unwritten(sim: Any) -> None:
    async def main() -> None:
        reader, writer, parser = await opened(sim)
        sim.post("fault", endpoint="a", freeze=True)
        writer.write(command("SET", "k", "1"))  # its reply is withheld: the drain waits for it
        sim.post("move", **{"from": "a"}, to="b", time_s=5)
        connection = writer.get_extra_info("sch")
        await until(lambda: connection.phase is sch.Phase.DRAINING)
        for _ in range(4):
            writer.write(command("SET", "k", "x" * 50_000))
        assert writer.transport.get_write_buffer_size() > 150_000
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.1)
        sim.post("fault", endpoint="a", freeze=False)
        await asyncio.wait_for(writer.drain(), 10)
        assert [await reply(reader, parser) for _ in range(5)] == ["OK"] * 5
        await until(lambda: writer.transport.get_write_buffer_size() == 0)
        assert connection.counters().handoffs_swapped == 1
        await close(writer)

    run(main())


def test_close_writes_what_was_written() -> None:
    async def main() -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            _, writer = await sch.asyncio.open_connection("127.0.0.1", server.getsockname()[1])
            peer, _ = server.accept()
            peer.setblocking(False)
            data = command("SET", "big", "x" * 10_000_000)
            writer.write(data)
            assert writer.transport.get_write_buffer_size() > 0
            closed = asyncio.ensure_future(close(writer))
            loop, got = asyncio.get_running_loop(), 0
            while part := await loop.sock_recv(peer, 1 << 20):
                got += len(part)
            assert got == len(data)
            await closed
            peer.close()

    run(main())


def test_a_function_of_the_users_may_raise(sim: Any) -> None:
    """It is told to the loop's exception handler, once for each action, and the stream goes on."""
    told: List[Any] = []

    def on_action(action: sch.Action) -> None:
        raise KeyError(str(action))

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
        reader, writer, parser = await opened(sim, on_action=on_action)
        sim.post("move", **{"from": "a"}, to="b", time_s=3)
        connection = writer.get_extra_info("sch")
        await until(lambda: connection.counters().handoffs_swapped == 1)
        writer.write(command("PING"))
        assert await reply(reader, parser) == "PONG"
        await close(writer)

    run(main())
    assert len(told) >= 4 and all(isinstance(e, KeyError) for e in told)


def test_a_protocol_that_raises_ends_the_stream(sim: Any) -> None:
    class Broken(asyncio.Protocol):
        lost: Any = None

        def data_received(self, data: bytes) -> None:
            raise KeyError("data_received")

        def connection_lost(self, exc: Any) -> None:
            self.lost = True

    told: List[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
        transport, protocol = await sch.asyncio.create_connection(Broken, "127.0.0.1", sim.endpoints["a"]["port"])
        transport.write(command("HELLO", 3))
        await until(lambda: protocol.lost)

    run(main())
    assert [type(e) for e in told] == [KeyError]


def test_timeouts_are_relaxed_also_for_who_waits_already(sim: Any) -> None:
    """R4, E2."""

    async def main() -> None:
        reader, writer, parser = await opened(sim)
        sim.post("fault", endpoint="a", freeze=True)
        writer.write(command("GET", "k"))
        with pytest.raises(asyncio.TimeoutError):
            await sch.asyncio.wait_for(reply(reader, parser), 0.1, writer)
        late = asyncio.ensure_future(sch.asyncio.wait_for(reply(reader, parser), 0.5, writer))
        await asyncio.sleep(0.05)
        sim.post("migrating", endpoint="a", time_s=10)
        await asyncio.sleep(0.7)
        assert not late.done()
        sim.post("fault", endpoint="a", freeze=False)
        assert await late is None
        await close(writer)

    run(main())


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "never answered"])
def test_restored_timeouts_count_from_then_on(answered: bool, sim: Any) -> None:
    """What waits at RESTORE has the configured time again, not none, and not the relaxed one any more."""
    told: List[Any] = []

    async def main() -> None:
        reader, writer, parser = await opened(sim, on_action=told.append)
        sim.post("migrating", endpoint="a", time_s=60)
        await until(lambda: any(isinstance(a, sch.Relax) for a in told))
        sim.post("fault", endpoint="a", freeze=True)
        began = time.monotonic()
        writer.write(command("GET", "k"))
        waiting = asyncio.ensure_future(sch.asyncio.wait_for(reply(reader, parser), 0.5, writer))
        await until(lambda: time.monotonic() > began + 0.6)
        sim.post("migrated", endpoint="a")
        await until(lambda: any(isinstance(a, sch.Restore) for a in told))
        if answered:
            sim.post("fault", endpoint="a", freeze=False)
            assert await waiting is None
        else:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(waiting, 5)
            assert 1.1 <= time.monotonic() - began < 5
        writer.transport.abort()

    run(main())


def test_write_after_the_end_goes_nowhere_and_wrong_types_are_refused(sim: Any) -> None:
    async def main() -> None:
        _, writer, _ = await opened(sim)
        with pytest.raises(TypeError):
            writer.write("GET")  # type: ignore[arg-type]
        with pytest.raises(NotImplementedError):
            writer.write_eof()
        await close(writer)
        writer.write(command("PING"))
        writer.transport.abort()
        assert writer.transport.get_write_buffer_size() == 0

    run(main())


def test_an_unclosed_stream_warns_and_closes(sim: Any) -> None:
    from sch._stream_host import context_of, settings
    from sch.asyncio import Transport

    async def main() -> None:
        loop = asyncio.get_running_loop()
        config = settings(None, "127.0.0.1", 1, False, None, None)
        transport: Any = Transport(loop, config, context_of(None), None, None)
        with pytest.warns(ResourceWarning, match="unclosed"):
            del transport
            gc.collect()

    run(main())
