"""Where the bytes of a Python object are. Knows no libsch.

ctypes has no quick way to the address of what cannot be written. Where the interpreter keeps it is measured here once, by
objects whose bytes are known; where that does not come out the same each time, bytes are copied instead.
"""

from __future__ import annotations

import ctypes
from typing import Any, Union

Buffer = Union[bytes, bytearray, memoryview]

_WORD = ctypes.sizeof(ctypes.c_size_t)
#: The word at an address.
word_at = ctypes.c_size_t.from_address


def _view_at() -> int:
    """How far from its id a memoryview keeps the address of its bytes; 0: unknown."""
    found = None
    for size in (1, 5, 64, 4096):
        cells = (ctypes.c_char * size)()
        for skip in range(min(size, 3)):
            view = memoryview(cells)[skip:]
            address = ctypes.addressof(cells) + skip
            words = range(0, memoryview.__basicsize__ - _WORD + 1, _WORD)
            here = {at for at in words if word_at(id(view) + at).value == address}
            found = here if found is None else found & here
    return found.pop() if found and len(found) == 1 else 0


#: As an argument, the pointer that is kept at an address.
pointer_at = ctypes.c_void_p.from_address
#: `pointer_at(id(view) + VIEW_AT)` is that to the first byte of a memoryview; 0: not known.
VIEW_AT = _view_at()


def as_bytes(data: Any) -> bytes:
    """A buffer where speed does not matter."""
    return data if type(data) is bytes else memoryview(data).tobytes()
