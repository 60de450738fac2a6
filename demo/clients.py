"""How each client is started: they take the same options and print the same line."""

import glob
import os
import shutil
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VALGRIND = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite,possible"]
#: Clients that know nothing of libsch.
WITHOUT = {"plain", "hiredis"}
PYTHON = ("python-asyncio", "python-blocking")
NODE = ("node",)


def command_of(driver, workload, valgrind=False):
    """The beginning of the command line, and the environment."""
    environment = dict(os.environ)
    if driver in PYTHON:
        environment.setdefault("SCH_LIBRARY", os.path.join(TOP, "target/release/libsch.so"))
        paths = [os.path.join(TOP, "bindings/python"), environment.get("PYTHONPATH")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        command = [sys.executable, os.path.join(TOP, "examples/python/workload.py")]
    elif driver in NODE:
        command = [shutil.which("node"), os.path.join(TOP, "examples/node/workload.mjs")]
    else:
        command = (VALGRIND if valgrind else []) + [workload]
    return command + ["--driver", driver], environment


def missing(drivers, workload):
    """What is not there that these need, as a sentence; None: all is."""
    if set(drivers) & set(NODE):
        if not shutil.which("node"):
            return "node is missing: install Node.js 18.17 or later"
        for path in ("bindings/node/prebuilds/*/sch.node", "bindings/node/dist/index.mjs"):
            if not glob.glob(os.path.join(TOP, path)):
                return f"{path} is missing: `make node` builds it"
    library = os.environ.get("SCH_LIBRARY", os.path.join(TOP, "target/release/libsch.so"))
    if set(drivers) & set(PYTHON) and not os.path.exists(library):
        return f"{library} is missing: `make clients` builds it"
    if set(drivers) - set(NODE) - set(PYTHON) and not os.path.exists(workload):
        return f"{workload} is missing: `make clients` builds it"
    return None
