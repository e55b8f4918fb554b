"""What the search view says where nothing was found, by the reason for it."""

from __future__ import annotations

from typing import Final

from coco_protocol.docs import EmptyReason
from coco_protocol.grep import GrepEmptyReason

__all__ = ["NO_HIT", "NO_LINE", "no_hit", "no_line"]

NO_HIT: Final[dict[EmptyReason, str]] = {
    "nothing_indexed": "Nothing is indexed in this project yet",
    "no_files": "This project has no file that is indexed",
    "no_such_path": "No indexed file is at that path: correct path:",
    "no_such_language": "No indexed file is in that language: correct lang:",
    "no_such_symbol": "Nothing defines a symbol of that name: correct symbol:",
    "filtered_out": "Nothing passes all filters: remove lang:, path:, kind: or symbol:",
    "below_min_score": "Everything that matches has a lower score than asked for",
    "past_the_end": "There are no more results",
    "changed": "What matched has just changed on disk: ask again",
    "no_match": "Nothing matches",
}

NO_LINE: Final[dict[GrepEmptyReason, str]] = {
    "no_files": "This project has no text file",
    "no_such_path": "No file is at that path: correct path:",
    "no_such_language": "No file is in that language: correct lang:",
    "filtered_out": "No file passes all filters: remove lang: or path:",
    "taken_as_text": "No line has {pattern}; as a regular expression it is written /{pattern}/",
    "no_match": "No line has {pattern}",
}


def no_hit(reason: EmptyReason | None, notice: str | None) -> str:
    """Return why a search found nothing, with what was left out of it."""
    return _with(NO_HIT[reason or "no_match"], notice)


def no_line(reason: GrepEmptyReason | None, pattern: str, notice: str | None) -> str:
    """Return why no line was found, with what was not searched."""
    return _with(NO_LINE[reason or "no_match"].format(pattern=pattern), notice)


def _with(sentence: str, notice: str | None) -> str:
    return f"{sentence}. {notice}" if notice else sentence
