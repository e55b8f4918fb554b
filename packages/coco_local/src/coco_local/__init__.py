"""CoCo local mode: one daemon per machine that indexes, watches and answers."""

__all__ = ["__version__"]

__version__ = "0.1.0"
