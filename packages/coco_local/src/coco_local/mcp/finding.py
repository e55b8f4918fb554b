"""Tools `search` and `related`: ranked results within a token budget."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from coco_core.errors import InvalidInput
from coco_core.globs import globs_below
from coco_local.client.chunk_kinds import KINDS
from coco_local.client.shown_hit import shown_hit
from coco_local.mcp.arguments import RelatedArguments, SearchArguments
from coco_local.mcp.budget import Budget, notice_line
from coco_local.mcp.coercion import did_you_mean
from coco_local.mcp.format import empty_text, hit_text
from coco_local.mcp.missing import known_languages, require_path
from coco_local.mcp.scope import (
    Caller,
    Scope,
    plain_globs,
    project_named,
    resolve_file,
    resolve_project,
)
from coco_protocol.docs import (
    FiltersBody,
    QueryEnvelope,
    QueryMeta,
    QueryRequest,
    RankingBody,
    RelatedRequest,
    RetrievalBody,
)
from coco_protocol.local import LocalService

__all__ = ["related", "search"]

# The share of an answer that is lines of files; the rest are the headers above them.
LINES_SHARE = 0.8
# What names the next page; the longest of them has its place in every answer.
LAST_LINE = "More: offset={}"
LARGEST_OFFSET = 99_999


def search(service: LocalService, caller: Caller, arguments: SearchArguments) -> str:
    """Find places by meaning, words or symbol."""
    if arguments.projects:
        return _search_several(service, caller, arguments)
    scope = resolve_project(
        service.projects().projects, caller, project=arguments.project, path=arguments.path
    )
    require_path(service, scope)
    request = QueryRequest(
        query=arguments.query,
        project_id=scope.project.project_id,
        retrieval_config=_retrieval(arguments),
        filters=_filters(service, arguments, scope, scope.within).model_copy(
            update={"since_revision": arguments.since or None}
        ),
    )
    found = service.query(request)
    return _found(scope, found, offset=arguments.offset, max_tokens=arguments.max_tokens)


def _search_several(service: LocalService, caller: Caller, arguments: SearchArguments) -> str:
    """Find places in several projects; their paths are absolute, as every tool takes them."""
    if arguments.project or arguments.path:
        raise InvalidInput(
            "projects searches several together, and project or path names one.",
            hint="Leave project and path out; include='src/**' restricts all of them.",
        )
    every = "*" in arguments.projects
    known = service.projects().projects
    chosen = [] if every else [project_named(known, n, caller) for n in arguments.projects]
    request = QueryRequest(
        query=arguments.query,
        projects=[project.project_id for project in chosen],
        all_projects=every,
        retrieval_config=_retrieval(arguments),
        filters=FiltersBody(
            languages=known_languages(service, arguments.languages),
            include=arguments.include,
            exclude=arguments.exclude,
            kinds=[_kind(kind) for kind in arguments.kinds],
        ),
    )
    found = service.query(request)
    roots = {project.project_id: project.root for project in known}
    return _found(
        None, found, offset=arguments.offset, max_tokens=arguments.max_tokens, roots=roots
    )


def _retrieval(arguments: SearchArguments) -> RetrievalBody:
    """Return what the caller fixed; the rest is what the project has adopted, or the default.

    How much comes back is fixed always: an answer must fit into the caller's budget.
    """
    given = arguments.model_fields_set
    values: dict[str, object] = {
        "top_k": arguments.limit,
        "offset": arguments.offset,
        "max_tokens": int(arguments.max_tokens * LINES_SHARE),
    }
    if "mode" in given:
        values["retrieval_mode"] = arguments.mode
    if "per_file" in given:
        values["per_document"] = arguments.per_file
    if "profile" in given:
        values["ranking"] = RankingBody(profile=arguments.profile)
    return RetrievalBody.model_validate(values)


def related(service: LocalService, caller: Caller, arguments: RelatedArguments) -> str:
    """Find places like the one at a file and line."""
    scope = resolve_file(service.projects().projects, caller, arguments.path, arguments.project)
    require_path(service, scope)
    line = arguments.line if "line" in arguments.model_fields_set else scope.first_line
    request = RelatedRequest(
        doc_id=scope.within,
        project_id=scope.project.project_id,
        line=line or arguments.line,
        retrieval_config=RetrievalBody(
            top_k=arguments.limit,
            offset=arguments.offset,
            max_tokens=int(arguments.max_tokens * LINES_SHARE),
        ),
        filters=_filters(service, arguments, scope, ""),
    )
    found = service.related(request)
    return _found(scope, found, offset=arguments.offset, max_tokens=arguments.max_tokens)


def _found(
    scope: Scope | None,
    found: QueryEnvelope,
    *,
    offset: int,
    max_tokens: int,
    roots: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the results as text that keeps to the budget, with how to go on.

    ``roots`` are those of several projects, by id: then paths are absolute.
    """
    budget = Budget(max_tokens)
    notice = notice_line(budget, _freshness(scope, found.meta))
    hits = [shown_hit(hit, roots.get(hit.project_id or "")) for hit in found.data.results]
    if not hits:
        return notice + budget.clip(empty_text(found.data.empty_reason, offset))
    budget.take(LAST_LINE.format(LARGEST_OFFSET) + "\n")
    ends = [f"(cut to fit max_tokens; read {hit.path} for the rest)\n" for hit in hits]
    shown = budget.fill([hit_text(hit) for hit in hits], ends)
    more = found.data.next_offset
    if len(shown) < len(hits):
        more = offset + len(shown)
    last = LAST_LINE.format(more) if more is not None else ""
    return (notice + "".join(shown) + last).rstrip("\n")


def _filters(
    service: LocalService,
    arguments: SearchArguments | RelatedArguments,
    scope: Scope,
    within: str,
) -> FiltersBody:
    return FiltersBody(
        languages=known_languages(service, arguments.languages),
        include=globs_below(within, plain_globs(scope.project, arguments.include)),
        exclude=plain_globs(scope.project, arguments.exclude),
        kinds=[_kind(kind) for kind in arguments.kinds],
    )


def _kind(word: str) -> str:
    """Return a kind of chunk by its name, which may be a plural.

    Raises:
        InvalidInput: there is no such kind.
    """
    bare = word.lower()
    for kind in KINDS:
        if bare in (kind, f"{kind}s", f"{kind}es"):
            return kind
    raise InvalidInput(
        f"There is no kind {word!r}{did_you_mean(word, KINDS)}",
        hint=f"Kinds: {', '.join(KINDS)}.",
    )


def _freshness(scope: Scope | None, meta: QueryMeta) -> str | None:
    """Return in one line what keeps this answer from being all of the truth."""
    parts = [scope.notice] if scope is not None and scope.notice else []
    if meta.notice:
        parts.append(meta.notice)
    elif meta.pending_files:
        files = "file" if meta.pending_files == 1 else "files"
        parts.append(f"{meta.pending_files} changed {files} not indexed yet, searched as text")
    return " ".join(parts) or None
