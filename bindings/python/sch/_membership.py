"""A connection as the member of a pool."""

from __future__ import annotations

from ctypes import byref, c_bool, c_uint64
from typing import Optional

from ._config import whole
from ._declarations import Unowned
from ._door import Door, utf8
from ._library import lib
from ._pool import Pool, Waiter
from ._time import to_ns


class Membership(Door):
    """What it says to its pool, and hears of it."""

    __slots__ = ()

    def join(
        self, now: float, pool: Pool, *, user: int = 0, unowned: Unowned = Unowned.RETIRE, node: Optional[str] = None
    ) -> None:
        """Becomes a member of `pool`, owned by a user. `user` is what you call it, for events; `unowned`: what becomes of
        it when its node moves and nobody owns it; `node` is host:port where you know better than `connected` says."""
        if not isinstance(pool, Pool):
            raise TypeError(f"pool is a sch.Pool, not {type(pool).__name__}")
        moment, name = to_ns(now), b"" if node is None else utf8("node", node)
        numbers = whole("unowned", unowned, 31), whole("user", user, 64)
        with pool._used() as handle:
            self._call(lib.sch_conn_join, moment, handle, *numbers, name, len(name))
        self._pool = pool

    def leave(self, now: float) -> None:
        """Leaves its pool. A handoff that waited for its turn begins at once."""
        self._call(lib.sch_conn_leave, to_ns(now))
        self._pool = None

    def take(self, now: float, waiter: Optional[Waiter] = None) -> None:
        """A user owns it from here on; `waiter` is woken for its mail, None: ask `has_mail`. Drain the actions."""
        pool = self._pool
        which = 0 if pool is None else pool._number(waiter)
        self._call(lib.sch_conn_take, to_ns(now), which)

    def give(self, now: float) -> None:
        """Nobody owns it: it rests, and its mail waits until it is taken."""
        self._call(lib.sch_conn_give, to_ns(now))

    @property
    def has_mail(self) -> bool:
        """Whether there is mail: then `tick` and drain the actions."""
        out = c_bool()
        self._look(lib.sch_conn_has_mail, byref(out))
        return out.value

    @property
    def member(self) -> int:
        """Its number in events, never 0 and never used again."""
        out = c_uint64()
        self._look(lib.sch_conn_member, byref(out))
        return out.value
