"""Asks before something is changed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from coco_core.errors import InvalidInput

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal

__all__ = ["NotConfirmed", "confirmed"]


class NotConfirmed(InvalidInput):
    """Nobody is there to confirm the change."""

    code = "not_confirmed"


def confirmed(terminal: Terminal, question: str, *, force: bool, harmless: bool = False) -> bool:
    """Ask and return the answer; only "yes" and "y" are yes, an empty answer is no.

    Args:
        terminal: Where to ask.
        question: What to ask, without the choices.
        force: Do not ask.
        harmless: Go ahead if nobody is there to answer (standard input is at its end).

    Raises:
        NotConfirmed: Nobody is there to answer.
    """
    if force:
        return True
    sys.stderr.write(f"{question} [yes/N]: ")
    sys.stderr.flush()
    answer = sys.stdin.readline() if sys.stdin is not None else ""
    if not answer:
        sys.stderr.write("\n")
        if harmless:
            terminal.note("Nobody to ask; nothing is lost by it, so it is done.")
            return True
        raise NotConfirmed("Nobody is there to confirm this.", hint="Add --force to do it.")
    return answer.strip().lower() in ("yes", "y")
