"""Token budget of an answer: it is spent from the top, and what it was spent on is counted.

What is measured is the text as the model gets it, so that no estimate of headers stands between
the budget and what it buys, and asking for more results never returns less.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Budget", "estimate_tokens", "notice_line", "within_budget"]

# Measured on source files, BPE vocabularies of current models take 3 to 4 bytes per token;
# the low end keeps an answer within what was asked for.
BYTES_PER_TOKEN = 3.2
# A piece of a result is worth showing from this many lines on, its header counted.
LEAST_LINES = 4
CUT = "\n(cut to fit max_tokens)"
# The share of an answer that a notice may take.
NOTICE_SHARE = 0.5


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

    def clip(self, text: str) -> str:
        """Pay for as much of a text's start as fits, and return it."""
        room = max(0, int((self.left - 1) * BYTES_PER_TOKEN))
        start = text.encode("utf-8", "replace")[:room].decode("utf-8", "ignore")
        return start if start and self.take(start) else ""

    def fill(self, texts: Sequence[str], ends: Sequence[str]) -> list[str]:
        """Pay for texts, best first, until one does not fit, and return what is shown.

        That one is cut to the lines that fit, with its line of ``ends`` behind them; the first of
        all is shown however little of it fits. Each text ends with a line feed.
        """
        shown: list[str] = []
        for text, end in zip(texts, ends, strict=True):
            if self.take(text):
                shown.append(text)
                continue
            piece = self._cut(text, end, first=not shown)
            return [*shown, piece] if piece else shown
        return shown

    def _cut(self, text: str, end: str, *, first: bool) -> str:
        rest = Budget(self.left)
        if not rest.take(end):
            return self.clip(text) if first else ""
        lines = rest.head(text.splitlines())
        if len(lines) < LEAST_LINES and not first:
            return ""
        self.left = rest.left
        if lines:
            return "".join(f"{line}\n" for line in lines) + end
        return f"{self.clip(text)}\n{end}"

    def head(self, lines: Sequence[str]) -> list[str]:
        """Pay for as many of the first lines as fit, and return them."""
        taken: list[str] = []
        for line in lines:
            if not self.take(line + "\n"):
                break
            taken.append(line)
        return taken


def notice_line(budget: Budget, notice: str | None) -> str:
    """Pay for a notice and return it as one line in brackets, empty when there is none."""
    if not notice:
        return ""
    line = f"[{' '.join(notice.split())}]\n"
    if estimate_tokens(line) <= budget.left * NOTICE_SHARE:
        budget.take(line)
        return line
    part = Budget(int(budget.left * NOTICE_SHARE))
    part.take("…]\n")
    line = f"{part.clip(line)}…]\n"
    budget.take(line)
    return line


def within_budget(text: str, tokens: int) -> str:
    """Return the text, its start where a header alone is longer than a small budget."""
    if estimate_tokens(text) <= tokens:
        return text
    budget = Budget(tokens)
    budget.take(CUT)
    return budget.clip(text) + CUT
