"""A list on the terminal from which the arrow keys choose."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

__all__ = ["pick"]

_UP = ("\x1b[A", "\x1bOA", "k", "\xe0H", "\x00H")
_DOWN = ("\x1b[B", "\x1bOB", "j", "\xe0P", "\x00P")
_ENTER = ("\r", "\n")
_CANCEL = ("\x1b", "q", "\x04", "")
# How long the rest of an arrow key's sequence may take on a slow line.
_SEQUENCE_SECONDS = 0.05


def pick(question: str, choices: Sequence[str]) -> int:
    """Let the user choose with the arrow keys and Enter; return the number of the choice.

    Raises:
        Abort: The user pressed Escape, q or Ctrl-C.
    """
    chosen = 0
    with _keys() as read_key:
        _write(f"{question} (arrow keys, Enter)\n")
        _draw(choices, chosen)
        while True:
            key = read_key()
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


@contextmanager
def _keys() -> Iterator[Callable[[], str]]:
    """Give each key as it is pressed, without showing it; Ctrl-C stays an interrupt."""
    if sys.platform == "win32":
        yield click.getchar
        return
    import select
    import termios
    import tty

    terminal = sys.stdin.fileno()

    def read_key() -> str:
        key = os.read(terminal, 32).decode(errors="replace")
        if key == "\x1b" and select.select([terminal], [], [], _SEQUENCE_SECONDS)[0]:
            key += os.read(terminal, 32).decode(errors="replace")
        return key

    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        yield read_key
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _draw(choices: Sequence[str], chosen: int) -> None:
    for number, choice in enumerate(choices):
        mark = "\x1b[7m> " if number == chosen else "  "
        _write(f"\r\x1b[K{mark}{choice}\x1b[0m\n")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
