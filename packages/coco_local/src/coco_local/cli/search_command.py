"""The reading of a search's command line: words that look like options and are none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from typer.core import TyperCommand

from coco_core.filter_words import FILTER_NAMES

if TYPE_CHECKING:
    from typer._click.core import Context

__all__ = ["SearchCommand", "read_words"]

# `-path:tests` would be the option -p with the value `ath:tests`.
_NEGATIVE_FILTER = re.compile(rf"-(?:{'|'.join(FILTER_NAMES)}|language|extension|filename):\S")


class SearchCommand(TyperCommand):
    """A verb; of those that take ``--open``, the number may be left out."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Read the arguments after they were made plain."""
        names = {name for parameter in self.params for name in parameter.opts}
        if "--open" in names:
            args = read_words(args)
        return super().parse_args(ctx, args)


def read_words(args: list[str]) -> list[str]:
    """Return arguments in which filters that exclude are words, and ``--open`` has its number."""
    at = args.index("--") if "--" in args else len(args)
    options, words = args[:at], args[at + 1 :]
    filters = [each for each in options if _NEGATIVE_FILTER.match(each)]
    rest: list[str] = []
    for place, each in enumerate(options):
        if each == "--open" and not (options[place + 1 : place + 2] or [""])[0].isdigit():
            rest.append("--open=1")
        elif not _NEGATIVE_FILTER.match(each):
            rest.append(each)
    return [*rest, "--", *words, *filters] if words or filters else rest
