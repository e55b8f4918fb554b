"""The reading of a search's command line: words that look like options and are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.core import TyperCommand

if TYPE_CHECKING:
    from typer._click.core import Context

__all__ = ["SearchCommand", "read_words"]


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
    # `-path:tests` would be the option -p with the value `ath:tests`.
    filters = [each for each in options if each.startswith("-") and _is_filter(each)]
    rest: list[str] = []
    for place, each in enumerate(options):
        if each == "--open" and not (options[place + 1 : place + 2] or [""])[0].isdigit():
            rest.append("--open=1")
        elif each not in filters:
            rest.append(each)
    return [*rest, "--", *words, *filters] if words or filters else rest


def _is_filter(word: str) -> bool:
    if ":" not in word:
        return False
    # Few queries have one, and every query would wait for the import.
    from coco_core.filter_words import split_filters

    return bool(split_filters(word)[1])
