"""The declarations are those of include/sch.h: generated anew, compiled by a C compiler, and all of them used."""

from __future__ import annotations

import ctypes
import dataclasses
import pathlib
import re
import subprocess
import sys
import types

import sch
from sch import _actions, _config, _declarations
from sch._declarations import FUNCTIONS

ALONE = ("ABI_VERSION", "VERSION_MAJOR", "VERSION_MINOR", "VERSION_PATCH", "HOST_SIZE")
ROOT = pathlib.Path(__file__).resolve().parents[3]


def test_they_are_generated_from_the_header() -> None:
    subprocess.run([sys.executable, str(ROOT / "tools" / "gen_python.py"), "--check"], check=True)


def test_a_c_compiler_sees_the_same_numbers_and_layouts(tmp_path: pathlib.Path) -> None:
    structs = {n: s for n, s in vars(_declarations).items() if isinstance(s, type) and issubclass(s, ctypes.Structure)}
    structs.pop("Structure")
    lines, wanted = [], []
    for name, struct in sorted(structs.items()):
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        wanted.append(f"{name} {ctypes.sizeof(struct)}")
        for field in struct._fields_:
            at = getattr(struct, field[0])
            lines.append(f'printf("{name}.{field[0]} %zu %zu\\n", offsetof({name}, {field[0]}), sizeof((({name} *)0)->{field[0]}));')
            wanted.append(f"{name}.{field[0]} {at.offset} {at.size}")
    members = [
        (kind.__doc__[:-1] + member.name, member.value)
        for kind in vars(_declarations).values()
        if isinstance(kind, type) and kind.__module__ == _declarations.__name__ and hasattr(kind, "__members__")
        for member in kind.__members__.values()
    ]
    header = (ROOT / "include" / "sch.h").read_text()
    numbers = [line.split()[1] for line in header.splitlines() if line.startswith("#define SCH_") and len(line.split()) == 3]
    assert sorted(numbers) == sorted([name for name, _ in members] + ["SCH_" + n for n in ALONE])
    assert sorted(structs) == sorted(re.findall(r"^typedef struct (sch_\w+) \{", header, re.M))
    members += [("SCH_" + name, getattr(_declarations, name)) for name in ALONE]
    for name, value in members:
        lines.append(f'printf("{name} %d\\n", (int){name});')
        wanted.append(f"{name} {value}")
    source = tmp_path / "layout.c"
    body = "\n    ".join(lines)
    source.write_text(f"#include <sch.h>\n#include <stdio.h>\nint main(void) {{\n    {body}\n    return 0;\n}}\n")
    program = tmp_path / "layout"
    subprocess.run(["cc", "-std=c11", "-Wall", "-Werror", f"-I{ROOT / 'include'}", str(source), "-o", str(program)], check=True)
    found = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    assert found.splitlines() == wanted


def test_every_function_of_the_header_is_used() -> None:
    package = pathlib.Path(sch.__file__).parent
    code = "".join(p.read_text() for p in package.glob("*.py") if p.name != "_declarations.py")
    setters = {f"sch_config_set_{name}" for name in ("level_in", "level_out")}
    for entry in dataclasses.fields(sch.Config):
        setters |= {f"sch_config_set_{entry.name}", f"sch_config_set_{entry.name}_ms"}
    names = set(re.findall(r"\bsch_[a-z0-9_]+", code))
    # What takes its arguments and answers in a struct stands for it.
    instead = {"sch_conn_receive"}
    assert set(FUNCTIONS) - names - setters == instead and "sch_conn_receive_with" in names


def test_every_setting_is_a_field_of_config_and_the_other_way_round() -> None:
    names = {f[len("sch_config_set_"):] for f in FUNCTIONS if f.startswith("sch_config_set_")}
    names = {n[:-3] if n.endswith("_ms") else n for n in names}
    found = {entry.name for entry in dataclasses.fields(sch.Config)}
    assert found - names == {"level", "allowed_endpoints", "limits", "cluster_times"}
    assert names - found == {"level_out", "limit", "cluster_time"}
    timed = {f[len("sch_config_set_"):-3] for f in FUNCTIONS if f.endswith("_ms") and "config_set" in f}
    assert timed - {"cluster_time"} == _config._TIMES


def test_every_kind_of_action_has_a_class() -> None:
    assert set(_actions._MAKE) == set(sch.ActionKind)
    assert all(dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen for kind, _ in _actions._MAKE.values())


def test_every_error_status_has_an_exception() -> None:
    from sch._errors import BY_STATUS

    assert set(BY_STATUS) == {s for s in sch.Status if s < 0}
    assert all(issubclass(kind, sch.SchError) for kind in BY_STATUS.values())


def test_the_header_as_it_is_now_and_the_library_agree() -> None:
    assert sch.version() == sch.__version__
    assert sch.ABI_VERSION == sch._library.lib.sch_abi_version()


def test_what_the_package_has_is_what_it_exports() -> None:
    found = {n for n, v in vars(sch).items() if not n.startswith("_") and not isinstance(v, types.ModuleType)}
    assert found == set(sch.__all__)
