"""`coco query`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import typer

from coco_local.cli.completion import complete_config
from coco_local.cli.filters import Exclude, Kinds, Languages, MaxTokens, Paths, Since, Symbol
from coco_local.cli.options import Json, Project
from coco_local.cli.rerank import NoRerank, Rerank, RerankTopN, with_reranker
from coco_local.cli.terminal import terminal_of

__all__ = ["query"]

# The wire's own closed sets; a test compares them, since importing the wire here would make every
# `--help` wait for it.
Mode: TypeAlias = Literal["vector", "fts", "hybrid"]
Profile: TypeAlias = Literal["auto", "code", "docs", "mixed"]


def query(
    context: typer.Context,
    *,
    text: Annotated[list[str], typer.Argument(metavar="TEXT", help="What to look for.")],
    project: Project = None,
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
    files: Annotated[bool, typer.Option("--files", help="Print only the files' paths.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print how each result got its score.")
    ] = False,
    json: Json = False,
) -> None:
    """Search a project by meaning and by words.

    Results are path:line headers and code; piped, they are path:first-last headers and plain text.
    What is missing from the answer is said on standard error. Exit code 4 means nothing was found.
    What you leave out is as the project's adopted defaults say (coco experiment adopt).
    """
    from coco_local.cli.connection import connected, place_of
    from coco_local.cli.hits import show_answer
    from coco_local.cli.requests import build
    from coco_protocol.docs import FiltersBody, QueryRequest, RankingBody, RetrievalBody

    terminal = terminal_of(context)
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
        place = place_of(client, project)
        request = build(
            QueryRequest,
            query=" ".join(text),
            project_id=place.project_id,
            indexing_config_id=config,
            explain=explain,
            retrieval_config=retrieval,
            filters=build(
                FiltersBody,
                include=place.globs(path or ()),
                exclude=place.globs(exclude or ()),
                languages=lang,
                kinds=kind,
                since_revision=since,
                symbol=symbol,
            ),
        )
        answer = client.query(request)
        show_answer(terminal, client, place, answer, files=files, context=around, explain=explain)
        if not json and answer.data.next_offset is not None and terminal.pretty:
            terminal.note(f"more: --offset {answer.data.next_offset}")
