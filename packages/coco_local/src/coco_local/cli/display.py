"""What of an answer is printed, and what every form of it needs of a hit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coco_protocol.docs import ReadRequest

if TYPE_CHECKING:
    from coco_local.cli.place import Place
    from coco_protocol.docs import Hit, ReadData
    from coco_protocol.local import LocalService

__all__ = ["Display", "path_of", "read_around", "stages_of"]


@dataclass(frozen=True, slots=True)
class Display:
    """What of an answer is printed."""

    query: str = ""
    """As it was typed; its words are marked."""
    files: bool = False
    """Only the files' paths."""
    full: bool = False
    """Whole chunks for a person, too."""
    context: int = 0
    """Lines around each hit, from disk."""
    scores: bool = False
    explain: bool = False
    pager: bool = True


def path_of(hit: Hit) -> str:
    """Return a hit's file, relative to its project."""
    return hit.chunk.path or hit.chunk.doc_id


def read_around(
    client: LocalService, place: Place, hit: Hit, lines: tuple[int, int], context: int
) -> ReadData:
    """Return lines of a hit's file, both ends included, with ``context`` more around, from disk."""
    return client.read(
        ReadRequest(
            doc_id=path_of(hit),
            project_id=place.project_id,
            start_line=max(1, lines[0] - context),
            end_line=lines[1] + context,
        )
    )


def stages_of(hit: Hit) -> list[str]:
    """Return a hit's scores, stage by stage."""
    stages = {"score": hit.meta.score, "vector": hit.meta.vector, "words": hit.meta.fts}
    stages |= hit.meta.explain or {}
    return [f"{name}={value:.4g}" for name, value in stages.items() if value is not None]
