"""Where the bytes of a Python object are, without a copy. Knows no libsch."""

from __future__ import annotations

import ctypes
from typing import Any, Tuple, Union

Buffer = Union[bytes, bytearray, memoryview]

_SIMPLE = 0  # PyBUF_SIMPLE: one piece, read only is fine


def _offset_in_bytes() -> int:
    """Where a bytes object keeps its bytes, counted from its id; 0 where that is no address."""
    distances = set()
    for probe in (b"a", b"probe", bytes(range(256)) * 9):
        address = ctypes.cast(ctypes.c_char_p(probe), ctypes.c_void_p).value
        distances.add((address or 0) - id(probe))
    found = distances.pop()
    return found if not distances and 0 < found < 128 else 0


#: `id(data) + BYTES_AT` is the address of the first byte of `data`.
BYTES_AT = _offset_in_bytes()


class _View(ctypes.Structure):
    """Py_buffer, as in the stable ABI."""

    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_void_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    ]


class _Held:
    """A buffer of an object that cannot be written, held until this goes."""

    __slots__ = ("view",)

    def __init__(self, data: Any) -> None:
        self.view = None
        view = _View()
        ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(data), ctypes.byref(view), _SIMPLE)
        self.view = view

    def __del__(self) -> None:
        if self.view is not None:
            ctypes.pythonapi.PyBuffer_Release(ctypes.byref(self.view))


_from_buffer = ctypes.c_char.from_buffer
_address = ctypes.addressof
_byref = ctypes.byref


def locate(data: Any) -> Tuple[Any, int, int]:
    """(what to pass to C, the address or 0 if it is a copy, how many bytes). The first keeps the buffer in place."""
    kind = type(data)
    if kind is bytes:
        return data, id(data) + BYTES_AT if BYTES_AT else 0, len(data)
    if kind is bytearray:
        if not data:
            return b"", 0, 0
        cell = _from_buffer(data)
        return _byref(cell), _address(cell), len(data)
    view = data if kind is memoryview else memoryview(data)
    length = view.nbytes
    if length == 0:
        return b"", 0, 0
    if not view.contiguous:
        return view.tobytes(), 0, length
    if not view.readonly:
        cell = _from_buffer(view)
        return _byref(cell), _address(cell), length
    if not hasattr(ctypes, "pythonapi"):
        return view.tobytes(), 0, length
    held = _Held(view)
    address: int = held.view.buf  # type: ignore[union-attr]
    cell = ctypes.c_char.from_address(address)
    cell.held = held  # type: ignore[attr-defined]
    return _byref(cell), address, length
