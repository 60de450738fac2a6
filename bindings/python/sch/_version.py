"""Of this package; `sch.version()` is that of the library."""

__version__ = "0.1.0"
