#!/usr/bin/env python3
"""Writes bindings/python/sch/_declarations.py from include/sch.h: numbers as enums, structs, and every function.

tools/gen_python.py            writes the file
tools/gen_python.py --check    fails if it is stale

What it does not understand is an error, never left out.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER = ROOT / "include" / "sch.h"
OUTPUT = ROOT / "bindings" / "python" / "sch" / "_declarations.py"

# Prefix of constants -> the enum they make. The longest prefix wins.
ENUMS = {
    "SCH_": "Status",  # SCH_OK, SCH_EMPTY, SCH_ERR_*
    "SCH_LOG_": "LogLevel",
    "SCH_LEVEL_": "Level",
    "SCH_MODE_": "Mode",
    "SCH_ENDPOINT_": "EndpointType",
    "SCH_ON_LOSS_": "OnLoss",
    "SCH_BLOCKING_": "Blocking",
    "SCH_HANDSHAKE_": "Handshake",
    "SCH_POLICY_": "EndpointPolicy",
    "SCH_LIMIT_": "Limit",
    "SCH_ACTION_": "ActionKind",
    "SCH_WINDOW_": "Window",
    "SCH_RESTORE_": "RestoreReason",
    "SCH_CLOSE_": "CloseReason",
    "SCH_LOST_": "LostOutcome",
    "SCH_CLASS_": "CommandClass",
    "SCH_OUTCOME_": "Outcome",
    "SCH_OFF_": "OffReason",
    "SCH_WAITING_": "Waiting",
    "SCH_FENCE_": "Fence",
    "SCH_PHASE_": "Phase",
    "SCH_EVENT_": "EventKind",
    "SCH_NOTIFICATION_": "Notification",
    "SCH_UNOWNED_": "Unowned",
    "SCH_HEALTH_": "Health",
    "SCH_RELOAD_": "ReloadReason",
    "SCH_CLUSTER_": "ClusterActionKind",
    "SCH_CLUSTER_TIME_": "ClusterTime",
}
STATUS = ("OK", "EMPTY", "MORE", "ERR_")
NUMBERS = ("SCH_ABI_VERSION", "SCH_VERSION_MAJOR", "SCH_VERSION_MINOR", "SCH_VERSION_PATCH", "SCH_HOST_SIZE", "SCH_LINE_SIZE")
FLAGS = {"Waiting", "ReloadReason"}
#: Struct of counters -> the class that shows them.
COUNTERS = {
    "sch_counters": ("Counters", "Counters of a connection since it was made."),
    "sch_pool_counts": ("PoolCounters", "Counters of a pool since it was made."),
    "sch_endpoint_counters": ("EndpointCounters", "Counters of one endpoint of a pool."),
    "sch_cluster_counts": ("ClusterCounters", "Counters of a cluster since it was made."),
}
OPAQUE = {"sch_config", "sch_conn", "sch_pool", "sch_cluster"}

SCALARS = {
    "void": "None",
    "bool": "c_bool",
    "size_t": "c_size_t",
    "uint8_t": "c_uint8",
    "uint16_t": "c_uint16",
    "uint32_t": "c_uint32",
    "uint64_t": "c_uint64",
    "int32_t": "c_int32",
    "int64_t": "c_int64",
    "sch_status": "c_int32",
    "sch_log_fn": "sch_log_fn",
    "sch_wake_fn": "sch_wake_fn",
    "char": "c_char",
    "int": "c_int",
}


def fail(why):
    raise SystemExit(f"tools/gen_python.py: {why}")


def sentence(comment):
    """The first sentence of a comment, as one line."""
    text = " ".join(line.strip().lstrip("*").strip() for line in comment.strip().splitlines())
    return re.split(r"(?<=\.)\s+(?=[A-Z`])", text.strip())[0]


def constants(code):
    """(name, value, doc) of every number, in order."""
    found = re.findall(r"/\*\*(.*?)\*/\s*#define (SCH_\w+) (-?\d+)\n", code, re.S)
    named = {name for _, name, _ in found}
    for name in re.findall(r"#define (\w+)", code):
        if name not in named and name != "SCH_H":
            fail(f"{name} is no number with a comment")
    return [(name, int(value), sentence(doc)) for doc, name, value in found]


def enums(numbers):
    groups = {}
    for name, value, doc in numbers:
        if name in NUMBERS:
            continue
        prefix = max((p for p in ENUMS if name.startswith(p)), key=len)
        member = name[len(prefix):]
        if prefix == "SCH_" and not member.startswith(STATUS):
            fail(f"{name} belongs to no enum: give its prefix one in ENUMS")
        groups.setdefault(ENUMS[prefix], []).append((member, value, doc))
    return groups


def structs(code, sizes):
    """name -> [(field, type, array length, doc)]; `sizes` are the numbers that a length may be named by."""
    out = {}
    for name, body in re.findall(r"typedef struct (sch_\w+) \{\n(.*?)\n\} \1;", code, re.S):
        fields = []
        pattern = r"/\*\*(.*?)\*/\s*((?:const )?(?:struct )?\w+ \*?)\s*(\w+)(?:\[(\w+)\])?;"
        for doc, kind, field, length in re.findall(pattern, body, re.S):
            size = sizes.get(length) or int(length or 0)
            fields.append((field, kind.strip(), size, sentence(doc)))
        if len(fields) != body.count(";\n") + 1:
            fail(f"not every field of {name} was understood")
        out[name] = fields
    return out


def functions(code):
    """name -> (result, [(type, name)])"""
    plain = re.sub(r"/\*.*?\*/|//[^\n]*", "", code, flags=re.S)
    out = {}
    for result, name, params in re.findall(r"\n((?:const )?\w+ \*?)\s*(sch_\w+)\(([^)]*)\);", plain):
        parts = [" ".join(p.split()) for p in params.split(",")]
        pairs = []
        for part in parts:
            if part == "void":
                continue
            kind, param = re.fullmatch(r"(.*?[ *])(\w+)", part).groups()
            pairs.append((kind.strip(), param))
        out[name] = (result.strip(), pairs)
    return out


def struct_type(kind, known):
    """A field: pointers are addresses, for the wrapper copies what they lead to."""
    if kind.endswith("*"):
        return "c_void_p"
    if kind in SCALARS:
        return SCALARS[kind]
    fail(f"unknown type {kind}")


def parameter(kind, known, opaque):
    if not kind.endswith("*"):
        return SCALARS.get(kind) or fail(f"unknown type {kind}")
    to = kind[:-1].strip().replace("struct ", "")
    const, to = to.startswith("const "), to.replace("const ", "").strip()
    if to in opaque or to == "void":
        return "c_void_p"
    if to.endswith("*"):  # a place for a pointer
        return "POINTER(c_void_p)"
    if to in known:
        return f"POINTER({to})"
    if to in ("char", "uint8_t"):  # bytes in; room for text out
        return "c_char_p" if const else "c_void_p"
    if to in SCALARS:
        return f"POINTER({SCALARS[to]})"
    fail(f"unknown type {kind}")


CALLBACKS = {
    "typedef void (*sch_log_fn)(int32_t level, const char *text, size_t len, void *user_data);":
        "sch_log_fn = CFUNCTYPE(None, c_int32, c_void_p, c_size_t, c_void_p)",
    "typedef void (*sch_wake_fn)(void *user_data);": "sch_wake_fn = CFUNCTYPE(None, c_void_p)",
}  # fmt: skip


def callbacks(code):
    found = re.findall(r"typedef \w+ \(\*.*?;", code, re.S)
    if set(found) != set(CALLBACKS):
        fail(f"callbacks are not what they were: {found}")
    return [CALLBACKS[line] for line in found]


def generate(header):
    code = header[header.index("#ifndef SCH_H"):]
    numbers = constants(code)
    known = structs(code, {name: value for name, value, _ in numbers})
    opaque = {name for name in re.findall(r"typedef struct (sch_\w+) \1;", code)}
    calls = functions(code)
    if len(calls) < 90 or len(known) < 8 or opaque != OPAQUE:
        fail("the header was not understood")
    exports = {n for n in (ROOT / "include" / "sch.symbols").read_text().split()}
    if exports != set(calls):
        fail(f"functions differ from include/sch.symbols: {sorted(exports ^ set(calls))}")
    out = [
        '"""Generated by tools/gen_python.py from include/sch.h. Do not edit."""',
        "",
        "from __future__ import annotations",
        "",
        "import enum",
        "from ctypes import (",
        "    CFUNCTYPE,",
        "    POINTER,",
        "    Structure,",
        "    c_bool,",
        "    c_char,",
        "    c_char_p,",
        "    c_int,",
        "    c_int32,",
        "    c_int64,",
        "    c_size_t,",
        "    c_uint8,",
        "    c_uint16,",
        "    c_uint32,",
        "    c_uint64,",
        "    c_void_p,",
        ")",
        "from dataclasses import dataclass",
        "from typing import Any, Dict, List, Tuple",
        "",
    ]
    for name, value, doc in numbers:
        if name in NUMBERS:
            out += [f"#: {doc}", f"{name[4:]} = {value}"]
    for enum_name, members in enums(numbers).items():
        base = "enum.IntFlag" if enum_name in FLAGS else "enum.IntEnum"
        prefix = next(p for p, e in ENUMS.items() if e == enum_name)
        out += ["", "", f"class {enum_name}({base}):", f'    """{prefix}*"""', ""]
        for member, value, doc in members:
            out += [f"    #: {doc}", f"    {member} = {value}"]
    out += ["", "", *callbacks(code)]
    for name, fields in known.items():
        out += ["", "", f"class {name}(Structure):", "    _fields_ = ["]
        for field, kind, length, _ in fields:
            ctype = struct_type(kind, known)
            out.append(f'        ("{field}", {ctype}{f" * {length}" if length else ""}),')
        out.append("    ]")
    for struct, (shown, doc_of) in COUNTERS.items():
        out += ["", "", "@dataclass(frozen=True)", f"class {shown}:", f'    """{doc_of}"""', ""]
        for field, _, _, doc in known[struct]:
            if field not in ("struct_size", "reserved"):
                out += [f"    #: {doc}", f"    {field}: int"]
    out += ["", "", "#: Every function: what it answers and what it takes.", "FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {"]
    for name, (result, params) in calls.items():
        answer = "c_char_p" if result == "const char *" else SCALARS.get(result) or fail(f"{name} answers {result}")
        takes = ", ".join(parameter(kind, known, opaque) for kind, _ in params)
        out.append(f'    "{name}": ({answer}, [{takes}]),')
    out += ["}", ""]
    return "\n".join(out)


def main():
    wanted = generate(HEADER.read_text())
    if "--check" in sys.argv[1:]:
        if not OUTPUT.exists() or OUTPUT.read_text() != wanted:
            fail(f"{OUTPUT.relative_to(ROOT)} is stale: run tools/gen_python.py")
        return
    OUTPUT.write_text(wanted)


if __name__ == "__main__":
    main()
