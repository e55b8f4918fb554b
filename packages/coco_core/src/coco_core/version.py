"""The version of CoCo: every package reads this one, also when it is built."""

__all__ = ["__version__"]

__version__ = "0.1.0"
