"""Files of a project, and the map of what they define."""

from __future__ import annotations

from coco_core.code.project_map import (
    MapFile,
    MapLine,
    MappedSymbol,
    choose,
    render,
    tokens_of,
)
from coco_core.errors import DocumentNotFound
from coco_core.languages import language
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.operations.context import FUNCTIONS, Context
from coco_local.operations.current import LISTING, catch_up
from coco_local.search.path_filter import path_filter
from coco_local.store.documents import IndexedChunk
from coco_protocol.code import (
    FileBody,
    FilesData,
    FilesRequest,
    MapData,
    MapEntry,
    MapRequest,
    MapSymbol,
)
from coco_protocol.local import LocalService

# A signature is cut here: the map shows what there is, not how it is called. When the budget does
# not hold it, more of it goes, and at last all.
_MAX_SIGNATURE = 100
_SIGNATURES = (_MAX_SIGNATURE, 60, 0)

# Below this a map is a list of directories.
_LEAST_BUDGET = 20


@FUNCTIONS.answers(LocalService.files)
def files(context: Context, request: FilesRequest) -> FilesData:
    """Return a page of the files that fit."""
    indexer = context.registry.resolve(request.project_id, request.path).active
    context.registry.check_globs(indexer.project, request.include)
    with context.gate.query():
        listed = catch_up(indexer)
        allowed = path_filter(indexer.project.root, request)
        languages = {language(name).name for name in request.languages}
        documents = indexer.index.memory.documents
        found = sorted(
            name
            for name, entry in dict(documents).items()
            if (not languages or entry.document.language in languages) and allowed(name)
        )
        page = [name for name in found if name > request.after][: request.limit]
        bodies = [
            FileBody(path=name, language=entry.document.language, size=entry.document.size)
            for name in page
            if (entry := documents.get(name)) is not None
        ]
    more = bool(page) and page[-1] != found[-1]
    return FilesData(
        files=bodies,
        total=len(found),
        next_after=page[-1] if more else None,
        notice=_pending(indexer, listed=listed),
    )


@FUNCTIONS.answers(LocalService.map)
def project_map(context: Context, request: MapRequest) -> MapData:
    """Return the tree of a project or a directory with its main definitions."""
    indexer = context.registry.resolve(request.project_id, request.path).active
    context.registry.check_globs(indexer.project, request.include)
    with context.gate.query():
        listed = catch_up(indexer)
        allowed = path_filter(indexer.project.root, request)
        memory = indexer.index.memory
        directory = request.directory.strip("/")
        base = f"{directory}/" if directory and directory != "." else ""
        if directory in memory.documents:
            base = directory[: directory.rfind("/") + 1]
            chosen, ranked = context.maps.files(indexer, lambda path: path == directory)
        else:
            chosen, ranked = context.maps.files(
                indexer, lambda path: path.startswith(base) and allowed(path)
            )
            if base and not chosen and not any(n.startswith(base) for n in memory.documents):
                raise DocumentNotFound(
                    f"There is no indexed directory or file {directory!r}.",
                    hint="Paths are relative to the project's root.",
                )
        lines, symbols, text = _fitting(indexer, chosen, ranked, request.max_tokens, base)
    return MapData(
        entries=[
            MapEntry(
                path=line.path,
                files=line.files,
                symbols=symbols.get(line.path, []),
                definitions=line.definitions,
            )
            for line in lines
        ],
        text=text,
        files=len(chosen),
        definitions=sum(len(file.symbols) for file in chosen),
        notice=_pending(indexer, listed=listed),
    )


def _fitting(
    indexer: ProjectIndexer,
    chosen: list[MapFile],
    ranked: list[tuple[MappedSymbol, str]],
    max_tokens: int,
    base: str,
) -> tuple[list[MapLine], dict[str, list[MapSymbol]], str]:
    """Return the map that keeps to the budget with its signatures, which are known only then."""
    budget = max_tokens
    while True:
        lines = choose(chosen, budget, base, ranked)
        symbols = _described(indexer, lines)
        for longest in _SIGNATURES:
            text = render(lines, _labels(symbols, longest), base)
            if tokens_of(text) <= max_tokens:
                return lines, symbols, text
        if budget < _LEAST_BUDGET or not any(line.symbols for line in lines):
            return lines, symbols, text
        budget = budget * 3 // 4


def _labels(symbols: dict[str, list[MapSymbol]], longest: int) -> dict[tuple[str, str], str]:
    return {
        (path, each.symbol): f"{each.line} {each.signature[:longest] or _plain(each)}"
        for path, listed in symbols.items()
        for each in listed
    }


def _described(indexer: ProjectIndexer, lines: list[MapLine]) -> dict[str, list[MapSymbol]]:
    """Return the chosen definitions with their lines, by file."""
    memory, store = indexer.index.memory, indexer.index.store
    keys = {memory.metadata.key(symbol.row) for line in lines for symbol in line.symbols}
    chunks = store.chunks(keys)
    found: dict[str, list[MapSymbol]] = {}
    for line in lines:
        for symbol in line.symbols:
            chunk = chunks.get(memory.metadata.key(symbol.row))
            if chunk is not None:
                found.setdefault(line.path, []).append(_symbol(symbol.symbol, chunk))
    for listed in found.values():
        listed.sort(key=lambda each: each.line)
    return found


def _symbol(symbol: str, indexed: IndexedChunk) -> MapSymbol:
    chunk = indexed.chunk
    for definition in chunk.definitions:
        if definition.path == symbol:
            return MapSymbol(
                symbol=symbol,
                kind=definition.kind.value,
                line=definition.line,
                signature=definition.signature[:_MAX_SIGNATURE],
            )
    return MapSymbol(symbol=symbol, kind=chunk.kind.value, line=chunk.span.start_line)


def _plain(symbol: MapSymbol) -> str:
    name = symbol.symbol.rpartition(".")[2]
    return name if symbol.kind == "code_block" else f"{symbol.kind} {name}"


def _pending(indexer: ProjectIndexer, *, listed: bool) -> str | None:
    if not listed:
        return LISTING
    waiting = indexer.pending
    if not waiting:
        return None
    word = "file is" if waiting == 1 else "files are"
    return f"{waiting} changed {word} not indexed yet and may be missing."
