"""Every misuse is a clear exception, never a crash."""

from __future__ import annotations

import copy
import gc
import logging
import math
import os
import pathlib
import pickle
import subprocess
import sys
import textwrap
import threading
import weakref
from dataclasses import replace
from typing import Any, Callable, List

import pytest

import sch
from sch import _door, _library
from scenario import HELLO3

PACKAGE = pathlib.Path(sch.__file__).resolve().parents[1]
HELLO = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"
MOVING = b">4\r\n$6\r\nMOVING\r\n:7\r\n:15\r\n$6\r\nb:6380\r\n"


def connected(config: sch.Config = sch.Config(host="a", port=1), **more: Any) -> sch.Connection:
    conn = sch.Connection(config, **more)
    place = conn.dial(0.0)
    assert place is not None
    conn.connected(0.0, place.transport, "10.0.0.1:1")
    return conn


def active(config: sch.Config = sch.Config(host="a", port=1), **more: Any) -> sch.Connection:
    conn = connected(config, **more)
    conn.submit(0.0, HELLO)
    conn.receive(0.0, 1, HELLO3)
    conn.wrote(0.0, 1, conn.region_len(1))
    conn.receive(0.0, 1, b"+OK\r\n")
    assert [str(a) for a in conn.actions()] == ["write 1"] and conn.is_active
    return conn


#: Every public method and property, with arguments that would be right.
USES: List[Callable[[Any], Any]] = [
    lambda c: c.join(0.0, sch.Pool()), lambda c: c.leave(0.0), lambda c: c.take(0.0), lambda c: c.give(0.0),
    lambda c: c.has_mail, lambda c: c.member, lambda c: c.dial_to(0.0, "a", 1),
    lambda c: c.dial(0.0), lambda c: c.connected(0.0, 1), lambda c: c.connect_failed(0.0, 1), lambda c: c.closed(0.0, 1),
    lambda c: c.receive(0.0, 1, b"+OK\r\n"), lambda c: c.receive(0.0, 9, bytearray(b"+OK\r\n")),
    lambda c: c.submit(0.0, HELLO), lambda c: c.region(1), lambda c: c.region_len(1), lambda c: c.wrote(0.0, 1, 0),
    lambda c: c.cancel(0.0, 1), lambda c: c.owe(0.0, 1), lambda c: c.owe(0.0, 1, 1), lambda c: c.in_flight(0.0, 0),
    lambda c: c.fence(0.0, sch.Fence.OTHER, True), lambda c: c.held(0.0), lambda c: c.swapped(0.0),
    lambda c: c.swap_refused(0.0), lambda c: c.ready(0.0, 1), lambda c: c.resp2(0.0, 1),
    lambda c: c.optin_reply(0.0, 1, b"+OK\r\n"), lambda c: c.losses_settled(0.0), lambda c: c.credentials(0.0, "u", "p"),
    lambda c: c.tick(0.0), lambda c: c.close(0.0), lambda c: c.push(0.0, 1, b">1\r\n+a\r\n"),
    lambda c: c.push_elements(0.0, 1, ["a"]), lambda c: c.poll_action(), lambda c: list(c.actions()),
    lambda c: c.next_deadline(), lambda c: c.effective_timeout(1.0), lambda c: c.wait_on(), lambda c: c.counters(),
    lambda c: c.phase, lambda c: c.current, lambda c: c.is_active, lambda c: c.poll_trace(), lambda c: c.last_error(),
    lambda c: c.salvage(), lambda c: c.set_log_level(sch.LogLevel.INFO), lambda c: c.__enter__(),
]  # fmt: skip


def test_every_method_is_tried() -> None:
    code = pathlib.Path(__file__).read_text()
    for name in vars(sch.Connection):
        if not name.startswith("_") and name not in ("free", "freed", "level"):
            assert f"c.{name}" in code, name


@pytest.mark.parametrize("use", USES, ids=range(len(USES)))
def test_after_free_everything_is_refused(use: Callable[[Any], Any]) -> None:
    conn = connected()
    conn.free()
    conn.free()
    assert conn.freed and "freed" in repr(conn)
    with pytest.raises(sch.FreedError, match="make a new one"):
        use(conn)


def test_an_iterator_over_actions_outlives_the_handle_harmlessly() -> None:
    conn = active()
    conn.receive(0.0, 1, MOVING)
    actions = conn.actions()
    first = next(actions)
    conn.free()
    assert str(first) == "relax 10s moving"
    with pytest.raises(sch.FreedError):
        next(actions)


def test_what_was_lent_is_a_copy() -> None:
    """Use after free: nothing that a call answered points into the library."""
    conn = active()
    conn.receive(0.0, 1, b">2\r\n$7\r\n")
    passed, taken = conn.receive(0.0, 1, b"message\r\n:1\r\n")
    conn.receive(0.0, 1, MOVING)
    opened = list(conn.actions())[1]
    place = conn.dial(1.0)
    conn.free()
    gc.collect()
    assert bytes(passed) == b">2\r\n$7\r\nmessage\r\n:1\r\n" and taken == 13
    assert isinstance(opened, sch.Open) and (opened.host, opened.port) == ("b", 6380)
    assert place is not None and place.host == "b"


@pytest.mark.parametrize(
    "use, wanted",
    [
        (lambda c: c.receive(0.0, 1, "text"), TypeError),
        (lambda c: c.receive(0.0, 1, None), TypeError),
        (lambda c: c.receive(0.0, 1, 5), TypeError),
        (lambda c: c.receive("0", 1, b"x"), TypeError),
        (lambda c: c.receive(None, 1, b"x"), TypeError),
        (lambda c: c.receive(-1.0, 1, b"x"), sch.ArgumentError),
        (lambda c: c.receive(math.nan, 1, b"x"), sch.ArgumentError),
        (lambda c: c.receive(math.inf, 1, b"x"), sch.ArgumentError),
        (lambda c: c.receive(1e12, 1, b"x"), sch.ArgumentError),
        (lambda c: c.submit(-1.0, b""), sch.ArgumentError),
        (lambda c: c.submit(math.nan, b""), sch.ArgumentError),
        (lambda c: c.submit(math.inf, b""), sch.ArgumentError),
        (lambda c: c.submit(1e12, b""), sch.ArgumentError),
        (lambda c: c.submit("0", b""), TypeError),
        (lambda c: c.tick(math.nan), sch.ArgumentError),
        (lambda c: c.tick(math.inf), sch.ArgumentError),
        (lambda c: c.effective_timeout(math.nan), sch.ArgumentError),
        (lambda c: c.effective_timeout(math.inf), sch.ArgumentError),
        (lambda c: c.receive(0.0, "1", b"x"), TypeError),
        (lambda c: c.receive(0.0, 1.5, b"x"), TypeError),
        (lambda c: c.receive(0.0, [1], b"x"), TypeError),
        (lambda c: c.receive(0.0, -1, b"x"), sch.ArgumentError),
        (lambda c: c.receive(0.0, 1 << 64, b"x"), sch.ArgumentError),
        (lambda c: c.receive(0.0, 7, b"x"), sch.UnknownTransportError),
        (lambda c: c.submit(0.0, "GET"), TypeError),
        (lambda c: c.submit(0.0, None), TypeError),
        (lambda c: c.closed(0.0, 1, "GET"), TypeError),
        (lambda c: c.connected(0.0, 1, b"10.0.0.1:1"), TypeError),
        (lambda c: c.connected(0.0, 1, "nowhere"), sch.SchError),
        (lambda c: c.wrote(0.0, 1, -1), sch.ArgumentError),
        (lambda c: c.wrote(0.0, 1, 1), sch.WroteTooMuchError),
        (lambda c: c.swapped(0.0), sch.UnexpectedError),
        (lambda c: c.held(0.0), sch.SchError),
        (lambda c: c.owe(0.0, 1), sch.WrongLevelError),
        (lambda c: c.in_flight(0.0, 1), sch.WrongLevelError),
        (lambda c: c.push(0.0, 1, b"+x\r\n"), sch.WrongLevelError),
        (lambda c: c.push_elements(0.0, 1, [object()]), TypeError),
        (lambda c: c.push_elements(0.0, 1, [1 << 70]), ValueError),
        (lambda c: c.credentials(0.0, 5, "p"), TypeError),
        (lambda c: c.credentials(0.0, "u", 5), TypeError),
        (lambda c: c.effective_timeout(-1.0), sch.ArgumentError),
        (lambda c: c.effective_timeout("1"), TypeError),
        (lambda c: c.set_log_level(77), sch.ArgumentError),
        (lambda c: c.dial(0.0, -1), sch.ArgumentError),
        (lambda c: c.fence(0.0, "x", True), TypeError),
        (lambda c: c.salvage(), sch.UnexpectedError),
    ],
)
def test_wrong_arguments(use: Callable[[Any], Any], wanted: Any) -> None:
    conn = connected()
    before = conn.counters()
    with pytest.raises(wanted):
        use(conn)
    assert conn.counters() == before and conn.current == 1
    assert conn.submit(0.0, HELLO).write_now == len(HELLO)


def test_errors_say_what_to_do_and_carry_the_status() -> None:
    conn = connected()
    with pytest.raises(sch.UnexpectedError, match="SWAP") as caught:
        conn.swapped(0.0)
    assert caught.value.status is sch.Status.ERR_UNEXPECTED
    assert conn.last_error() == str(caught.value)
    conn.close(0.0)
    with pytest.raises(sch.ClosedError):
        conn.tick(0.0)


@pytest.mark.parametrize(
    "settings, wanted",
    [
        ({"port": 0}, sch.ConfigError),
        ({"port": 1 << 16}, sch.ArgumentError),
        ({"port": "6379"}, TypeError),
        ({"host": 5}, TypeError),
        ({"host": "a\0b"}, sch.ArgumentError),
        ({"tls": 1}, TypeError),
        ({"relaxed_timeout": -1.0}, sch.ArgumentError),
        ({"relaxed_timeout": math.nan}, sch.ArgumentError),
        ({"relaxed_timeout": "10"}, TypeError),
        ({"mode": 77}, sch.ArgumentError),
        ({"limits": {77: 1}}, sch.ArgumentError),
        ({"limits": {sch.Limit.MAX_MARKS: -1}}, sch.ArgumentError),
        ({"allowed_endpoints": ["a/b/c"]}, sch.ArgumentError),
        ({"allowed_endpoints": "redis.example.com"}, TypeError),
        ({"level": 9}, ValueError),
        ({"level_in": sch.Level.MANAGED}, sch.ArgumentError),
        ({"level_in": sch.Level.NOTIFIED}, sch.ConfigError),
        ({"log_level": 9}, sch.ArgumentError),
        ({"lib_info": ("a", 1)}, TypeError),
    ],
)
def test_wrong_settings(settings: Any, wanted: Any) -> None:
    with pytest.raises(wanted):
        sch.Connection(sch.Config(**settings))


def test_an_iterator_of_allowed_endpoints_counts_for_every_connection() -> None:
    """The second one, too, must not follow a MOVING to elsewhere."""
    config = sch.Config(allowed_endpoints=(name for name in ["a", "c"]))
    for _ in range(2):
        conn = active(replace(config, host="a", port=1))
        conn.receive(0.0, 1, MOVING)
        assert not [a for a in conn.actions() if isinstance(a, sch.Open) and a.host == "b"]


def test_a_small_time_does_not_become_none_at_all() -> None:
    """0 turns relaxing off: 0.4 ms must not."""
    assert sch.Config(relaxed_timeout=0.0004).problem() is None
    conn = sch.Connection(sch.Config(host="a", port=1, relaxed_timeout=0.0004))
    assert conn.effective_timeout(0.25) == 0.25
    assert sch.Config(port=0).problem()


def test_the_deadline_is_never_too_early() -> None:
    """A loop that ticks at the deadline must not find that it is not yet due: it would spin."""
    from sch._time import deadline, to_ns

    for ns in (0, 1, 999_999_999, 10**18 + 1, 2**53 + 1, 2**60 + 12345, 1_234_567_890_123_456_789):
        assert to_ns(deadline(ns)) >= ns


def test_no_settings_and_wrong_ones() -> None:
    with pytest.raises(TypeError, match="Config"):
        sch.Connection({"host": "a"})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="log"):
        sch.Connection(log=5)  # type: ignore[arg-type]


def test_copies_and_pickles_are_refused() -> None:
    conn = connected()
    for make in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="handle"):
            make(conn)


def test_a_buffer_is_free_again_after_an_error() -> None:
    conn = connected()
    data = bytearray(b"+OK\r\n")
    try:
        conn.receive(0.0, 99, data)
    except sch.UnknownTransportError as error:
        caught = error
    data += b"grows"  # BufferError if the exception kept the buffer
    assert caught.__traceback__ is not None


def test_buffers_of_every_shape() -> None:
    import array
    import mmap

    conn = active()
    assert conn.receive(0.0, 1, b"") == (b"", 0)
    assert conn.receive(0.0, 1, bytearray()) == (b"", 0)
    text = b"$8\r\n12345678\r\n"
    conn.submit(0.0, b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" * 8)
    numbers = array.array("H")
    numbers.frombytes(text)
    area = mmap.mmap(-1, len(text))
    area.write(text)

    class Bytes(bytes):
        pass

    for data in (numbers, area, Bytes(text), memoryview(text), memoryview(bytearray(text))):
        passed, taken = conn.receive(0.0, 1, data)  # type: ignore[arg-type]
        assert taken == len(text) and passed is data
    spread = memoryview(bytes(b for two in zip(text, text) for b in two))[::2]
    passed, taken = conn.receive(0.0, 1, spread)
    assert bytes(passed) == text and taken == len(text)
    gone = memoryview(text)
    gone.release()
    with pytest.raises(ValueError):
        conn.receive(0.0, 1, gone)
    area.close()


def test_two_threads_are_told_so() -> None:
    """While one is inside, as its log function is called, another call of another thread is refused."""
    inside, go_on = threading.Event(), threading.Event()

    def log(level: sch.LogLevel, text: str) -> None:
        inside.set()
        go_on.wait(10)

    conn = active()
    conn.free()
    conn = connected(log=log)
    conn.submit(0.0, HELLO)
    conn.receive(0.0, 1, HELLO3)
    conn.wrote(0.0, 1, conn.region_len(1))
    thread = threading.Thread(target=conn.receive, args=(0.0, 1, b"+OK\r\n"))
    thread.start()
    assert inside.wait(10)
    for use in USES:
        if use.__code__.co_names[:1] != ("__enter__",):
            with pytest.raises(sch.BusyError, match="one call at a time"):
                use(conn)
    with pytest.raises(sch.BusyError):
        conn.free()
    go_on.set()
    thread.join(10)
    assert conn.is_active
    conn.free()


def test_threads_that_collide_never_mix_their_answers() -> None:
    conn = active()
    conn.submit(0.0, b"*1\r\n$4\r\nPING\r\n" * 20000)
    wrong: List[Any] = []
    done = [0]

    def use(size: int) -> None:
        data = b"$%d\r\n%s\r\n" % (size, b"x" * size)
        for _ in range(3000):
            try:
                passed, taken = conn.receive(0.0, 1, data)
            except sch.BusyError:
                continue
            done[0] += 1
            if passed is not data or taken != len(data):
                wrong.append((passed, taken))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=use, args=(10 * (i + 1),)) for i in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
    finally:
        sys.setswitchinterval(before)
    assert wrong == [] and done[0] > 1000


def test_calls_from_the_log_function_are_refused_and_its_exceptions_do_not_undo_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raised: List[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: raised.append(args.exc_value))

    made: List[sch.Connection] = []

    def log(level: sch.LogLevel, text: str) -> None:
        for conn in made:
            conn.tick(0.0)

    conn = connected(log=log)
    made.append(conn)
    conn.submit(0.0, HELLO)
    conn.receive(0.0, 1, HELLO3)
    conn.wrote(0.0, 1, conn.region_len(1))
    assert conn.receive(0.0, 1, b"+OK\r\n") == (b"", 5)
    assert conn.is_active and conn.receive(0.0, 1, MOVING) == (b"", len(MOVING))
    assert len(raised) >= 2 and all(isinstance(e, sch.BusyError) for e in raised)


def test_lines_go_to_the_logger(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "sch"):
        conn = active()
        conn.receive(0.0, 1, MOVING)
    assert any("type=MOVING" in r.getMessage() and r.levelno == logging.INFO for r in caplog.records)
    assert all(r.levelno > logging.DEBUG for r in caplog.records)
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "sch"):
        conn.set_log_level(sch.LogLevel.NONE)
        conn.receive(0.0, 1, MOVING.replace(b":7", b":8"))
    assert caplog.records == []


def test_the_garbage_collector_frees_handles_also_in_cycles(monkeypatch: pytest.MonkeyPatch) -> None:
    holder: List[Any] = []

    def log(level: sch.LogLevel, text: str) -> None:
        holder.append(level)

    conn = connected(log=log)
    holder.append(conn)  # conn -> log -> holder -> conn
    finalizer, gone = conn._finalizer, weakref.ref(conn)
    handle = conn._handle
    assert finalizer.alive and _door._live.get(handle) is conn
    del conn, log, holder
    gc.collect()
    assert gone() is None and not finalizer.alive and _door._live.get(handle) is None


def test_with_frees_also_when_it_raises() -> None:
    with pytest.raises(KeyError):
        with sch.Connection() as conn:
            raise KeyError
    assert conn.freed


def test_a_poisoned_handle_is_told_and_can_be_salvaged() -> None:
    """No call panics; what a host would see is asked of the mapping."""
    from sch._errors import fail

    for status, kind in ((-101, sch.PanicError), (-102, sch.PoisonedError), (-150, sch.FatalError), (-50, sch.SchError)):
        with pytest.raises(kind) as caught:
            fail(status, "why")
        assert type(caught.value) is kind
        assert (caught.value.status is None) == (status in (-150, -50))


def test_an_action_of_a_newer_library_is_an_action() -> None:
    from sch._actions import make
    from sch._declarations import sch_action

    conn = active()
    action = make(sch_action(kind=4711), conn._handle)
    assert type(action) is sch.Action and action.kind == 4711
    close = make(sch_action(kind=sch.ActionKind.CLOSE, transport=3, reason=99), conn._handle)
    assert isinstance(close, sch.Close) and close.reason == 99


def test_actions_are_frozen() -> None:
    conn = active()
    conn.receive(0.0, 1, MOVING)
    action = conn.poll_action()
    with pytest.raises(AttributeError):
        action.timeout = 1.0  # type: ignore[union-attr,misc]


def test_as_many_bytes_are_not_the_same_bytes() -> None:
    """What libsch kept back comes first: of the length of what was given, and not it."""
    conn = active()
    assert conn.receive(0.0, 1, b">1\r\n+A") == (b"", 6)
    data = b"\r\n>1\r\n+B"
    passed, taken = conn.receive(0.0, 1, data)
    assert taken == len(data) == len(passed)
    assert bytes(passed) == b">1\r\n+A\r\n" and passed is not data


def test_at_the_end_of_the_interpreter_a_handle_in_use_is_left_alone() -> None:
    conn = connected()
    conn._idle.pop()  # a daemon thread is inside
    conn._finalizer()
    assert _library.lib.sch_conn_tick(conn._handle, 0) == sch.Status.OK
    _library.lib.sch_conn_free(conn._handle)
    with pytest.raises(sch.FreedError):
        conn.tick(0.0)


def run(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    full = {**os.environ, "PYTHONPATH": str(PACKAGE), **environment}
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code)],
        env=full, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_the_interpreter_may_end_with_live_handles() -> None:
    for _ in range(5):  # a daemon thread is somewhere else each time
        the_interpreter_ends()


def the_interpreter_ends() -> None:
    done = run(
        """
        import sch, sys, threading, atexit
        conn = sch.Connection(log=lambda *a: None)
        shared = sch.Connection()
        class Cycle: pass
        cycle = Cycle(); cycle.conn = sch.Connection(); cycle.me = cycle
        sys.keep = sch.Connection()
        conn.dial(0.0); conn.connected(0.0, 1)
        atexit.register(lambda: conn.freed or conn.tick(1.0))
        def use():
            while True:
                try:
                    shared.counters()
                except sch.FreedError:
                    return
        threading.Thread(target=use, daemon=True).start()
        """
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_a_library_that_is_not_there_or_is_none_is_told() -> None:
    done = run("import sch", SCH_LIBRARY="/nowhere/libsch.so")
    assert done.returncode == 1 and "LibraryError" in done.stderr and "SCH_LIBRARY" in done.stderr
    assert "/nowhere/libsch.so" in done.stderr
    done = run("import sch", SCH_LIBRARY="libc.so.6")
    assert done.returncode == 1 and "older than this package, or no libsch" in done.stderr


def test_an_older_library_is_refused() -> None:
    class Old:
        def __getattr__(self, name: str) -> Any:
            def export() -> int:
                return 0

            return export

    with pytest.raises(sch.LibraryError, match="ABI"):
        _library.declare(Old(), "old.so")
