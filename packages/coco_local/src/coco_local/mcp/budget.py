"""Token budget of an answer."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Budget", "estimate_tokens"]

# Measured on source files, BPE vocabularies of current models take 3 to 4 bytes per token;
# the low end keeps an answer within what was asked for.
BYTES_PER_TOKEN = 3.2


def estimate_tokens(text: str) -> int:
    """Return about how many tokens ``text`` is, rather too many than too few."""
    return int(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN) + 1


class Budget:
    """Counts down while an answer is put together."""

    def __init__(self, tokens: int) -> None:
        self.left = tokens

    def take(self, text: str) -> bool:
        """Pay for ``text``; ``False``, and nothing paid, when it does not fit."""
        cost = estimate_tokens(text)
        if cost > self.left:
            return False
        self.left -= cost
        return True

    def head(self, lines: Sequence[str]) -> list[str]:
        """Pay for as many of the first lines as fit, and return them."""
        taken: list[str] = []
        for line in lines:
            if not self.take(line + "\n"):
                break
            taken.append(line)
        return taken
