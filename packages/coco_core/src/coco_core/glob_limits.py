"""What the path globs of one filter may cost together, judged before they are compiled.

Matching takes time for each document: what a filter may hold is bounded here, so that a hostile
one is refused when it is sent and not stopped after seconds of work.
"""

from __future__ import annotations

from collections.abc import Sequence

from coco_core.errors import InvalidIntent
from coco_core.globs import expand, is_pattern, parse_glob

__all__ = ["require_bounded"]

# As long as the longest glob: 0.3 seconds to compile.
_MOST_CHARACTERS = 32_768

# 200 globs of five each.
_MOST_ALTERNATIVES = 1_000

# Each may be tried on every name: 200 take some two seconds for 20,000 documents, at worst. What
# else a glob holds, any number of `**` included, costs about the same for 200 globs as for one.
_MOST_PATTERNS = 200


def require_bounded(globs: Sequence[str]) -> None:
    """Make sure that globs are not too many or too long to be matched in time.

    Raises:
        InvalidIntent: they are, or one is not valid.
    """
    characters = alternatives = 0
    # One by one: what is too much is never expanded whole.
    for glob in globs:
        found = expand(glob)
        alternatives += len(found)
        characters += sum(map(len, found))
        _require(alternatives, _MOST_ALTERNATIVES, "alternatives, each of a brace counted")
        _require(characters, _MOST_CHARACTERS, "characters, with all braces resolved")
    parts = [part for glob in globs for each in parse_glob(glob) for part in each.parts]
    # A lone star is no work.
    patterns = sum(part != "*" and is_pattern(part) for part in parts)
    _require(patterns, _MOST_PATTERNS, "names with wildcards (such as '*.md' are not counted)")


def _require(found: int, most: int, what: str) -> None:
    if found > most:
        raise InvalidIntent(
            f"The path globs of a filter have more than {most} {what}.",
            hint="Name common directories ('src/**') or endings ('*.md') instead of many paths; "
            "to name single documents, use doc_ids.",
        )
