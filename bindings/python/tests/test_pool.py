"""A pool in Python: what one member reads acts for all, events, dialling, misuse, and many threads at once."""

from __future__ import annotations

import dataclasses
import gc
import logging
import os
import pickle
import sys
import threading
import weakref
from typing import Any, Callable, List

import pytest

import reach
import sch
from sch import _pool, _pool_events

MOVING = b">4\r\n+MOVING\r\n:7\r\n:15\r\n$6\r\nb:6379\r\n"
CONFIG = sch.Config(level=sch.Level.NOTIFIED, host="a", port=6379)


def member(pool: sch.Pool, user: int, **more: Any) -> sch.Connection:
    """Dialled where the pool says, opted in, at 10.0.0.1:6379."""
    conn = sch.Connection(CONFIG)
    conn.join(1.0, pool, user=user, **more)
    place = pool.where_to_dial(1.0).places[0]
    dial = conn.dial_to(1.0, place.host, place.port)
    conn.connected(1.0, dial.transport, "10.0.0.1:6379")
    pool.dial_result(1.0, place.host, place.port, True)
    conn.ready(1.0, dial.transport)
    assert [type(a) for a in conn.actions()] == [sch.SendOptin]
    conn.optin_reply(1.0, dial.transport, b"+OK\r\n")
    assert list(conn.actions()) == []
    return conn


def test_what_one_reads_wakes_the_other_which_acts_on_it() -> None:
    woken: List[str] = []
    with sch.Pool(CONFIG) as pool, member(pool, 1) as reader, member(pool, 2) as other:
        pool.watch(pool.add_waiter(lambda: woken.append("pool")))
        other.take(1.0, pool.add_waiter(lambda: woken.append("other")))
        assert not other.has_mail
        woken.clear()
        assert reader.push(2.0, 1, MOVING)
        assert set(woken) == {"pool", "other"} and other.has_mail
        other.tick(2.0)
        assert sch.Relax in [type(a) for a in other.actions()]
        assert list(pool.events()) == [
            sch.MaintenanceHeard(sch.EventKind.MAINTENANCE, sch.Notification.MOVING, 7, reader.member, 1)
        ]
        assert pool.poll_event() is None
        counters = pool.counters()
        assert (counters.members, counters.notifications, counters.notifications_told) == (2, 1, 1)
        at = pool.next_deadline()
        assert at is not None and at > 2.0
        assert pool.where_to_dial(2.0).places[0] == sch.Place("b", 6379, False, None)
    assert pool.freed and reader.freed


@pytest.mark.parametrize(
    "unowned, kind", [(sch.Unowned.RETIRE, sch.Retire), (sch.Unowned.HANDOFF, sch.HandoffDue)], ids=["retire", "handoff"]
)
def test_a_member_that_nobody_owns(unowned: sch.Unowned, kind: Any) -> None:
    with sch.Pool(CONFIG) as pool, member(pool, 1) as reader, member(pool, 2, unowned=unowned) as resting:
        resting.give(1.5)
        reader.push(2.0, 1, MOVING)
        found = []
        at = pool.next_deadline()
        while at is not None and not found:
            pool.tick(at)
            found = [e for e in pool.events() if not isinstance(e, sch.MaintenanceHeard)]
            at = pool.next_deadline()
        assert [(type(e), e.member, e.user) for e in found] == [(kind, resting.member, 2)]


def test_an_endpoint_that_refuses_is_tried_by_one() -> None:
    with sch.Pool(CONFIG) as pool:
        events: List[sch.PoolEvent] = []
        for _ in range(20):
            pool.dial_result(1.0, "a", 6379, False)
            events += pool.events()
        assert events == [sch.BreakerOpened(sch.EventKind.BREAKER_OPENED, "a", 6379)]
        while True:  # one is let through to try, then nobody
            places = pool.where_to_dial(1.0)
            if not places.places:
                break
            assert [p.is_probe for p in places.places] == [True]
        assert places.retry_at is not None and places.retry_at > 1.0
        assert pool.endpoints() == [("a", 6379)]
        counters = pool.endpoint_counters("a", 6379)
        assert counters is not None and (counters.dials_failed, counters.breaker_open) == (20, 1)
        assert pool.endpoint_counters("b", 1) is None


def test_its_limits_are_those_of_the_config() -> None:
    config = dataclasses.replace(CONFIG, limits={sch.Limit.MAX_POOL_MEMBERS: 1, sch.Limit.MAX_POOL_WAITERS: 1})
    with sch.Pool(config) as pool, member(pool, 1), sch.Connection(CONFIG) as other:
        with pytest.raises(sch.LimitError):
            other.join(1.0, pool, user=2)
        pool.add_waiter(lambda: None)
        with pytest.raises(sch.LimitError):
            pool.add_waiter(lambda: None)
    with pytest.raises(sch.ConfigError, match="limit of a pool"):
        sch.Pool(dataclasses.replace(CONFIG, limits={sch.Limit.MAX_POOL_EVENTS: 100_000}))


def test_an_optin_that_was_refused_is_told() -> None:
    with sch.Pool(CONFIG) as pool:
        pool.optin_refused(1.0, "a", 6379)
        until = pool.where_to_dial(1.0).places[0].optin_refused_until
        assert until is not None and until > 1.0


def test_a_descriptor_is_written_to() -> None:
    r, w = os.pipe()
    os.set_blocking(w, False)
    os.set_blocking(r, False)
    try:
        with sch.Pool(CONFIG) as pool, member(pool, 1) as reader:
            waiter = pool.add_waiter_fd(w)
            pool.watch(waiter)
            reader.push(2.0, 1, MOVING)
            assert len(os.read(r, 64)) % 8 == 0
            waiter.remove()
            with pytest.raises(sch.ArgumentError):
                pool.watch(waiter)
    finally:
        os.close(r)
        os.close(w)


USES: List[Callable[[sch.Pool], Any]] = [
    lambda p: p.add_waiter(print), lambda p: p.add_waiter_fd(0), lambda p: p.watch(None), lambda p: p.poll_event(),
    lambda p: list(p.events()), lambda p: p.tick(1.0), lambda p: p.next_deadline(), lambda p: p.where_to_dial(1.0),
    lambda p: p.dial_result(1.0, "a", 1, True), lambda p: p.optin_refused(1.0, "a", 1), lambda p: p.counters(),
    lambda p: p.endpoints(), lambda p: p.endpoint_counters("a", 1), lambda p: sch.Connection(CONFIG).join(1.0, p),
    lambda p: p.__enter__(),
]  # fmt: skip


def test_every_function_of_the_header_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        pool = sch.Pool(CONFIG)
        for use in USES:
            try:
                use(pool)
            except sch.ArgumentError:
                pass  # the descriptor is none
        pool.add_waiter(print).remove()
        pool.free()

    assert reach.called(monkeypatch, [_pool], run) == reach.of("sch_pool_")


def test_a_freed_pool_refuses_all() -> None:
    pool = sch.Pool(CONFIG)
    pool.free()
    pool.free()
    for use in USES:
        with pytest.raises(sch.FreedError):
            use(pool)


def test_wrong_values_are_refused() -> None:
    with sch.Pool(CONFIG) as pool, sch.Pool(CONFIG) as another, sch.Connection(CONFIG) as conn:
        for outsider in (conn.leave, conn.take, conn.give):
            with pytest.raises(sch.UnexpectedError):
                outsider(1.0)
        with pytest.raises(sch.UnexpectedError):
            conn.has_mail
        with pytest.raises(TypeError):
            conn.join(1.0, conn)  # type: ignore[arg-type]
        with pytest.raises(sch.ArgumentError):
            conn.join(1.0, pool, unowned=9)  # type: ignore[arg-type]
        with pytest.raises(sch.ArgumentError):
            conn.join(1.0, pool, node="no port")
        conn.join(1.0, pool)
        with pytest.raises(sch.UnexpectedError):
            conn.join(1.0, another)
        with pytest.raises(sch.ArgumentError, match="another pool"):
            conn.take(1.0, another.add_waiter(print))
        with pytest.raises(sch.ArgumentError):
            pool.where_to_dial(1.0, 0)
        with pytest.raises(sch.ArgumentError):
            pool.add_waiter_fd(1 << 30)
        with pytest.raises(sch.ArgumentError):
            pool.dial_result(1.0, "", 1, True)
        with pytest.raises(TypeError):
            pool.add_waiter(None)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            pickle.dumps(pool)
        with pytest.raises(sch.ConfigError):
            sch.Pool(sch.Config(host="a", port=1, backoff_min=9.0, backoff_max=1.0))


def test_from_inside_a_waiter_the_connection_and_free_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: List[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: raised.append(what.exc_value))
    with sch.Pool(CONFIG) as pool, member(pool, 1) as reader:
        seen: List[Any] = []

        def wake() -> None:
            for call in (lambda: reader.tick(2.0), pool.free):
                try:
                    call()
                except sch.BusyError as error:
                    seen.append(type(error))
            seen.append(pool.counters().members)
            raise KeyError("of the waiter")

        pool.watch(pool.add_waiter(wake))
        assert reader.push(2.0, 1, MOVING)
        assert seen[:3] == [sch.BusyError, sch.BusyError, 1]
        assert raised and all(isinstance(error, KeyError) for error in raised)


def test_members_and_their_waiters_outlive_the_pool() -> None:
    woken: List[int] = []
    pool = sch.Pool(CONFIG)
    reader, other = member(pool, 1), member(pool, 2)
    other.take(1.0, pool.add_waiter(lambda: woken.append(1)))
    pool.free()
    del pool
    gc.collect()
    reader.push(2.0, 1, MOVING)
    assert woken and other.has_mail
    reader.free()
    other.free()


def test_the_garbage_collector_frees_it() -> None:
    pool = sch.Pool(CONFIG)
    pool.add_waiter(print)
    gone = weakref.ref(pool)
    del pool
    assert gone() is None


def test_many_threads_join_read_and_leave_while_one_looks_after_the_pool() -> None:
    pool, failures, done = sch.Pool(CONFIG), [], threading.Event()
    rounds, workers = 40, 6

    def work(user: int) -> None:
        try:
            woken = threading.Event()
            waiter = pool.add_waiter(woken.set)
            for at in range(rounds):
                with member_quietly(pool, user) as conn:
                    conn.take(2.0, waiter)
                    conn.push(2.0, 1, MOVING.replace(b":7", b":%d" % (100 * user + at + 10)))
                    for _ in conn.actions():
                        pass
                    conn.leave(3.0)
        except BaseException as error:
            failures.append(error)

    def look() -> None:
        while not done.is_set():
            for _ in pool.events():
                pass
            pool.tick(2.0)

    keeper = threading.Thread(target=look)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(workers)]
    for thread in [keeper, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    keeper.join()
    assert failures == []
    counters = pool.counters()
    assert (counters.members, counters.members_joined) == (0, rounds * workers)
    pool.free()


def member_quietly(pool: sch.Pool, user: int) -> sch.Connection:
    """As `member`, in the midst of what others bring."""
    conn = sch.Connection(CONFIG)
    conn.join(1.0, pool, user=user)
    dial = conn.dial_to(1.0, "a", 6379)
    conn.connected(1.0, dial.transport, "10.0.0.1:6379")
    conn.ready(1.0, dial.transport)
    if any(isinstance(a, sch.SendOptin) for a in conn.actions()):
        conn.optin_reply(1.0, dial.transport, b"+OK\r\n")
    return conn


def test_every_kind_of_event_is_a_frozen_class() -> None:
    assert set(_pool_events.MAKE) == set(sch.EventKind)
    kinds = sch.PoolEvent.__subclasses__()
    assert len(kinds) == len(sch.EventKind)
    assert all(kind.__dataclass_params__.frozen and dataclasses.is_dataclass(kind) for kind in kinds)  # type: ignore[attr-defined]


def test_the_log_of_a_pool_comes_to_a_function_which_may_call_it(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: List[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: raised.append(args.exc_value))
    lines: List[str] = []
    held: List[Any] = []

    def log(level: sch.LogLevel, text: str) -> None:
        assert isinstance(level, sch.LogLevel)
        before = len(lines)
        held[0].optin_refused(1.0, "x", 1)  # says a line, which comes after this one
        assert len(lines) == before
        lines.append(text)
        for refused in (held[0].free, lambda: held[0].set_log_level(sch.LogLevel.NONE), lambda: held[1].tick(1.0)):
            with pytest.raises(sch.BusyError):
                refused()
        if len(held) == 2:
            held.append(held[0].set_log_level)
            raise KeyError(text)

    with sch.Pool(CONFIG, log=log) as pool, sch.Connection(CONFIG) as conn:
        held += [pool, conn]
        conn.join(1.0, pool, user=5)
        assert lines[0] == f"event=joined member={conn.member} user=5 node=none"
        assert lines[1].startswith("event=optin-refused endpoint=x:1") and len(raised) == 1
        assert isinstance(raised[0], KeyError)
        pool.set_log_level(sch.LogLevel.NONE)
        lines.clear()
        pool.dial_result(2.0, "x", 1, True)
        assert lines == []
        with pytest.raises(sch.ArgumentError):
            pool.set_log_level(77)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="log"):
        sch.Pool(log=5)  # type: ignore[arg-type]


def test_the_log_of_a_pool_goes_to_the_logger_also_when_its_handle_is_free(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "sch"):
        pool = sch.Pool(CONFIG)
        conn = sch.Connection(CONFIG)
        conn.join(1.0, pool)
        pool.free()
        caplog.clear()
        conn.leave(2.0)
    assert [(r.getMessage().split()[0], r.levelno) for r in caplog.records] == [("event=left", logging.DEBUG)]
    caplog.clear()
    with sch.Pool(dataclasses.replace(CONFIG, log_level=sch.LogLevel.WARN)) as pool:
        pool.dial_result(1.0, "x", 1, False)
        assert caplog.records == []
        [pool.dial_result(1.0, "x", 1, False) for _ in range(2)]
    assert [r.getMessage() for r in caplog.records] == ["event=breaker-opened endpoint=x:1"]
