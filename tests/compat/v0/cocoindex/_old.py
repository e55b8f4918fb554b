"""Names that the API had before the version that this package stands for."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def main_fn(
    settings: Any = None, cocoindex_cmd: str = "cocoindex"
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Return a decorator of a program's entry; `python program.py cocoindex …` is its CLI."""

    def decorate(entry: Callable[..., T]) -> Callable[..., T]:
        @functools.wraps(entry)
        def run(*args: Any, **kwargs: Any) -> T:
            import cocoindex

            if sys.argv[1:2] == [cocoindex_cmd]:
                command, *options = sys.argv[2:]
                words = ["-m", "cocoindex.cli", command, sys.argv[0], *options]
                os.execv(sys.executable, [sys.executable, *words])
            cocoindex.init(settings)
            return entry(*args, **kwargs)

        return run

    return decorate
