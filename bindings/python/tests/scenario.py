"""Replays a scenario file on a sch.Connection, as tests/support/scenario.rs does. The format: tests/scenarios/README.md."""

from __future__ import annotations

import ctypes
from ctypes import c_size_t
from dataclasses import replace
from typing import Any, Callable, Dict, List, Tuple

import sch
from sch._declarations import sch_span
from sch._library import lib

#: Words that Rust knows and no file of tests/scenarios/ may use (those of tests/scenarios/pool/ are Rust's), and why.
RUST_ONLY = {
    "push_head": "a push cut at a limit: in C the element builder cuts it itself, no call takes the cut bytes",
    "joined": "the core's side of a pool; in C sch_conn_join does it",
    "left": "the core's side of a pool; in C sch_conn_leave does it",
    "told": "what a pool tells a member; in C the pool does so itself",
    "heard": "what a member tells its pool; in C the pool listens itself",
}

HELLO3 = b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n"
HELLO2 = b"*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:2\r\n"


def duration(text: str) -> float:
    digits = text.rstrip("nmus")
    return float(digits) * {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "": 1e-9}[text[len(digits):]]


def shown(seconds: float) -> str:
    """As Rust shows a Duration."""
    ns = round(seconds * 1e9)
    for size, unit in ((10**9, "s"), (10**6, "ms"), (10**3, "µs")):
        if ns >= size:
            fraction = f"{ns % size:0{len(str(size)) - 1}}".rstrip("0")
            return f"{ns // size}{'.' + fraction if fraction else ''}{unit}"
    return f"{ns}ns"


def unescape(text: str) -> bytes:
    out, raw, at = bytearray(), text.encode(), 0
    while at < len(raw):
        if raw[at] != ord("\\"):
            out.append(raw[at])
            at += 1
            continue
        kind = raw[at + 1 : at + 2]
        at += 2
        if kind == b"x":
            out.append(int(raw[at : at + 2], 16))
            at += 2
        elif kind == b"f":
            end = raw.index(b";", at)
            out += b"x" * int(raw[at:end])
            at = end + 1
        else:
            out += {b"r": b"\r", b"n": b"\n", b"s": b" "}.get(kind, kind)
    return bytes(out)


def escaped(data: bytes) -> str:
    known = {9: "\\t", 13: "\\r", 10: "\\n", 39: "\\'", 34: '\\"', 92: "\\\\"}
    return "".join(known.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}") for b in data)


def bulk(text: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text)


def is_integer(text: str) -> bool:
    digits = text[1:] if text[:1] in "+-" else text
    return digits.isdigit() and digits.isascii()


def elements(kind: str, text: str) -> bytes:
    parts = text.split(",") if text else []
    out = f"{kind}{len(parts)}\r\n".encode()
    for part in parts:
        if part == "_":
            out += b"_\r\n"
        elif is_integer(part):
            out += f":{part}\r\n".encode()
        else:
            out += bulk(unescape(part.replace(";", ",")))
    return out


def token(text: str) -> bytes:
    if text == "hello3":
        return HELLO3
    if text == "hello2":
        return HELLO2
    if text.startswith("raw:"):
        return unescape(text[4:])
    if text[:1] in (">", "*", "|"):
        return elements(text[0], text[1:])
    if text.startswith("$"):
        return bulk(unescape(text[1:]))
    return unescape(text) + b"\r\n"


def commands(text: str) -> bytes:
    out = b""
    for command in text.split(" | "):
        args = command.split()
        out += b"*%d\r\n" % len(args) + b"".join(bulk(unescape(a)) for a in args)
    return out


def word(member: Any) -> str:
    return str(member.name).lower().replace("_", "")


ON_LOSS = {"reply": sch.OnLoss.REPLY, "close": sch.OnLoss.CLOSE}
MODES = {"enabled": sch.Mode.ENABLED, "disabled": sch.Mode.DISABLED}
LOGS = {"error": sch.LogLevel.ERROR, "warn": sch.LogLevel.WARN, "info": sch.LogLevel.INFO}
#: key of `config` -> field of Config and how its value is read
SETTINGS: Dict[str, Tuple[str, Callable[[str], Any]]] = {
    "level": ("level", lambda v: sch.Level(int(v))),
    "level-in": ("level_in", lambda v: sch.Level[v.upper()]),
    "mode": ("mode", lambda v: MODES.get(v, sch.Mode.AUTO)),
    "handshake": ("handshake", lambda v: sch.Handshake.BY_LIBSCH if v == "libsch" else sch.Handshake.SEEN),
    "host": ("host", str),
    "port": ("port", int),
    "tls": ("tls", lambda v: v == "yes"),
    "type": ("endpoint_type", lambda v: sch.EndpointType[v.upper().replace("-", "_")]),
    "on-loss": ("on_loss", lambda v: ON_LOSS.get(v, sch.OnLoss.REPORT)),
    "blocking": ("blocking", lambda v: sch.Blocking.SWAP if v == "swap" else sch.Blocking.WAIT_FOR_CLOSE),
    "reset-parser": ("can_reset_parser", lambda v: v == "yes"),
    "keep-credentials": ("keep_credentials", lambda v: v == "yes"),
    "username": ("username", lambda v: unescape(v).decode()),
    "password": ("password", unescape),
    "name": ("client_name", unescape),
    "lib": ("lib_info", lambda v: tuple(unescape(v).decode().split("/", 1))),
    "tls-name": ("tls_server_name", str),
    "seed": ("seed", int),
    "db": ("database", int),
    "log": ("log_level", lambda v: LOGS.get(v, sch.LogLevel.DEBUG)),
    "relaxed": ("relaxed_timeout", duration),
}
for key in ("post-handoff",):
    SETTINGS[key] = ("post_handoff_relaxed", duration)
for key in ("migration-window", "failover-window", "handoff-timeout", "drain-grace", "hold-timeout", "keep-trying",
            "overlap", "connect-budget", "mark-age", "moving-extra", "backoff-min", "backoff-max", "attempt-min",
            "refusal-memory", "optin-retry"):  # fmt: skip
    SETTINGS[key] = (key.replace("-", "_"), duration)
#: Limits whose key is not their name.
LIMITS = {
    "max-depth": sch.Limit.MAX_REPLY_DEPTH,
    "max-bulk-len": sch.Limit.MAX_REPLY_BULK,
    "max-line-len": sch.Limit.MAX_REPLY_LINE,
    "max-elements": sch.Limit.MAX_REPLY_ELEMENTS,
    "max-args": sch.Limit.MAX_COMMAND_ARGS,
    "max-command-bulk-len": sch.Limit.MAX_COMMAND_BULK,
    "max-inline-len": sch.Limit.MAX_COMMAND_INLINE,
    "max-kept-len": sch.Limit.MAX_COMMAND_KEPT,
}
POLICIES = {"any": sch.EndpointPolicy.ANY, "domain": sch.EndpointPolicy.CONFIGURED_DOMAIN}
FENCES = {"transaction": sch.Fence.TRANSACTION, "blocking": sch.Fence.BLOCKING, "other": sch.Fence.OTHER}


class Runner:
    """`step` bytes at a time (0: all), each handed over as `buffer` makes it of bytes."""

    def __init__(self, step: int, buffer: Callable[[bytes], Any]) -> None:
        self.made: Any = None
        self.config = sch.Config(host="a", port=1, log_level=sch.LogLevel.NONE)
        self.now, self.step, self.buffer, self.auto_wrote = 0.0, step, buffer, True
        #: Only actions are said, as a trace says them.
        self.only_actions = False
        #: What `take` left.
        self.left = b""
        self.out: List[str] = []
        self.lines: List[str] = []
        #: How often all of it passed, and how often that was the same object.
        self.whole = self.same = 0

    @property
    def conn(self) -> sch.Connection:
        if self.made is None:
            self.made = sch.Connection(self.config, log=lambda level, text: self.lines.append(f"{word(level)} {text}"))
        conn: sch.Connection = self.made
        return conn

    def configure(self, text: str) -> None:
        for pair in text.split():
            key, value = pair.split("=", 1)
            if key == "wrote":
                self.auto_wrote = value == "auto"
            elif key == "say":
                self.only_actions = value == "actions"
            elif key == "policy" and value not in POLICIES:
                value = value.replace("suffix:", ".")
                self.config = replace(self.config, allowed_endpoints=value.split(","))
            elif key == "policy":
                self.config = replace(self.config, endpoint_policy=POLICIES[value])
            elif key.startswith("max-"):
                limits = {**self.config.limits, LIMITS.get(key) or sch.Limit[key.upper().replace("-", "_")]: int(value)}
                self.config = replace(self.config, limits=limits)
            else:
                name, read = SETTINGS[key]
                self.config = replace(self.config, **{name: read(value)})

    def say(self, line: str) -> None:
        if not self.only_actions:
            self.out.append(line)

    def answer(self, call: Callable[..., Any], *args: Any) -> Any:
        try:
            return call(*args)
        except sch.SchError as error:
            self.say(f"error {error}")
            return None

    def actions(self) -> None:
        for action in self.conn.actions():
            line = str(action)
            if self.only_actions:
                self.out.append(line)
                continue
            if isinstance(action, (sch.Write, sch.Flush)):
                data = self.conn.region(action.transport)
                self.say(f'{line} "{escaped(data)}"')
                if self.auto_wrote and data:
                    self.answer(self.conn.wrote, self.now, action.transport, len(data))
                continue
            if isinstance(action, (sch.SendOptin, sch.HandBack)) or isinstance(action, sch.Lost) and action.data:
                line += f' "{escaped(action.data)}"'
            self.say(line)

    def receive(self, transport: int, data: bytes) -> None:
        passed = b""
        step = self.step or max(len(data), 1)
        at, start = 0, len(self.out)
        while at < len(data) or not data:
            if any(line.startswith(f"close {transport} ") for line in self.out[start:]):
                break  # a host that has closed it reads no more
            end = min(at + step, len(data))
            piece = self.buffer(data[at:end])
            try:
                span, consumed = self.conn.receive(self.now, transport, piece)
            except sch.SchError as error:
                self.say(f"error {error}")
                break
            if len(span) == end - at and consumed == end - at and data:
                self.whole += 1
                self.same += span is piece
            passed += bytes(span)
            if passed and (consumed < end - at or end == len(data)):
                self.say(f'pass "{escaped(passed)}"')
                passed = b""
            before = len(self.out)
            self.actions()
            if consumed == 0 and len(span) == 0 and len(self.out) == before:
                if end > at:
                    self.say(f"left {len(data) - at}")
                break
            at += consumed
            if not data:
                break
        if passed:
            self.say(f'pass "{escaped(passed)}"')

    def take(self, transport: int, room: int, data: bytes) -> None:
        """One call with an array of `room` spans. Connection always has room for 16: this asks the library itself."""
        spans, taken, count = (sch_span * room)(), c_size_t(), c_size_t()
        given = ctypes.create_string_buffer(data, len(data))
        at = ctypes.addressof(given)
        pointers = ctypes.cast(at, ctypes.c_char_p), len(data), spans, room, taken, count
        if self.answer(self.conn._call, lib.sch_conn_receive, round(self.now * 1e9), transport, *pointers) is None:
            return
        for span in spans[: count.value]:
            of_input = at <= (span.data or 0) <= at + len(data)
            passed = ctypes.string_at(span.data, span.len)
            self.say(f'span {"input" if of_input else "owned"} "{escaped(passed)}"')
        self.say(f"took {taken.value} of {len(data)}")
        self.left = data[taken.value :]

    def submit(self, data: bytes) -> None:
        s = self.answer(self.conn.submit, self.now, self.buffer(data))
        if s is None:
            return
        line = f"first={s.first} count={s.commands}"
        if s.write_now:
            line += f" write-now={s.write_now} to={s.transport}"
        if s.held:
            line += f" held={s.held}"
        if len(data) > s.write_now + s.held:
            line += f" not-taken={len(data) - s.write_now - s.held}"
        self.say(line)

    def input(self, line: str) -> None:
        name, _, rest = line.partition(" ")
        args = rest.split()
        conn = None if name == "config" else self.conn
        question = getattr(self, f"ask_{name}", None)
        if name == "config":
            self.configure(rest)
        elif name == "at":
            self.now = duration(args[0])
        elif question:
            question(args)
        else:
            getattr(self, f"on_{name.replace('-', '_')}")(conn, args, rest)
            self.actions()

    # Inputs

    def on_tick(self, conn: Any, args: List[str], rest: str) -> None:
        if args:
            self.now = duration(args[0])
        self.answer(conn.tick, self.now)

    def on_dial(self, conn: Any, args: List[str], rest: str) -> None:
        before = len(self.out)
        d = self.answer(conn.dial, self.now, int(args[0]) if args else 0)
        if d:
            self.dialled(d)
        elif len(self.out) == before:
            self.say("no more")

    def dialled(self, d: sch.Dial) -> None:
        host = f"[{d.host}]" if ":" in d.host else d.host
        tls = f" tls={d.tls_server_name}" if d.tls_server_name is not None else ""
        self.say(f"transport {d.transport} {host}:{d.port}{tls}")

    def on_dial_to(self, conn: Any, args: List[str], rest: str) -> None:
        host, _, port = args[0].rpartition(":")
        d = self.answer(conn.dial_to, self.now, host.strip("[]"), int(port))
        if d:
            self.dialled(d)

    def on_take(self, conn: Any, args: List[str], rest: str) -> None:
        self.take(int(args[0]), int(args[1]), b"".join(token(t) for t in args[2:]))

    def on_rest(self, conn: Any, args: List[str], rest: str) -> None:
        self.take(int(args[0]), int(args[1]), self.left)

    def on_connected(self, conn: Any, args: List[str], rest: str) -> None:
        self.answer(conn.connected, self.now, int(args[0]), args[1] if len(args) > 1 else None)

    def on_closed(self, conn: Any, args: List[str], rest: str) -> None:
        unwritten = b""
        if len(args) > 1:
            unwritten = unescape(args[1][4:]) if args[1].startswith("raw:") else commands(rest.partition(" ")[2])
        self.answer(conn.closed, self.now, int(args[0]), self.buffer(unwritten))

    def on_submit(self, conn: Any, args: List[str], rest: str) -> None:
        self.submit(commands(rest))

    def on_submit_raw(self, conn: Any, args: List[str], rest: str) -> None:
        self.submit(unescape(rest))

    def on_receive(self, conn: Any, args: List[str], rest: str) -> None:
        self.receive(int(args[0]), b"".join(token(t) for t in args[1:]))

    def on_push(self, conn: Any, args: List[str], rest: str) -> None:
        swallowed = self.answer(conn.push, self.now, int(args[0]), self.buffer(token(args[1])))
        if swallowed is not None:
            self.say("swallowed" if swallowed else "yours")

    def on_optin_reply(self, conn: Any, args: List[str], rest: str) -> None:
        self.answer(conn.optin_reply, self.now, int(args[0]), self.buffer(token(" ".join(args[1:]))))

    def on_cancel(self, conn: Any, args: List[str], rest: str) -> None:
        withdrawn = self.answer(conn.cancel, self.now, int(args[0]))
        if withdrawn is not None:
            self.say("withdrawn" if withdrawn else "toolate")

    def on_owe(self, conn: Any, args: List[str], rest: str) -> None:
        self.answer(conn.owe, self.now, int(args[1]), int(args[0]))

    def on_fence(self, conn: Any, args: List[str], rest: str) -> None:
        self.answer(conn.fence, self.now, FENCES.get(args[0], sch.Fence.NO_HANDOFF), args[1] == "open")

    def on_credentials(self, conn: Any, args: List[str], rest: str) -> None:
        user = "" if args[0] == "-" else unescape(args[0]).decode()
        self.answer(conn.credentials, self.now, user, unescape(args[1]) if len(args) > 1 else b"")

    def __getattr__(self, name: str) -> Any:
        """All other inputs: the method of that name, and numbers."""
        if not name.startswith("on_"):
            raise AttributeError(name)
        call = getattr(sch.Connection, name[3:])
        return lambda conn, args, rest: self.answer(call, conn, self.now, *map(int, args))

    # Questions

    def ask_timeout(self, args: List[str]) -> None:
        effective = self.conn.effective_timeout(None if args[0] == "infinite" else duration(args[0]))
        self.say("infinite" if effective is None else shown(effective))

    def ask_deadline(self, args: List[str]) -> None:
        at = self.conn.next_deadline()
        self.say("none" if at is None else shown(at))

    def ask_wait_on(self, args: List[str]) -> None:
        for w in self.conn.wait_on():
            names = [name for name in ("connecting", "read", "write") if getattr(w, name)]
            self.say(f"{w.transport} {' '.join(names)}")

    def ask_log(self, args: List[str]) -> None:
        for line in self.lines:
            self.say(line)
        self.lines.clear()

    def ask_phase(self, args: List[str]) -> None:
        self.say(word(self.conn.phase))

    def ask_counter(self, args: List[str]) -> None:
        counters = self.conn.counters()
        for name in args:
            self.say(f"{name} {getattr(counters, name)}")


def replay(text: str, runner: Runner) -> str:
    """The file as it should be."""
    out = []
    for block in text.rstrip().split("\n\n"):
        inputs = block.split("\n----")[0]
        runner.out.clear()
        for line in inputs.split("\n"):
            if line.strip() and not line.strip().startswith("#"):
                runner.input(line.strip())
        said = "----\n" + "\n".join(runner.out) if runner.out else ""
        out.append(f"{inputs}\n{said}".rstrip("\n"))
    return "\n\n".join(out) + "\n"
