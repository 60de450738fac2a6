"""A cluster in Python: the slot map, what it asks for, misuse, and many threads at once."""

from __future__ import annotations

import copy
import dataclasses
import gc
import os
import pathlib
import pickle
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from typing import Any, Callable, List, Set

import pytest
import reach
import sch
from sch import _cluster, _cluster_actions, _log

PACKAGE = pathlib.Path(sch.__file__).resolve().parents[1]
HALF = 8192
#: Slots 0 to 8191 at a:1, which has a replica a2:1, the others at b:2.
SLOTS = (
    b"*2\r\n*4\r\n:0\r\n:8191\r\n*2\r\n$1\r\na\r\n:1\r\n*2\r\n$2\r\na2\r\n:1\r\n"
    b"*3\r\n:8192\r\n:16383\r\n*2\r\n$1\r\nb\r\n:2\r\n"
)
SHARDS = (
    b"*1\r\n*4\r\n+slots\r\n*2\r\n:0\r\n:16383\r\n+nodes\r\n*1\r\n*10\r\n+id\r\n+x\r\n+port\r\n:1\r\n+endpoint\r\n+a\r\n"
    b"+role\r\n+master\r\n+health\r\n+loading\r\n"
)
#: Seq 7: slots 1 and 3 to 4 go from a:1 to b:2, slot 9000 from b:2 to c:3.
SMIGRATED = b">3\r\n+SMIGRATED\r\n:7\r\n*2\r\n*3\r\n+a:1\r\n+b:2\r\n+1,3-4\r\n*3\r\n+b:2\r\n+c:3\r\n+9000\r\n"
KIND = sch.ClusterActionKind
#: A reload follows at once, and the pauses after one that failed are known.
CONFIG = sch.Config(cluster_times={sch.ClusterTime.RELOAD_JITTER: 0.0, sch.ClusterTime.RELOAD_INTERVAL: 0.0})


def loaded() -> sch.Cluster:
    cluster = sch.Cluster(CONFIG)
    cluster.load_slots(1.0, SLOTS, "a", 1)
    assert [type(action) for action in cluster.actions()] == [sch.DialNode, sch.DialNode]
    return cluster


def test_a_map_is_asked_for_loaded_and_looked_up() -> None:
    with sch.Cluster(CONFIG) as cluster:
        assert cluster.owner(0) is None and cluster.owner_of_key(b"k") is None and cluster.last_error() is None
        cluster.ask_reload(1.0)
        cluster.tick(1.0)
        asked = list(cluster.actions())
        assert asked == [sch.ClusterReloadSlots(KIND.RELOAD_SLOTS, None, None, 0, sch.ReloadReason.HOST, 1, None)]
        cluster.load_slots(1.0, bytearray(SLOTS), "a", 1, asked[0].seq)
        a, b = cluster.owner(0), cluster.owner(16383)
        assert a and b and a != b
        assert list(cluster.actions()) == [
            sch.DialNode(KIND.DIAL_NODE, a, "a", 1), sch.DialNode(KIND.DIAL_NODE, b, "b", 2)
        ]  # fmt: skip
        assert cluster.node(a) == sch.Node("a", 1, sch.Health.ONLINE, HALF, 1, True)
        (replica,) = cluster.replicas(0)
        assert cluster.find_node("a2", 1) == replica and cluster.replicas(16383) == []
        assert cluster.node(99) is None and cluster.find_node("z", 1) is None
        assert sch.key_slot(b"{foo}bar") == sch.key_slot(memoryview(b"foo")) == 12182
        assert cluster.owner_of_key(b"foo") == b and cluster.owner(16384) is None
        counters = cluster.counters()
        assert isinstance(counters, sch.ClusterCounters) and (counters.loads, counters.reloads) == (1, 1)
    assert cluster.freed


def test_shards_have_health_and_addresses_may_be_mapped() -> None:
    with sch.Cluster(CONFIG) as cluster:
        cluster.map_address("a", "there")
        cluster.load_shards(1.0, SHARDS, "a", 1)
        owner = cluster.owner(5)
        assert owner and cluster.node(owner) == sch.Node("there", 1, sch.Health.LOADING, 16384, 0, True)
        assert cluster.find_node("a", 1) == owner


def test_an_smigrated_moves_slots_once_and_subscriptions_with_them() -> None:
    with loaded() as cluster:
        a, b = cluster.owner(0), cluster.owner(16383)
        key = next(b"%d" % n for n in range(1 << 20) if sch.key_slot(b"%d" % n) == 3)
        assert cluster.subscribe(key) == sch.Subscription(3, a)
        assert not cluster.push(2.0, b"+OK\r\n")
        assert cluster.push(2.0, SMIGRATED) and cluster.push(2.0, SMIGRATED)
        c = cluster.owner(9000)
        actions = list(cluster.actions())
        moves = (
            sch.ClusterMove(a, b, (sch.SlotRange(1, 1), sch.SlotRange(3, 4))),
            sch.ClusterMove(b, c, (sch.SlotRange(9000, 9000),)),
        )
        assert sch.ClusterSlotsMoved(KIND.SLOTS_MOVED, 7, moves) in actions
        assert sch.MoveSubscriptions(KIND.MOVE_SUBSCRIPTIONS, b or 0, a, (sch.SlotRange(3, 3),)) in actions
        assert sch.DialNode(KIND.DIAL_NODE, c or 0, "c", 3) in actions
        assert [type(x) for x in actions].count(sch.ClusterSlotsMoved) == 1
        assert (cluster.owner(3), cluster.owner(2)) == (b, a)
        assert cluster.unsubscribe(key) and not cluster.unsubscribe(key)
        assert cluster.counters().duplicate == 1


def test_a_reload_that_failed_is_asked_for_again_and_what_left_the_map_is_drained() -> None:
    with loaded() as cluster:
        cluster.push(2.0, SMIGRATED)
        now, asked = 2.0, [x for x in cluster.actions() if isinstance(x, sch.ClusterReloadSlots)]
        while len(asked) < 2:
            at = cluster.next_deadline()
            assert at is not None
            now = max(now, at)
            cluster.tick(now)
            asked += [x for x in cluster.actions() if isinstance(x, sch.ClusterReloadSlots)]
            if len(asked) == 1:
                assert (asked[0].reasons, asked[0].seq, asked[0].attempt) == (sch.ReloadReason.UNFIT, 7, 1)
                with pytest.raises(sch.NotASlotMapError, match="unknown command") as caught:
                    cluster.load_slots(now, b"-ERR unknown command\r\n", "a", 1, asked[0].seq)
                assert cluster.last_error() == str(caught.value)
                cluster.reload_failed(now)
        assert asked[1].attempt == 2 and sch.ReloadReason.FAILED in asked[1].reasons
        c = cluster.find_node("c", 3)
        cluster.load_slots(now, SLOTS, "a", 1, cluster.reload_started(now))
        drained = [x for x in cluster.actions() if isinstance(x, sch.DrainNode)]
        assert drained == [sch.DrainNode(KIND.DRAIN_NODE, c or 0, "c", 3, True)]


def test_redirections() -> None:
    with loaded() as cluster:
        b = cluster.owner(16383)
        assert cluster.redirected(2.0, b"-ERR no\r\n", "a", 1) is None
        assert cluster.redirected(2.0, b"-MOVED 5 b:2\r\n", "a", 1) == sch.Redirection(5, b, "b", 2, False)
        assert cluster.owner(5) == b
        ask = cluster.redirected(2.0, b"ASK 6 :9", "a", 1)
        assert ask == sch.Redirection(6, None, "a", 9, True) and cluster.owner(6) != b
        assert cluster.moved(2.0, 7, "b", 2) == b == cluster.owner(7)
        cluster.reload_asked(2.0, 9)
        cluster.reload_asked(2.0)
        counters = cluster.counters()
        assert (counters.moved, counters.asked) == (2, 1)


def test_what_a_connection_tells_goes_to_the_cluster() -> None:
    config = sch.Config(level=sch.Level.NOTIFIED, host="a", port=1)
    with loaded() as cluster, sch.Connection(config) as conn:
        dial = conn.dial(1.0)
        assert dial is not None
        conn.connected(1.0, dial.transport, "10.0.0.1:1")
        conn.ready(1.0, dial.transport)
        list(conn.actions())
        conn.optin_reply(1.0, dial.transport, b"+OK\r\n")
        with pytest.raises(sch.UnexpectedError):
            cluster.slots_moved(2.0, conn)
        assert conn.push(2.0, dial.transport, SMIGRATED)
        for action in conn.actions():
            if isinstance(action, sch.SlotsMoved):
                cluster.slots_moved(2.0, conn)
        assert cluster.owner(3) == cluster.owner(16383)
        conn.free()
        with pytest.raises(sch.FreedError):
            cluster.slots_moved(2.0, conn)


USES: List[Callable[[sch.Cluster], Any]] = [
    lambda c: c.map_address("x", "y"), lambda c: c.reload_started(1.0), lambda c: c.load_slots(1.0, SLOTS, "a", 1),
    lambda c: c.load_shards(1.0, SHARDS, "a", 1), lambda c: c.reload_failed(1.0), lambda c: c.ask_reload(1.0),
    lambda c: c.slots_moved(1.0, sch.Connection()), lambda c: c.reload_asked(1.0), lambda c: c.push(1.0, SMIGRATED),
    lambda c: c.redirected(1.0, b"-MOVED 5 b:2", "a", 1), lambda c: c.moved(1.0, 5, "b", 2), lambda c: c.subscribe(b"k"),
    lambda c: c.unsubscribe(b"k"), lambda c: c.tick(1.0), lambda c: c.next_deadline(), lambda c: c.poll_action(),
    lambda c: list(c.actions()), lambda c: c.owner(1), lambda c: c.owner_of_key(b"k"), lambda c: c.replicas(1),
    lambda c: c.node(1), lambda c: c.find_node("a", 1), lambda c: c.counters(), lambda c: c.last_error(),
    lambda c: c.__enter__(),
]  # fmt: skip


def test_every_function_of_the_header_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        cluster = loaded()
        for use in USES:
            try:
                use(cluster)
            except sch.UnexpectedError:
                pass  # of a connection that told nothing
        sch.key_slot(b"k")
        cluster.free()

    found = reach.called(monkeypatch, [_cluster], run)
    assert found == reach.of("sch_cluster_") | {"sch_key_slot"}


def test_a_freed_cluster_refuses_all() -> None:
    cluster = loaded()
    cluster.free()
    cluster.free()
    for use in USES:
        with pytest.raises(sch.FreedError):
            use(cluster)


WRONG: List[Any] = [
    (lambda c: c.load_slots(1.0, "text", "a", 1), TypeError), (lambda c: c.load_slots(1.0, SLOTS, b"a", 1), TypeError),
    (lambda c: c.load_slots(1.0, SLOTS, "a", 1 << 16), sch.ArgumentError), (lambda c: c.load_slots(-1.0, SLOTS, "a", 1), ValueError),
    (lambda c: c.load_slots(1.0, SLOTS, "a", 1, -1), sch.ArgumentError), (lambda c: c.load_slots(1.0, SLOTS, "", 1), sch.ArgumentError),
    (lambda c: c.load_slots(1.0, b"", "a", 1), sch.NotASlotMapError), (lambda c: c.load_shards(1.0, SLOTS, "a", 1), sch.NotASlotMapError),
    (lambda c: c.map_address("", "y"), sch.ConfigError), (lambda c: c.map_address(1, "y"), TypeError),
    (lambda c: c.slots_moved(1.0, c), TypeError), (lambda c: c.slots_moved(1.0, None), TypeError),
    (lambda c: c.push(1.0, None), TypeError), (lambda c: c.redirected(1.0, "-MOVED 5 b:2", "a", 1), TypeError),
    (lambda c: c.moved(1.0, 16384, "b", 2), sch.ConfigError), (lambda c: c.moved(1.0, -1, "b", 2), sch.ArgumentError),
    (lambda c: c.moved(1.0, "5", "b", 2), TypeError), (lambda c: c.owner(1 << 16), sch.ArgumentError),
    (lambda c: c.owner(1.5), TypeError), (lambda c: c.owner_of_key("k"), TypeError), (lambda c: c.subscribe("k"), TypeError),
    (lambda c: c.node(-1), sch.ArgumentError), (lambda c: c.find_node(None, 1), TypeError), (lambda c: c.tick("1"), TypeError),
    (lambda c: sch.key_slot("k"), TypeError), (lambda c: pickle.dumps(c), TypeError), (lambda c: copy.copy(c), TypeError),
    (lambda c: sch.Cluster("config"), TypeError),
    (lambda c: sch.Cluster(sch.Config(cluster_times={sch.ClusterTime.RELOAD_TIMEOUT: 0.0})), sch.ConfigError),
    (lambda c: sch.Cluster(sch.Config(cluster_times={77: 1.0})), sch.ArgumentError),
    (lambda c: sch.Cluster(sch.Config(cluster_times={sch.ClusterTime.BACKOFF_MIN: -1.0})), sch.ArgumentError),
]  # fmt: skip


@pytest.mark.parametrize("which", range(len(WRONG)))
def test_wrong_values_are_refused_and_the_map_stays(which: int) -> None:
    call, error = WRONG[which]
    with loaded() as cluster:
        before = [cluster.owner(slot) for slot in range(0, 16384, 100)]
        with pytest.raises(error):
            call(cluster)
        assert [cluster.owner(slot) for slot in range(0, 16384, 100)] == before


def test_a_call_within_a_call_may_not_free_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a signal handler might, between the door and the library."""
    cluster, seen = loaded(), []
    lookup = _cluster.lib.sch_cluster_owner

    class Between:
        def sch_cluster_owner(self, *arguments: Any) -> int:
            with pytest.raises(sch.BusyError):
                cluster.free()
            seen.append(cluster.counters().loads)
            return int(lookup(*arguments))

        def __getattr__(self, name: str) -> Any:
            return getattr(sch._library.lib, name)

    monkeypatch.setattr(_cluster, "lib", Between())
    assert cluster.owner(0) is not None and seen == [1]
    monkeypatch.undo()
    cluster.free()


def test_between_a_failure_and_its_text_no_other_call_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    with loaded() as cluster:
        came: List[bool] = []

        class Between:
            def sch_cluster_last_error(self, *arguments: Any) -> int:
                other = threading.Thread(target=lambda: came.append(cluster._door.acquire(blocking=False)))
                other.start()
                other.join()
                return int(sch._library.lib.sch_cluster_last_error(*arguments))

            def __getattr__(self, name: str) -> Any:
                return getattr(sch._library.lib, name)

        monkeypatch.setattr(_cluster, "lib", Between())
        with pytest.raises(sch.NotASlotMapError):
            cluster.load_slots(1.0, b"-ERR x\r\n", "a", 1)
        assert came == [False]


def test_the_garbage_collector_frees_it() -> None:
    cluster = loaded()
    gone = weakref.ref(cluster)
    del cluster
    assert gone() is None
    gc.collect()


def test_the_end_of_the_interpreter_frees_it_with_a_thread_inside() -> None:
    code = """
        import threading, sch
        cluster, begun = sch.Cluster(), threading.Event()
        def work():
            while True:
                cluster.ask_reload(1.0)
                cluster.owner_of_key(b"k")
                begun.set()
        threading.Thread(target=work, daemon=True).start()
        assert begun.wait(10)
        kept = sch.Cluster()
    """
    environment = dict(os.environ, PYTHONPATH=str(PACKAGE))
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_threads_look_up_patch_load_and_poll_at_once() -> None:
    """Each SMIGRATED is told to one of those who poll; every error has the text of its own call."""
    rounds, readers = 60, 3
    cluster, failures, done = loaded(), [], threading.Event()
    told: List[int] = []

    def guarded(work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)

        return threading.Thread(target=run)

    def read() -> None:
        for seq in range(10, 10 + rounds):
            cluster.push(2.0, SMIGRATED.replace(b":7", b":%d" % seq))
            time.sleep(0)

    def look() -> None:
        while not done.is_set():
            for key in (b"a", b"b", b"{c}d"):
                assert cluster.owner_of_key(key)
            node = cluster.owner(3)
            assert node and cluster.node(node)

    def poll() -> None:
        while not done.is_set():
            told.extend(x.seq or 0 for x in cluster.actions() if isinstance(x, sch.ClusterSlotsMoved))

    def err(call: Callable[[], Any], text: str) -> Callable[[], None]:
        def work() -> None:
            while not done.is_set():
                with pytest.raises(sch.SchError, match=text):
                    call()

        return work

    loops: List[Callable[[], None]] = [look, poll, poll]
    loops.append(err(lambda: cluster.load_slots(2.0, b"-LOADING\r\n", "a", 1), "LOADING"))
    loops.append(err(lambda: cluster.map_address("", "y"), "address|endpoint|host"))
    around = [guarded(work) for work in loops]
    inside = [guarded(read) for _ in range(readers)]
    for thread in around + inside:
        thread.start()
    for thread in inside:
        thread.join()
    done.set()
    for thread in around:
        thread.join()
    assert failures == []
    told += [x.seq or 0 for x in cluster.actions() if isinstance(x, sch.ClusterSlotsMoved)]
    seen: Set[int] = set(told)
    dropped = cluster.counters().events_dropped
    assert len(told) == len(seen) and len(seen) + dropped <= rounds
    assert cluster.counters().smigrated == rounds * readers
    cluster.free()


def test_every_kind_of_action_is_a_frozen_class() -> None:
    assert set(_cluster_actions.MAKE) == set(sch.ClusterActionKind)
    kinds = sch.ClusterAction.__subclasses__()
    assert len(kinds) == len(sch.ClusterActionKind)
    assert all(kind.__dataclass_params__.frozen and dataclasses.is_dataclass(kind) for kind in kinds)  # type: ignore[attr-defined]


def test_the_log_of_a_cluster_comes_to_a_function_that_may_wait_for_others_who_use_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raised: List[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: raised.append(args.exc_value))
    lines: List[str] = []
    held: List[sch.Cluster] = []

    def log(level: sch.LogLevel, text: str) -> None:
        other = threading.Thread(target=lambda: held[0].moved(1.0, 1, "x", len(lines) + 1))
        if len(lines) < 3:
            before = len(lines)
            other.start()
            other.join(10)
            assert not other.is_alive() and len(lines) == before, "it leaves its line to this thread"
        lines.append(text)
        raise KeyError

    with sch.Cluster(dataclasses.replace(CONFIG, log_level=sch.LogLevel.DEBUG), log=log) as cluster:
        held.append(cluster)
        with pytest.raises(sch.NotASlotMapError, match="LOADING"):
            cluster.load_slots(1.0, b"-LOADING\r\n", "a", 1)
        assert lines[0] == "event=load-refused why=error-reply reply=LOADING"
        moved = [f"event=moved slot=1 endpoint=x:{n + 1} node={n + 1} known=false" for n in range(3)]
        assert [line for line in lines if "moved" in line] == moved
        assert len(raised) == len(lines) and all(isinstance(error, KeyError) for error in raised)
        cluster.set_log_level(sch.LogLevel.NONE)
        lines.clear()
        cluster.load_slots(1.0, SLOTS, "a", 1)
        assert lines == []
    with pytest.raises(TypeError, match="log"):
        sch.Cluster(log=5)  # type: ignore[arg-type]


def test_lines_that_wait_for_a_log_function_are_bounded() -> None:
    later, lines = _log.Later(), []  # type: ignore[var-annotated]

    def log(level: sch.LogLevel, text: str) -> None:
        if not lines:
            for n in range(_log._MOST + 7):
                later.add(level, str(n))
            later.tell(log)  # another thread, which finds this one
        lines.append(text)

    later.add(sch.LogLevel.INFO, "first")
    later.tell(log)
    assert lines[:2] == ["first", "0"] and lines[-1] == "event=log-lines-dropped count=7"
    assert len(lines) == _log._MOST + 2
