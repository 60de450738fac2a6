"""Finds libsch.so and gives every function its types. SCH_LIBRARY names another file.

It is loaded so that the interpreter's lock is kept during a call: calls are short and never block, and what one answers
is read before another thread can call.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
from typing import Any, List

from ._declarations import ABI_VERSION, FUNCTIONS
from ._errors import LibraryError

#: The file in the wheel, then what the system's loader knows by its soname.
_NAMES = ("libsch.so.0", "libsch.so", "libsch.dylib")


def _candidates() -> List[str]:
    named = os.environ.get("SCH_LIBRARY")
    if named:
        return [named]
    here = pathlib.Path(__file__).resolve().parent
    carried = [str(here / name) for name in _NAMES if (here / name).exists()]
    return carried or list(_NAMES)


def load() -> Any:
    """The library, each function declared."""
    problems = []
    for name in _candidates():
        try:
            library = ctypes.PyDLL(name)
        except OSError as error:
            problems.append(str(error))
            continue
        declare(library, name)
        return library
    raise LibraryError("libsch.so is not found; set SCH_LIBRARY to its path: " + "; ".join(problems))


def declare(library: Any, name: str) -> None:
    """Refuses a library that lacks a function, or that is older than the header this package was made from."""
    for function, (answers, takes) in FUNCTIONS.items():
        try:
            export = getattr(library, function)
        except AttributeError:
            raise LibraryError(f"{name} has no {function}: it is older than this package, or no libsch") from None
        export.restype, export.argtypes = answers, takes
    found = library.sch_abi_version()
    if found < ABI_VERSION:
        raise LibraryError(f"{name} has ABI {found}, this package needs {ABI_VERSION}")


lib = load()


def version() -> str:
    """The version of the library in use."""
    text: bytes = lib.sch_version_string()
    return text.decode()


def status_text(status: int) -> str:
    """A status in words."""
    text: bytes = lib.sch_status_str(status)
    return text.decode()
