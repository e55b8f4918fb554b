"""Retrieval on the wire: query, related, outline, read, listings, import and index."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coco_protocol.base import Answer, Identifier, PathText, PlainText, Request, Revision
from coco_protocol.envelope import Envelope, Meta

__all__ = [
    "ChunkBody",
    "ChunkFields",
    "ChunksData",
    "DocumentBody",
    "DocumentRequest",
    "DocumentsData",
    "DocumentsRequest",
    "EmptyReason",
    "EnclosingBody",
    "FiltersBody",
    "FusionMethod",
    "Hit",
    "HitMeta",
    "HitScores",
    "ImportData",
    "ImportRequest",
    "IndexRequest",
    "OutlineData",
    "OutlineSymbol",
    "PieceBody",
    "Profile",
    "QueryData",
    "QueryEnvelope",
    "QueryFields",
    "QueryMeta",
    "QueryMetaFields",
    "QueryRequest",
    "RankingBody",
    "ReadData",
    "ReadRequest",
    "RelatedRequest",
    "RerankerBody",
    "RetrievalBody",
    "RetrievalMode",
]

RetrievalMode = Literal["vector", "fts", "hybrid"]
Profile = Literal["auto", "code", "docs", "mixed"]
FusionMethod = Literal["relative", "rrf"]

EmptyReason = Literal[
    "nothing_indexed",
    "no_files",
    "no_such_path",
    "no_such_language",
    "no_such_symbol",
    "filtered_out",
    "below_min_score",
    "past_the_end",
    "changed",
    "no_match",
]
"""Why a page has no hit, by the names of `coco_core.search.course`."""


class FiltersBody(Request):
    """Which chunks may answer; all given conditions must hold."""

    languages: list[PlainText] = Field(default_factory=list, max_length=100)
    include: list[PlainText] = Field(default_factory=list, max_length=200, description="path globs")
    exclude: list[PlainText] = Field(default_factory=list, max_length=200, description="path globs")
    kinds: list[PlainText] = Field(default_factory=list, max_length=20)
    symbol: PlainText | None = Field(default=None, max_length=500)
    doc_ids: list[PlainText] = Field(default_factory=list, max_length=10_000)
    tags: list[PlainText] = Field(default_factory=list, max_length=100)
    min_quality: float | None = Field(default=None, ge=-1e9, le=1e9)
    verified: bool | None = None
    changed_since: float | None = Field(
        default=None, ge=-62_135_596_800, le=253_402_300_799, description="Unix seconds"
    )  # of the years 1 to 9999
    since_revision: Revision = None


class RankingBody(Request):
    """Profile and switches of the code-aware ranking; ``None`` leaves the profile's default."""

    profile: Profile = "auto"
    fusion: FusionMethod | None = None
    definitions: bool | None = None
    paths: bool | None = None
    coherence: bool | None = None
    literal: bool | None = None
    penalties: bool | None = None
    diversity: bool | None = None


class RerankerBody(Request):
    """An optional cross-encoder over the first results."""

    model_name: str = Field(min_length=1, max_length=200)
    rerank_top_n: int = Field(default=30, ge=1, le=200)


class RetrievalBody(Request):
    """What may change with every query (6-experiments, RetrievalConfig)."""

    retrieval_mode: RetrievalMode = "hybrid"
    top_k: int = Field(default=10, ge=1, le=1000)
    offset: int = Field(default=0, ge=0, le=10_000)
    hybrid_alpha: float | None = Field(
        default=None, ge=0, le=1, description="1 = vectors only, 0 = keywords only, null = by query"
    )
    per_document: int = Field(default=1, ge=1, le=1000)
    max_tokens: int | None = Field(default=None, ge=50, le=1_000_000)
    min_score: float | None = Field(
        default=None,
        ge=-1e9,
        le=1e9,
        description="Leave out hits below it; 1 = the best match by text alone.",
    )
    ranking: RankingBody = Field(default_factory=RankingBody)
    reranker: RerankerBody | None = None


class QueryFields(Request):
    """What a query says on both wires."""

    query: PlainText = Field(min_length=1, max_length=10_000)
    project_id: Identifier | None = None
    indexing_config_id: Identifier | None = Field(
        default=None, description="Another index than the project's active one."
    )
    retrieval_config: RetrievalBody = Field(default_factory=RetrievalBody)
    filters: FiltersBody = Field(default_factory=FiltersBody)
    explain: bool = False


class QueryRequest(QueryFields):
    """``POST /v1/docs/query``; the project comes from the header, ``project_id`` or ``path``.

    Or several projects are searched as one: those of ``projects``, or ``all_projects``.
    """

    path: PathText | None = Field(default=None, description="a directory or file of the project")
    projects: list[PathText] = Field(
        default_factory=list,
        max_length=100,
        description="search these together: ids, names, or directories",
    )
    all_projects: bool = Field(default=False, description="search every project together")


class RelatedRequest(Request):
    """``POST /v1/docs/related``: chunks like the one at ``doc_id:line``, or like ``chunk_id``."""

    project_id: Identifier | None = None
    path: PathText | None = None
    doc_id: PathText | None = None
    line: int | None = Field(default=None, ge=1)
    chunk_id: Identifier | None = None
    retrieval_config: RetrievalBody = Field(default_factory=RetrievalBody)
    filters: FiltersBody = Field(default_factory=FiltersBody)


class ChunkFields(Answer):
    """What a chunk tells of itself on both wires, by the names of the core's record."""

    chunk_id: str
    doc_id: str
    language: str
    kind: str
    symbol: str = ""
    signature: str = ""
    heading_trail: list[str] = Field(default_factory=list)
    fragment: str = Field(default="", description="what follows # in its anchor")
    definitions: list[str] = Field(
        default_factory=list, description="dotted paths of the definitions that begin in it"
    )
    token_count: int = 0
    content: str


class ChunkBody(ChunkFields):
    """A chunk as it stands on disk now."""

    path: str | None = None
    start_line: int | None = None
    end_line: int | None = None


class HitScores(Answer):
    """Scores of a hit, by stage, and what is known of its quality; ``null`` is unknown."""

    score: float
    vector: float | None = None
    fts: float | None = None
    quality: float | None = None
    verified: bool | None = None
    explain: dict[str, float] | None = None


class HitMeta(HitScores):
    """Scores of a hit, and where it comes from."""

    source: Literal["index", "live"] = "index"
    relocated: bool = Field(default=False, description="the lines were corrected at answer time")


class PieceBody(Answer):
    """Whole lines of a document, both ends included."""

    start_line: int
    end_line: int
    content: str


class EnclosingBody(Answer):
    """A definition with all of its lines."""

    symbol: str
    kind: str
    start_line: int
    end_line: int
    signature: str = ""


class Hit(Answer):
    """One result: its best chunk, and the lines of its document that answer."""

    meta: HitMeta
    chunk: ChunkBody
    pieces: list[PieceBody] = Field(
        default_factory=list,
        description="the lines that answer, in order; what lies between two pieces is left out",
    )
    enclosing: EnclosingBody | None = Field(
        default=None, description="the definition that the first piece lies in"
    )
    project_id: str | None = Field(
        default=None, description="its project, where several were searched together"
    )
    project: str | None = Field(default=None, description="that project's name")


class QueryData(Answer):
    """The results, best first; ``next_offset`` is null when there are no more."""

    results: list[Hit]
    next_offset: int | None = None
    empty_reason: EmptyReason | None = None


class QueryMetaFields(Meta):
    """What both products tell about an answer."""

    project_id: str = ""
    indexing_config_id: str = Field(default="", description="the index that answered")
    query_config_id: str | None = Field(
        default=None, description="the adopted config that supplied what the query left out"
    )
    notice: str | None = Field(default=None, description="what is missing, in one sentence")
    took_ms: dict[str, float] = Field(default_factory=dict)


class QueryMeta(QueryMetaFields):
    """How true and how complete the answer is."""

    tier: Literal["keyword", "static", "mixed", "transformer"] = "keyword"
    vector_coverage: float = Field(
        default=0.0,
        description="share of chunks with the model's vector; the others have a static one",
    )
    pending_files: int = 0
    relocated_hits: int = 0
    stale_hits_dropped: int = 0
    projects: list[str] = Field(
        default_factory=list, description="ids of those that answered, if several were asked"
    )


class QueryEnvelope(Envelope[QueryData]):
    """What ``POST /v1/docs/query`` and ``/related`` answer."""

    meta: QueryMeta = Field(default_factory=QueryMeta)


class DocumentRequest(Request):
    """A file of a project: what `outline` and `chunks` take."""

    doc_id: PathText = Field(description="The file, relative to the project.")
    project_id: Identifier | None = Field(default=None, description="Instead of the header.")
    path: PathText | None = Field(default=None, description="A place in the project.")


class OutlineSymbol(Answer):
    """A definition in a file."""

    symbol: str
    kind: str
    line: int
    end_line: int
    signature: str = ""


class OutlineData(Answer):
    """``GET /v1/docs/outline``: the symbols (or headings) of a file, in order."""

    doc_id: str
    language: str
    symbols: list[OutlineSymbol]


class ReadRequest(Request):
    """``POST /v1/docs/read``: lines of a project's file, from disk."""

    doc_id: PathText
    project_id: Identifier | None = None
    path: PathText | None = None
    start_line: int = Field(default=1, ge=1)
    end_line: int | None = Field(default=None, ge=1)


class ReadData(Answer):
    """The lines as they are on disk now."""

    doc_id: str
    start_line: int
    end_line: int
    total_lines: int
    language: str
    content: str


class DocumentsRequest(Request):
    """Which page of a project's documents: those whose ids come after ``after``."""

    after: PlainText = Field(default="", max_length=4096, description="The last id seen.")
    limit: int = Field(default=1000, ge=1, le=10_000)
    project_id: Identifier | None = Field(default=None, description="Instead of the header.")
    path: PathText | None = Field(default=None, description="A place in the project.")


class DocumentBody(Answer):
    """A document of an index, as it was when it was indexed."""

    doc_id: str
    language: str
    size: int = Field(description="bytes of the file")
    content_hash: str = Field(description="equal as long as the content is")
    chunks: int


class DocumentsData(Answer):
    """``GET /v1/docs/list``: a page of a project's documents, by id."""

    documents: list[DocumentBody]
    next_after: str | None = Field(default=None, description="null when there are no more")


class ChunksData(Answer):
    """``GET /v1/docs/chunks``: a document as it is on disk now, cut as the index cuts it."""

    doc_id: str
    language: str
    chunks: list[ChunkBody]


class ImportRequest(Request):
    """``POST /v1/docs/import``: register directories (idempotent) and index them."""

    paths: list[PathText] = Field(min_length=1, max_length=1000)
    recursive: bool = Field(default=False, description="each repository found below is a project")
    standalone: bool = Field(
        default=False, description="also a part of a project gets an index, addressed by id"
    )
    indexing_config_id: Identifier | None = None


class IndexRequest(Request):
    """``POST /v1/docs/index``: bring a project up to date, or build it anew."""

    project_id: Identifier | None = None
    path: PathText | None = None
    rebuild: bool = False
    indexing_config_id: Identifier | None = None
    dry_run: bool = Field(default=False, description="only count what would be done")


class ImportData(Answer):
    """The projects and the jobs that index them."""

    project_ids: list[str]
    job_ids: list[str]
    notices: list[str] = Field(
        default_factory=list,
        description="what a user may not expect, as sentences: repositories inside that are not "
        "part of the project, or a project that has the files already",
    )
