"""Where the bytes of a stream's writer are until a socket has them: with libsch, which may hold them or be at a limit; given to
write; or in a region of libsch's own.
"""

from __future__ import annotations

from typing import Callable, Dict, Optional, Set

from ._connection import Connection
from ._errors import NotConnectedError
from ._memory import Buffer
from ._wire import Wire

#: What is copied out of a region at once.
_CHUNK = 1 << 16


class Output:
    """The writing half of `Core`."""

    def __init__(self, conn: Connection, clock: Callable[[], float]) -> None:
        self.conn = conn
        self.is_over = False
        #: Bytes of the writer that libsch has not taken: it is at a limit, RESUME follows.
        self.untaken = bytearray()
        self.wires: Dict[int, Wire] = {}
        #: What `submit` gave to write and the socket did not take.
        self._unwritten: Dict[int, bytearray] = {}
        #: Transports whose region may have bytes.
        self._regions: Set[int] = set()
        self._clock = clock
        self._held = 0
        self._look_for_end = False

    # What `Core` does with what is found here -----------------------------------------------------------------------

    def settle(self) -> None:
        raise NotImplementedError

    def _actions(self) -> None:
        raise NotImplementedError

    def _read_from(self, wire: Wire) -> bool:
        raise NotImplementedError

    def _closed(self, wire: Wire, error: Optional[Exception]) -> None:
        raise NotImplementedError

    # Writing --------------------------------------------------------------------------------------------------------

    def write(self, data: Buffer) -> None:
        """Bytes of commands, in any pieces."""
        if self.is_over:
            raise ConnectionResetError("the stream is over")
        if isinstance(data, memoryview) and not data.c_contiguous:
            data = data.tobytes()
        if self.untaken:
            self.untaken += data
        else:
            self._submit(data)
            self.settle()

    def _submit(self, data: Buffer) -> None:
        try:
            done = self.conn.submit(self._clock(), data)
        except NotConnectedError:
            self._look_for_end = True
            return
        view = memoryview(data).cast("B")  # contiguous: `write` has seen to it
        if done.write_now:
            waiting = self._unwritten.setdefault(done.transport, bytearray())
            waiting += view[: done.write_now]
            wire = self.wires.get(done.transport)
            if wire is not None and len(waiting) == done.write_now:
                self._write_to(wire)
        if done.held:
            self._note_held(done.held)
        rest = view[done.write_now + done.held :]
        if rest:
            self.untaken[:0] = rest

    def _note_held(self, held: int) -> None:
        """Held bytes are in the region of the current transport already, or libsch keeps them until FLUSH."""
        current = self.conn.current
        if current is not None and self.conn.region_len(current):
            self._regions.add(current)
        else:
            self._held += held

    def _write_to(self, wire: Wire) -> None:
        """First what `submit` gave, then libsch's own region."""
        try:
            if self._write_unwritten(wire):
                while wire.transport in self._regions and self._write_region(wire):
                    pass
                wire.send_own()
        except OSError as error:
            # Replies may have come before it died: they count.
            while self.wires.get(wire.transport) is wire and self._read_from(wire):
                self._actions()
            if self.wires.get(wire.transport) is wire:
                self._closed(wire, error)

    def _write_unwritten(self, wire: Wire) -> bool:
        waiting = self._unwritten.get(wire.transport)
        if waiting:
            sent = wire.send(waiting)
            del waiting[:sent]
        return not waiting

    def _write_region(self, wire: Wire) -> bool:
        """False: it is empty, or the socket takes no more."""
        data = self.conn.region(wire.transport, _CHUNK)
        if not data:
            self._regions.discard(wire.transport)
            return False
        sent = wire.send(data)
        if sent:
            self.conn.wrote(self._clock(), wire.transport, sent)
        return sent == len(data)

    def buffered(self) -> int:
        """Bytes of the writer that no socket has taken."""
        size = len(self.untaken) + self._held + sum(map(len, self._unwritten.values()))
        if self._regions and not self.is_over:
            size += sum(self.conn.region_len(t) for t in self._regions)
        return size

    def unwritten(self) -> int:
        """As `buffered`, without what libsch has taken over."""
        return len(self.untaken) + sum(map(len, self._unwritten.values()))
