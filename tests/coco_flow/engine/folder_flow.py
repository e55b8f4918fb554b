"""The flow that tests of change detection run: a folder of texts, their paragraphs, one table."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path

import coco_flow
from tests.flow_parts import MemoryTarget

__all__ = ["FolderCalls", "Paragraph", "folder_flow", "write"]

# Files get times a minute ago, a second apart: such tokens are trusted, and each edit shows.
_seconds = itertools.count()


@dataclass
class Paragraph:
    number: int
    text: str


class FolderCalls:
    """What the flow's functions were called with."""

    def __init__(self) -> None:
        self.split: list[str] = []
        self.upper: list[str] = []

    def clear(self) -> None:
        """Start counting anew."""
        self.split.clear()
        self.upper.clear()


def write(path: Path, text: str) -> None:
    """Write a file with a time of its own that lies in the past."""
    path.write_text(text, encoding="utf-8")
    when = time.time() - 3600 + next(_seconds)
    os.utime(path, (when, when))


def folder_flow(
    folder: Path,
    calls: FolderCalls | None = None,
    *,
    name: str = "Folder",
    split_version: int = 1,
    upper_version: int = 1,
    separator: str = "\n\n",
    prefix: str = "",
) -> coco_flow.Flow:
    """Open a flow from the folder to the table `paragraphs`; both functions are cached."""
    seen = calls or FolderCalls()

    @coco_flow.op.function(cache=True, behavior_version=split_version)
    def split(text: str, separator: str) -> list[Paragraph]:
        seen.split.append(text)
        return [Paragraph(number, part) for number, part in enumerate(text.split(separator))]

    @coco_flow.op.function(cache=True, behavior_version=upper_version)
    def upper(text: str, prefix: str) -> str:
        seen.upper.append(text)
        return prefix + text.upper()

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(coco_flow.sources.LocalFile(path=str(folder)))
        rows = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["paragraphs"] = doc["content"].transform(split, separator)
            with doc["paragraphs"].row() as paragraph:
                paragraph["upper"] = paragraph["text"].transform(upper, prefix)
                rows.collect(
                    filename=doc["filename"],
                    number=paragraph["number"],
                    upper=paragraph["upper"],
                )
        rows.export(
            "paragraphs",
            MemoryTarget(name="paragraphs"),
            primary_key_fields=["filename", "number"],
        )

    return coco_flow.open_flow(name, define)
