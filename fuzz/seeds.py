#!/usr/bin/env python3
"""Writes the first corpus of each fuzz target, for a fuzzer to start from: what the scenario files and the tests of notifications
have on the wire, and programs drawn from a seed. usage: seeds.py TARGET DIRECTORY"""
import codecs
import glob
import os
import random
import re
import sys

target, directory = sys.argv[1:]
top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
draw = random.Random(target)


def escaped(text):
    return codecs.escape_decode(re.sub(r"\\(?![\\rntx0\"'])", r"\\\\", text).encode())[0]


def scenarios():
    for path in sorted(glob.glob(f"{top}/tests/scenarios/*.txt")):
        text = open(path, encoding="utf-8").read()
        yield [escaped(w) for w in re.findall(r'(?:pass "|raw:)(.*?)"?$', text, re.M)]


def notifications():
    for name in ("variants", "malformed"):
        text = open(f"{top}/tests/notification_{name}.rs", encoding="utf-8").read()
        yield from (escaped(w) for w in re.findall(r'b"((?:[^"\\]|\\.)*)"', text))


def programs(mode, count, longest):
    for _ in range(count):
        small = draw.random() < 0.5  # bytes below 240 are the ordinary choices
        yield mode + bytes(draw.randrange(240 if small else 256) for _ in range(draw.randrange(8, longest)))


seeds = {
    "framer": lambda: [b"\0" + b"".join(s) for s in scenarios() if s] + [b"\0" + n for n in notifications()]
    + list(programs(b"\1", 60, 120)),
    "notification": lambda: [b"\0" + n for n in notifications()]
    + [b"\0" + w for s in scenarios() for w in s if w.startswith((b">", b"|"))] + list(programs(b"\2", 80, 60)),
    "ffi": lambda: list(programs(b"", 200, 600)),
    "cluster": lambda: list(programs(b"", 200, 300)),
    "threads": lambda: [bytes((n, n // 3)) + p for n, p in enumerate(programs(b"", 120, 600))],
}[target]()
os.makedirs(directory, exist_ok=True)
for number, seed in enumerate(dict.fromkeys(seeds)):
    with open(f"{directory}/seed-{number:03}", "wb") as file:
        file.write(seed)
print(f"{len(dict.fromkeys(seeds))} seeds for {target}")
