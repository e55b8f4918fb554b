"""Options of a search that name a reranker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from coco_core.errors import InvalidInput
from coco_local.cli.completion import complete_reranker

if TYPE_CHECKING:
    from coco_protocol.docs import RetrievalBody

__all__ = ["NoRerank", "Rerank", "RerankTopN", "with_reranker"]

Rerank: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--rerank",
        metavar="NAME",
        help="Let this reranker read the first results again (coco config models).",
        autocompletion=complete_reranker,
    ),
]
RerankTopN: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--rerank-top-n", min=1, max=200, metavar="N", help="How many results it reads (30)."
    ),
]
NoRerank: TypeAlias = Annotated[
    bool, typer.Option("--no-rerank", help="Without the reranker that the project adopted.")
]


def with_reranker(
    retrieval: RetrievalBody, name: str | None, top_n: int | None, *, none: bool
) -> RetrievalBody:
    """Return the config with the reranker of these options; without any it is as it was.

    Raises:
        InvalidInput: they do not go together.
    """
    from coco_local.cli.requests import build
    from coco_protocol.docs import RerankerBody

    if none and (name is not None or top_n is not None):
        raise InvalidInput(
            "--no-rerank excludes --rerank and --rerank-top-n.", hint="Leave it out."
        )
    if name is None and top_n is not None:
        raise InvalidInput("--rerank-top-n needs a reranker.", hint="Add --rerank NAME.")
    if none:
        # Said, and not merely left out: what is left out is as the project adopted it.
        return retrieval.model_copy(update={"reranker": None})
    if name is None:
        return retrieval
    reranker = build(RerankerBody, model_name=name, rerank_top_n=top_n)
    return retrieval.model_copy(update={"reranker": reranker})
