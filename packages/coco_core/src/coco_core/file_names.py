"""File names in a query: `query.py`, a traceback's path and line, a compiler's `a.c:12:3`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from coco_core.tokens import composed

__all__ = ["NamedFile", "file_name", "named_files"]

# A suffix of letters, after which a line may be given: `a.py:12`, `File "a.py", line 12`,
# `a.java(12)`.
_FILE = re.compile(
    r"(?<![\w@./\\+-])(?P<path>(?:[\w.+~@-]*[/\\])*[\w.+@-]*\.[A-Za-z][\w+]{0,9})(?![\w(])"
    r"(?:(?::|\"?,? line |\()(?P<line>\d{1,7}))?"
)

# A traceback of more frames goes through the same files again.
_MOST_FILES = 20


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a query names."""

    parts: tuple[str, ...]
    """Directories and name, in lower case; where the path is another machine's, only its end is
    the project's."""
    line: int | None

    @property
    def name(self) -> str:
        """The name with its suffix."""
        return self.parts[-1]

    def agreement(self, doc_id: str) -> int:
        """Return how many parts, from the end, are the document's; 0 if it has another name."""
        count = 0
        own = composed(doc_id).casefold().split("/")
        for asked, there in zip(reversed(self.parts), reversed(own), strict=False):
            if asked != there:
                break
            count += 1
        return count


def file_name(doc_id: str) -> str:
    """Return a document's name as `NamedFile.name` is compared with it."""
    return composed(doc_id).rpartition("/")[2].casefold()


def named_files(text: str) -> tuple[NamedFile, ...]:
    """Return the files that a query may mean; whether there are such files a store knows."""
    found: dict[NamedFile, None] = {}
    for match in _FILE.finditer(text):
        parts = re.split(r"[/\\]", match["path"].casefold())
        kept = tuple(part for part in parts if part not in ("", ".", "..", "~"))
        line = int(match["line"]) if match["line"] else None
        if kept and kept[-1].strip("."):
            found[NamedFile(kept, line)] = None
    return tuple(found)[:_MOST_FILES]
