"""Which functions of the library a piece of Python calls."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Set

import pytest
from sch import _library
from sch._declarations import FUNCTIONS


class Recorder:
    """Stands for the library in one module."""

    def __init__(self) -> None:
        self.called: Set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.called.add(name)
        return getattr(_library.lib, name)


def called(monkeypatch: pytest.MonkeyPatch, modules: Iterable[Any], run: Callable[[], object]) -> Set[str]:
    recorder = Recorder()
    for module in modules:
        monkeypatch.setattr(module, "lib", recorder)
    run()
    return recorder.called


def of(prefix: str) -> Set[str]:
    """The functions of the header."""
    found = {name for name in FUNCTIONS if name.startswith(prefix)}
    assert len(found) > 10
    return found
