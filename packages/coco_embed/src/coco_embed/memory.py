"""Give freed memory back to the system."""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["keep_few_arenas", "release_freed_memory"]

# glibc's number of the setting, and how many heaps threads share. It makes up to eight for each
# core, and what one thread freed helps no other: 24 MB less of 305 were measured after indexing
# 3,900 chunks.
_M_ARENA_MAX = -8
_ARENAS = 2


def keep_few_arenas() -> None:
    """Let threads share heaps; to be called before a program starts its threads.

    Does nothing where the user has decided otherwise (``MALLOC_ARENA_MAX``), or without glibc.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)


def release_freed_memory() -> None:
    """Ask the C library to return what it holds for later; without this a closed model stays.

    Only glibc keeps so much and has the call (60 MB less were measured after indexing).
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
