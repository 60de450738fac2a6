"""What `receive` has answered spares further calls, and never hides anything: whatever else was called since, is asked anew."""

from __future__ import annotations

from ctypes import byref, c_bool, c_uint64
from typing import Callable, Iterator, List, Optional

import pytest
import sch
from sch._library import lib
from sch._time import deadline

HELLO = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"
PROTO = b"%1\r\n$5\r\nproto\r\n:3\r\n"
MOVING = b">4\r\n$6\r\nMOVING\r\n:7\r\n:15\r\n$6\r\nb:6380\r\n"
PING, PONG = b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"


@pytest.fixture
def conn() -> Iterator[sch.Connection]:
    """Serving, opted in, one PING unanswered."""
    with sch.Connection(sch.Config(host="a", port=1)) as conn:
        conn.dial(0.0)
        conn.connected(0.0, 1)
        conn.submit(0.0, HELLO)
        conn.receive(0.0, 1, PROTO)
        list(conn.actions())
        conn.wrote(0.0, 1, conn.region_len(1))
        conn.receive(0.0, 1, b"+OK\r\n")
        list(conn.actions())
        conn.submit(0.0, PING)
        yield conn


def asked(conn: sch.Connection) -> Optional[float]:
    """The deadline, from libsch itself."""
    has, at = c_bool(), c_uint64()
    assert lib.sch_conn_next_deadline(conn._handle, byref(has), byref(at)) == 0
    return deadline(at.value) if has.value else None


def calls_made(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """The names of the functions that are called from here on."""
    called: List[str] = []
    for name in ("sch_conn_poll_action", "sch_conn_next_deadline"):
        function: Callable[..., int] = getattr(lib, name)

        def note(*arguments: object, _name: str = name, _function: Callable[..., int] = function) -> int:
            called.append(_name)
            return _function(*arguments)

        monkeypatch.setattr(lib, name, note)
    return called


def test_after_a_receive_nothing_more_is_asked(conn: sch.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    called = calls_made(monkeypatch)
    assert conn.receive(1.0, 1, PONG)[0] is PONG
    assert conn.poll_action() is None and list(conn.actions()) == []
    assert conn.phase == sch.Phase.SERVING  # only looks
    conn.next_deadline()
    assert called == []
    conn.tick(2.0)
    assert conn.poll_action() is None
    conn.next_deadline()
    assert called == ["sch_conn_poll_action", "sch_conn_next_deadline"]


def test_the_deadline_is_that_of_libsch(conn: sch.Connection) -> None:
    assert conn.receive(1.0, 1, PONG) == (PONG, len(PONG))
    assert conn.next_deadline() == asked(conn)
    conn.receive(1.0, 1, MOVING)
    found = conn.next_deadline()
    assert found is not None and found == asked(conn)
    list(conn.actions())
    assert conn.next_deadline() == asked(conn)


def test_an_action_that_another_call_brings_is_seen(conn: sch.Connection) -> None:
    conn.receive(1.0, 1, MOVING)
    assert sch.Relax in [type(action) for action in conn.actions()]
    assert conn.receive(2.0, 1, PONG)[0] is PONG
    assert conn.poll_action() is None
    conn.tick(1000.0)
    assert conn.poll_action() is not None


@pytest.mark.parametrize("call", [lambda c: c.receive(2.0, 77, PONG), lambda c: c.swapped(2.0), lambda c: c.closed(2.0, 77)])
def test_after_a_call_that_failed_it_is_asked(
    conn: sch.Connection, monkeypatch: pytest.MonkeyPatch, call: Callable[[sch.Connection], object]
) -> None:
    assert conn.receive(1.0, 1, PONG)[0] is PONG
    called = calls_made(monkeypatch)
    with pytest.raises(sch.SchError):
        call(conn)
    conn.poll_action()
    conn.next_deadline()
    assert called == ["sch_conn_poll_action", "sch_conn_next_deadline"]


def test_what_is_known_does_not_outlive_the_connection(conn: sch.Connection) -> None:
    conn.receive(1.0, 1, PONG)
    conn.free()
    for call in (conn.poll_action, conn.next_deadline):
        with pytest.raises(sch.FreedError):
            call()
