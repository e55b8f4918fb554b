"""Confirmation of changes on the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from coco_core.errors import InvalidInput

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal

__all__ = ["NotConfirmed", "confirmed"]


class NotConfirmed(InvalidInput):
    """The change needs a confirmation, and standard input is at its end."""

    code = "not_confirmed"


def confirmed(terminal: Terminal, question: str, *, force: bool, harmless: bool = False) -> bool:
    """Ask and return the answer; only "yes" and "y" are yes, an empty answer is no.

    Args:
        terminal: Where to ask.
        question: What to ask, without the choices.
        force: Do not ask.
        harmless: Proceed without an answer if standard input is at its end.

    Raises:
        NotConfirmed: Standard input is at its end.
    """
    if force:
        return True
    sys.stderr.write(f"{question} [yes/N]: ")
    sys.stderr.flush()
    answer = sys.stdin.readline() if sys.stdin is not None else ""
    if not answer:
        sys.stderr.write("\n")
        if harmless:
            terminal.note(
                "No answer at the end of standard input; nothing is lost by it, so it is done."
            )
            return True
        raise NotConfirmed("This needs a confirmation.", hint="Add --force to do it.")
    return answer.strip().lower() in ("yes", "y")
