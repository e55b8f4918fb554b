"""`coco related`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from coco_core.errors import InvalidInput
from coco_local.cli.completion import complete_file
from coco_local.cli.filters import (
    Exclude,
    Files,
    Full,
    Kinds,
    Languages,
    MaxTokens,
    NoPager,
    Paths,
    Since,
    Verbose,
)
from coco_local.cli.options import Json, Project
from coco_local.cli.terminal import terminal_of

__all__ = ["related", "split_line"]

_PATH_LINE = re.compile(r"(?P<path>.+?):(?P<first>\d+)(?:-(?P<last>\d+))?(?::\d+)?:?")


def split_line(text: str) -> tuple[str, int | None, int | None]:
    """Return path, first and last line of ``path``, ``path:10``, ``path:10-42``, ``path:10:3``.

    A file may have such a name itself: where it exists, it is meant.
    """
    match = _PATH_LINE.fullmatch(text)
    if match is None or Path(text).expanduser().is_file():
        return text, None, None
    last = match["last"]
    return match["path"], int(match["first"]), int(last) if last else None


def related(
    context: typer.Context,
    *,
    where: Annotated[
        str,
        typer.Argument(
            metavar="PATH:LINE",
            help="A place in a file, as results name it.",
            autocompletion=complete_file,
        ),
    ],
    project: Project = None,
    path: Paths = None,
    exclude: Exclude = None,
    lang: Languages = None,
    kind: Kinds = None,
    since: Since = None,
    limit: Annotated[
        int, typer.Option("-k", "--limit", min=1, max=1000, help="At most this many results.")
    ] = 10,
    max_tokens: MaxTokens = None,
    files: Files = False,
    full: Full = False,
    verbose: Verbose = False,
    no_pager: NoPager = False,
    json: Json = False,
) -> None:
    """Find code like the code at a line."""
    from coco_local.cli.connection import connected
    from coco_local.cli.display import Display
    from coco_local.cli.file import locate
    from coco_local.cli.hits import show_answer
    from coco_local.cli.places import Places
    from coco_local.cli.requests import build, build_filters
    from coco_protocol.docs import RelatedRequest, RetrievalBody

    del json
    file, line, _ = split_line(where)
    if line is None:
        raise InvalidInput(
            f"{where!r} names no line.", hint=f"Write it like: coco related {where}:42"
        )
    terminal = terminal_of(context)
    with connected() as client:
        place, doc_id = locate(client, project, file)
        request = build(
            RelatedRequest,
            doc_id=doc_id,
            project_id=place.project_id,
            line=line,
            retrieval_config=build(RetrievalBody, top_k=limit, max_tokens=max_tokens),
            filters=build_filters(place.globs, path, exclude, lang, kind, since=since),
        )
        display = Display(files=files, full=full, scores=verbose, pager=not no_pager)
        show_answer(terminal, client, Places((place,)), client.related(request), display)
