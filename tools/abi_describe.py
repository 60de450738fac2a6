#!/usr/bin/env python3
"""Makes tests/abi_guard/{libsch.abi,abi.txt} out of what `abidw` says of libsch.so, and of the header's constants.

libsch.abi is for abidiff: what an export can reach and C can see. What is behind a handle is left out, and so are paths and
names of compilation units: they change with every build. abi.txt says the same in one line per fact, for people, and so
that what was added can be told from what was taken away.

usage: abi_describe.py ABIDW_XML HEADER TARGET_DIRECTORY
"""
import re
import sys
import xml.etree.ElementTree as ET

source, header, target = sys.argv[1:]
text = open(header, encoding="utf-8").read()
handles = set(re.findall(r"^typedef struct (\w+) \1;", text, re.M))
# A number that counts releases is no promise to keep.
constants = {name: value for name, value in re.findall(r"^#define (SCH_\w+) (\S+)$", text, re.M)
             if not name.startswith("SCH_VERSION_")}
assert len(handles) >= 3 and len(constants) > 100, "the header is not read as it is written"

corpus = ET.parse(source).getroot()
types = {}
for node in corpus.iter():
    # A definition counts more than a declaration of the same.
    if node.get("id") and (node.get("id") not in types or len(node)):
        types[node.get("id")] = node


def bare(key):
    """A callback that may be NULL is an Option of one in Rust, and the same to C."""
    node = types[key]
    if node.tag == "class-decl" and node.get("name").startswith("Option<"):
        some = next(c for c in node.iter("class-decl") if c.get("name") == "Some")
        return some.find("data-member/var-decl").get("type-id")
    return key


def named(key, seen=()):
    """A type, as a word that does not depend on the build."""
    key = bare(key)
    node = types[key]
    if key in seen:
        return "itself"
    inside = lambda child: named(child.get("type-id"), seen + (key,))
    if node.tag == "pointer-type-def":
        return inside(node) + "*"
    if node.tag == "function-type":
        return "fn(" + ",".join(inside(c) for c in node.findall("parameter")) + ")->" + inside(node.find("return"))
    if node.tag == "array-type-def":
        return inside(node) + "[" + ",".join(c.get("length") for c in node.findall("subrange")) + "]"
    return node.get("name")


kept = {}


def keep(key):
    """Copies a type and what it needs; what is behind a handle becomes a declaration."""
    key = bare(key)
    name = named(key)
    if name in kept:
        return name
    node = types[key]
    copy = kept[name] = ET.Element(node.tag, {k: v for k, v in node.attrib.items() if k not in ("filepath", "line", "column")})
    copy.set("id", name)
    if node.tag == "class-decl" and node.get("name") in handles:
        copy.attrib.pop("size-in-bits", None)
        copy.set("is-declaration-only", "yes")
        return name
    copy_below(node, copy)
    return name


def copy_below(node, copy):
    if node.get("type-id"):
        copy.set("type-id", keep(node.get("type-id")))
    for child in node:
        if child.tag == "member-type":
            continue
        attributes = {k: v for k, v in child.attrib.items() if k not in ("filepath", "line", "column", "id")}
        copy_below(child, ET.SubElement(copy, child.tag, attributes))


functions = {}
for node in corpus.iter("function-decl"):
    if node.get("elf-symbol-id") and node.get("name").startswith("sch_"):
        functions[node.get("name")] = copy = ET.Element("function-decl", {
            k: v for k, v in node.attrib.items() if k not in ("filepath", "line", "column")})
        copy_below(node, copy)
symbols = sorted(symbol.get("name") for symbol in corpus.find("elf-function-symbols"))
assert symbols == sorted(functions), "an export without a declaration: was it built with -C debuginfo=2?"

out = ET.Element("abi-corpus", {k: corpus.get(k) for k in ("version", "architecture", "soname")})
listed = ET.SubElement(out, "elf-function-symbols")
for symbol in sorted(corpus.find("elf-function-symbols"), key=lambda s: s.get("name")):
    listed.append(symbol)
unit = ET.SubElement(out, "abi-instr", {"address-size": "64", "path": "src/lib.rs", "language": "LANG_Rust"})
for name in sorted(kept):
    unit.append(kept[name])
for name in sorted(functions):
    unit.append(functions[name])
ET.indent(out)
ET.ElementTree(out).write(f"{target}/libsch.abi", encoding="unicode")
open(f"{target}/libsch.abi", "a", encoding="utf-8").write("\n")

facts = [f"soname {corpus.get('soname')}", f"architecture {corpus.get('architecture')}"]
facts += [f"constant {name} {value}" for name, value in constants.items()]
for name, node in functions.items():
    parameters = ", ".join(p.get("type-id") for p in node.findall("parameter"))
    facts.append(f"function {name}({parameters}) -> {node.find('return').get('type-id')}")
for name, node in kept.items():
    if node.tag != "class-decl" or node.get("is-declaration-only"):
        continue
    fields = [(int(m.get("layout-offset-in-bits")) // 8, m.find("var-decl")) for m in node.findall("data-member")]
    assert fields, f"{name} has no fields"
    # One that carries its size grows at its end; of the others the size is part of what was promised.
    grows = fields[0][1].get("name") == "struct_size"
    facts.append(f"struct {name} " + ("grows" if grows else f"of {int(node.get('size-in-bits')) // 8} bytes for ever"))
    facts += [f"field {name}.{field.get('name')} {field.get('type-id')} at {offset}" for offset, field in fields]
open(f"{target}/abi.txt", "w", encoding="utf-8").write("\n".join(sorted(facts, key=lambda f: (f.split()[0], f))) + "\n")
