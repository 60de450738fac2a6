"""A wheel is made without a network, carries the library, and works where neither this tree nor SCH_LIBRARY is."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
SOURCE = ROOT / "bindings" / "python"


def test_the_wheel_carries_the_library_and_works_alone(tmp_path: pathlib.Path) -> None:
    tree = tmp_path / "source"
    tree.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(SOURCE / name, tree / name)
    shutil.copytree(SOURCE / "sch", tree / "sch", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    offline = ["--no-index", "--no-deps"]
    wheels = tmp_path / "wheels"
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", str(wheels), str(tree)], check=True)
    (wheel,) = wheels.glob("sch-*.whl")
    assert "-py3-none-linux_" in wheel.name
    place = tmp_path / "place"
    subprocess.run([*pip, "install", *offline, "--target", str(place), str(wheel)], check=True)
    assert (place / "sch" / "py.typed").exists() and (place / "sch" / "libsch.so.0").stat().st_size > 100_000
    code = (
        "import sch, sch.asyncio, sch.socket, sys; c = sch.Connection(); c.dial(0.0); c.connected(0.0, 1);"
        "print(sch.__file__, sch._library.lib._name, sch.version(), c.phase.name)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "SCH_LIBRARY"}
    environment["PYTHONPATH"] = str(place)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    words = done.stdout.split()
    assert all(word.startswith(str(place)) for word in words[:2]), words
    assert words[2:] == ["0.1.0", "HANDSHAKING"]
