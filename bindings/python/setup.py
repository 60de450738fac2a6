"""The wheel carries libsch.so: SCH_LIBRARY, or else target/release/libsch.so. Nothing is compiled here."""

import os
import pathlib
import shutil

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # before setuptools 70
    from wheel.bdist_wheel import bdist_wheel

HERE = pathlib.Path(__file__).resolve().parent


def library():
    named = os.environ.get("SCH_LIBRARY")
    found = pathlib.Path(named) if named else HERE.parents[1] / "target" / "release" / "libsch.so"
    if not found.exists():
        raise SystemExit(f"{found} is not there: run cargo build --release, or set SCH_LIBRARY")
    return found


class Build(build_py):
    def run(self):
        super().run()
        if not self.editable_mode:
            shutil.copyfile(library(), os.path.join(self.build_lib, "sch", "libsch.so.0"))

    def get_outputs(self, include_bytecode=1):
        return super().get_outputs(include_bytecode) + [os.path.join(self.build_lib, "sch", "libsch.so.0")]


class Platform(Distribution):
    """What it carries belongs to one platform."""

    def has_ext_modules(self):
        return True


class Wheel(bdist_wheel):
    """For every Python 3, and for this platform only."""

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


setup(distclass=Platform, cmdclass={"build_py": Build, "bdist_wheel": Wheel})
