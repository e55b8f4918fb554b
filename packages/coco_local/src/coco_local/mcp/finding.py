"""Tools `search` and `related`: ranked results within a token budget."""

from __future__ import annotations

from coco_core.errors import InvalidInput
from coco_local.mcp.answers import SearchAnswer, SearchHit
from coco_local.mcp.arguments import KINDS, RelatedArguments, SearchArguments
from coco_local.mcp.budget import Budget, estimate_tokens
from coco_local.mcp.format import hit_text, search_text
from coco_local.mcp.hits import rows_of, shown_hit
from coco_local.mcp.reply import FRAME_TOKENS, Reply
from coco_local.mcp.scope import Caller, Scope, globs_below, resolve_file, resolve_project
from coco_protocol.docs import (
    FiltersBody,
    Hit,
    QueryEnvelope,
    QueryMeta,
    QueryRequest,
    RankingBody,
    RelatedRequest,
    RetrievalBody,
)
from coco_protocol.local import LocalService

__all__ = ["related", "search"]

# A header line with path, lines and symbol, and the marks around it.
HEADER_TOKENS = 25
# RetrievalBody refuses less.
LEAST_TOKENS = 50


def search(service: LocalService, caller: Caller, arguments: SearchArguments) -> Reply:
    """Find places by meaning, words or symbol."""
    scope = resolve_project(
        service.projects().projects, caller, project=arguments.project, path=arguments.path
    )
    request = QueryRequest(
        query=arguments.query,
        project_id=scope.project.project_id,
        retrieval_config=_retrieval(arguments),
        filters=_filters(arguments, scope.within),
    )
    found = service.query(request)
    return _found(scope, found, offset=arguments.offset, max_tokens=arguments.max_tokens)


def _retrieval(arguments: SearchArguments) -> RetrievalBody:
    """Return what the caller fixed; the rest is what the project has adopted, or the default.

    How much comes back is fixed always: an answer must fit into the caller's budget.
    """
    given = arguments.model_fields_set
    values: dict[str, object] = {
        "top_k": arguments.limit,
        "offset": arguments.offset,
        "max_tokens": _content_tokens(arguments.max_tokens, arguments.limit),
    }
    if "mode" in given:
        values["retrieval_mode"] = arguments.mode
    if "per_file" in given:
        values["per_document"] = arguments.per_file
    if "profile" in given:
        values["ranking"] = RankingBody(profile=arguments.profile)
    return RetrievalBody.model_validate(values)


def related(service: LocalService, caller: Caller, arguments: RelatedArguments) -> Reply:
    """Find places like the one at a file and line."""
    scope = resolve_file(service.projects().projects, caller, arguments.path, arguments.project)
    request = RelatedRequest(
        doc_id=scope.within,
        project_id=scope.project.project_id,
        line=arguments.line,
        retrieval_config=RetrievalBody(
            top_k=arguments.limit,
            offset=arguments.offset,
            max_tokens=_content_tokens(arguments.max_tokens, arguments.limit),
        ),
        filters=_filters(arguments, ""),
    )
    found = service.related(request)
    return _found(scope, found, offset=arguments.offset, max_tokens=arguments.max_tokens)


def _found(scope: Scope, found: QueryEnvelope, *, offset: int, max_tokens: int) -> Reply:
    """Turn results into an answer that keeps to the budget."""
    meta, data = found.meta, found.data
    notice = _freshness(scope, meta)
    budget = Budget(max_tokens - FRAME_TOKENS - (estimate_tokens(notice) if notice else 0))
    results: list[SearchHit] = []
    for found_hit in data.results:
        hit = shown_hit(found_hit, rows_of(found_hit))
        if budget.take(hit_text(hit)):
            results.append(hit)
            continue
        if not results:
            # Half of the best answer is worth more than none.
            results.append(_shortened(found_hit, budget))
        break
    next_offset = data.next_offset
    if len(results) < len(data.results):
        next_offset = offset + len(results)
    answer = SearchAnswer(
        project=scope.project.name,
        root=scope.project.root,
        results=results,
        next_offset=next_offset,
        fresh=meta.status == "fresh",
        pending_files=meta.pending_files,
        tier=meta.tier,
        notice=notice,
        empty_reason=data.empty_reason,
    )
    return Reply(search_text(answer, seen=offset), answer)


def _filters(arguments: SearchArguments | RelatedArguments, within: str) -> FiltersBody:
    unknown = sorted(set(arguments.kinds) - set(KINDS))
    if unknown:
        raise InvalidInput(
            f"There is no kind {', '.join(unknown)!r}.", hint=f"Kinds: {', '.join(KINDS)}."
        )
    return FiltersBody(
        languages=[language.lower() for language in arguments.languages],
        include=globs_below(within, arguments.include),
        exclude=arguments.exclude,
        kinds=arguments.kinds,
    )


def _content_tokens(max_tokens: int, limit: int) -> int:
    """Return what is left for the code when every result has its header."""
    return max(LEAST_TOKENS, max_tokens - FRAME_TOKENS - HEADER_TOKENS * limit)


def _shortened(hit: Hit, budget: Budget) -> SearchHit:
    """Return the hit with as many of its lines as fit."""
    budget.take(hit_text(shown_hit(hit, [])))
    # The line that says where the rest is names the file once more.
    budget.take(hit.chunk.path or hit.chunk.doc_id)
    rows = rows_of(hit)
    fitting = budget.head([text for _, text in rows])
    return shown_hit(hit, rows[: len(fitting)]).model_copy(update={"cut": True})


def _freshness(scope: Scope, meta: QueryMeta) -> str | None:
    """Return in one line what keeps this answer from being all of the truth."""
    parts = [scope.notice] if scope.notice else []
    if meta.notice:
        parts.append(meta.notice)
    elif meta.pending_files:
        files = "file" if meta.pending_files == 1 else "files"
        parts.append(f"{meta.pending_files} changed {files} not indexed yet, searched as text")
    return " ".join(parts) or None
