"""`coco query`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from coco_local.cli.completion import complete_config, complete_words
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
    Symbol,
    Verbose,
)
from coco_local.cli.options import Json, Projects
from coco_local.cli.rerank import NoRerank, Rerank, RerankTopN, with_reranker
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coco_local.cli.places import Places
    from coco_protocol.docs import Hit
    from coco_protocol.local import LocalService

__all__ = ["query"]

# The wire's own closed sets; a test compares them, since importing the wire here would make every
# `--help` wait for it.
Mode: TypeAlias = Literal["vector", "fts", "hybrid"]
Profile: TypeAlias = Literal["auto", "code", "docs", "mixed"]


def query(
    context: typer.Context,
    *,
    text: Annotated[
        list[str],
        typer.Argument(metavar="TEXT", help="What to look for.", autocompletion=complete_words),
    ],
    project: Projects = None,
    every: Annotated[
        bool, typer.Option("--all", help="Search every project, in one ranking.")
    ] = False,
    path: Paths = None,
    exclude: Exclude = None,
    lang: Languages = None,
    kind: Kinds = None,
    since: Since = None,
    symbol: Symbol = None,
    limit: Annotated[
        int | None,
        typer.Option("-k", "--limit", min=1, max=1000, help="At most this many results (10)."),
    ] = None,
    offset: Annotated[
        int | None, typer.Option("--offset", min=0, max=10_000, help="Skip the first results.")
    ] = None,
    per_file: Annotated[
        int | None,
        typer.Option("--per-file", min=1, max=1000, help="At most this many of one file (1)."),
    ] = None,
    mode: Annotated[
        Mode | None, typer.Option("--mode", help="By meaning (vector), by words (fts), or both.")
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            "--alpha", min=0, max=1, help="Weight of meaning: 1 only meaning, 0 only words."
        ),
    ] = None,
    profile: Annotated[
        Profile | None,
        typer.Option("--profile", help="What is looked for; decides the ranking."),
    ] = None,
    rerank: Rerank = None,
    rerank_top_n: RerankTopN = None,
    no_rerank: NoRerank = False,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            metavar="ID",
            help="Search the index built under this config.",
            autocompletion=complete_config,
        ),
    ] = None,
    max_tokens: MaxTokens = None,
    min_score: Annotated[
        float | None,
        typer.Option("--min-score", help="Leave out results below this score (1 is a good match)."),
    ] = None,
    around: Annotated[
        int,
        typer.Option("--context", "-C", min=0, max=200, metavar="N", help="Lines around each hit."),
    ] = 0,
    files: Files = False,
    full: Full = False,
    verbose: Verbose = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print how each result got its score.")
    ] = False,
    open_hit: Annotated[
        int | None,
        typer.Option(
            "--open", min=1, metavar="[N]", help="Open the first or the Nth result in your editor."
        ),
    ] = None,
    pick: Annotated[
        bool,
        typer.Option("--interactive", "-i", help="Choose among the results, with a preview."),
    ] = False,
    no_pager: NoPager = False,
    json: Json = False,
) -> None:
    """Search a project by meaning and by words.

    Results are path:line headers and the lines that answer; piped, the
    headers are path:first-last. What is missing from the answer
    is said on standard error. Exit code 4 means nothing was found.

    Filters may stand in TEXT; in quotes they are words:
    lang:py path:src -path:tests file:query.py ext:md kind:class symbol:App.run

    What you leave out is as the project's adopted defaults say
    (coco experiment adopt).
    """
    from coco_local.cli.connection import connected
    from coco_local.cli.display import Display
    from coco_local.cli.hits import show_answer
    from coco_local.cli.places import choose_places
    from coco_local.cli.requests import build, build_filters
    from coco_protocol.docs import QueryRequest, RankingBody, RetrievalBody

    terminal = terminal_of(context)
    asked = " ".join(text)
    retrieval = with_reranker(
        build(
            RetrievalBody,
            retrieval_mode=mode,
            top_k=limit,
            offset=offset,
            hybrid_alpha=alpha,
            per_document=per_file,
            max_tokens=max_tokens,
            min_score=min_score,
            ranking=RankingBody(profile=profile) if profile else None,
        ),
        rerank,
        rerank_top_n,
        none=no_rerank,
    )
    with connected() as client:
        places = choose_places(client, project, every=every)
        request = build(
            QueryRequest,
            query=asked,
            **places.fields,
            indexing_config_id=config,
            explain=explain,
            retrieval_config=retrieval,
            filters=build_filters(
                places.globs, path, exclude, lang, kind, since=since, symbol=symbol
            ),
        )
        answer = client.query(request)
        if answer.data.results and (pick or open_hit is not None):
            _open(terminal, client, (places, answer.data.results, asked), 0 if pick else open_hit)
            return
        display = Display(
            asked, files, full, context=around, scores=verbose, explain=explain, pager=not no_pager
        )
        show_answer(terminal, client, places, answer, display)
        if not json and answer.data.next_offset is not None and terminal.pretty:
            terminal.note(f"more: --offset {answer.data.next_offset}")


def _open(
    terminal: Terminal,
    client: LocalService,
    found: tuple[Places, Sequence[Hit], str],
    number: int | None,
) -> None:
    """Open the numbered one of what was ``found`` for a query; 0 lets the user choose."""
    places, hits, asked = found
    if not number:
        from coco_local.cli.picker import pick_and_open

        pick_and_open(terminal, client, places, hits, asked)
    else:
        from coco_local.cli.opening import open_numbered

        open_numbered(terminal, places, hits, number, asked)
