"""A list on the terminal from which the arrow keys choose."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

__all__ = ["pick"]

_UP = ("\x1b[A", "\x1bOA", "k", "\xe0H", "\x00H", "\x10")
_DOWN = ("\x1b[B", "\x1bOB", "j", "\xe0P", "\x00P", "\x0e")
_ENTER = ("\r", "\n")
_CANCEL = ("\x1b", "q", "\x04")


def pick(question: str, choices: Sequence[str]) -> int:
    """Let the user choose with the arrow keys and Enter; return the number of the choice.

    Raises:
        Abort: The user pressed Escape, q or Ctrl-C.
    """
    chosen = 0
    _write(f"{question} (arrow keys, Enter)\n")
    _draw(choices, chosen)
    while True:
        # Reads the bytes of one key; Ctrl-C raises KeyboardInterrupt.
        key = click.getchar()
        if key in _ENTER:
            return chosen
        if key in _CANCEL:
            raise click.Abort
        if key in _UP:
            chosen = (chosen - 1) % len(choices)
        elif key in _DOWN:
            chosen = (chosen + 1) % len(choices)
        elif key.isdigit() and 0 < int(key) <= len(choices):
            chosen = int(key) - 1
        _write(f"\x1b[{len(choices)}A")
        _draw(choices, chosen)


def _draw(choices: Sequence[str], chosen: int) -> None:
    for number, choice in enumerate(choices):
        mark = "\x1b[7m> " if number == chosen else "  "
        _write(f"\r\x1b[K{mark}{choice}\x1b[0m\n")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
