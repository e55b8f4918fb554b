"""Grammar installation: download, check in a child process, move into place."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coco_core.errors import InvalidInput, Unavailable, Unreadable
from coco_core.languages import Language, LanguageKind, Parser, named_language
from coco_core.languages.queries import query_text
from coco_embed.progress import Progress, SourceFailed, Watch
from coco_local.grammars.examine import examine
from coco_local.grammars.npmrc import NpmConfig
from coco_local.grammars.record import GrammarRecord
from coco_local.grammars.sources import GrammarSource, source_of
from coco_local.grammars.store import GRAMMAR, LICENCE, QUERY, GrammarStore

__all__ = ["InstallRequest", "Installer"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

# A package in the folder of downloads is used again by the next grammar that it holds.
_KEPT_SECONDS = 24 * 3_600

_MAX_WASM_BYTES = 24 << 20

# How the text of a licence begins, for packages that do not name it.
_LICENCES = (
    ("MIT", "permission is hereby granted, free of charge"),
    ("Apache-2.0", "apache license"),
    ("Unlicense", "this is free and unencumbered software"),
    ("ISC", "permission to use, copy, modify, and/or distribute"),
    ("BSD", "redistribution and use in source and binary forms"),
)


@dataclass(frozen=True, slots=True)
class InstallRequest:
    """What to install."""

    language: str
    source: str | None = None
    """A path, a URL or ``npm:PACKAGE[@VERSION][:FILE]``; None: the settings' or the catalogue's."""
    query: Path | None = None
    """A query to use in the place of CoCo's own."""
    newest: bool = False
    extensions: tuple[str, ...] = ()
    filenames: tuple[str, ...] = ()
    shebangs: tuple[str, ...] = ()
    kind: str = "code"


@dataclass(frozen=True, slots=True)
class Installer:
    """Installs grammars into a store."""

    store: GrammarStore
    mirror: str | None = None
    """The setting ``grammar_source``; it comes before the registry."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def install(
        self,
        request: InstallRequest,
        on_progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> GrammarRecord:
        """Fetch, examine and put in place; what was there before stays until then.

        Raises:
            InvalidInput: the name or the source cannot be used.
            Unavailable: the source does not give the grammar.
            WasmRejected: the file is no grammar that can be used here.
            WasmFailed: it failed or took too much while it was examined.
        """
        language = _checked(request)
        source = self._source(request, language.name)
        watch = Watch(source.name, on_progress, cancelled)
        with self.store.staging() as folder:
            self._drop_old_downloads()
            try:
                fetched = source.fetch(language.name, folder, self.store.downloads, watch)
            except SourceFailed as error:
                raise Unavailable(
                    f"The grammar of {language.name!r} is not available from {source.name}: "
                    f"{error}.",
                    hint="Name another source with --from; partial downloads are kept.",
                ) from error
            wasm = folder / GRAMMAR
            size = wasm.stat().st_size
            if size > _MAX_WASM_BYTES:
                raise InvalidInput(f"{source.name} has {size} bytes; no grammar is so large.")
            query = folder / QUERY
            query.write_text(_query(request, language.name), encoding="utf-8")
            watch.report("install")
            found = examine(wasm, query, language.name, self.store.compiled, cancelled)
            query.write_text(found["query"], encoding="utf-8")
            record = GrammarRecord(
                language=language.name,
                sha256=hashlib.sha256(wasm.read_bytes()).hexdigest(),
                size=size,
                source=fetched.source,
                version=fetched.version,
                licence=_licence(fetched.licence, folder / LICENCE),
                exported_name=found["exported_name"],
                abi=found["abi"],
                query_origin="given" if request.query is not None else found["query_origin"],
                installed_at=time.time(),
                stubs=tuple(found["stubs"]),
                kind=request.kind,
                extensions=request.extensions,
                filenames=request.filenames,
                shebangs=request.shebangs,
            )
            self.store.add(folder, record)
        return record

    def _source(self, request: InstallRequest, language: str) -> GrammarSource:
        config = NpmConfig(self.environ)
        given = request.source if request.source is not None else self.mirror
        return source_of(given, language, config, newest=request.newest)

    def _drop_old_downloads(self) -> None:
        oldest = time.time() - _KEPT_SECONDS
        for path in self.store.downloads.iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)


def _checked(request: InstallRequest) -> Language:
    """Return the language, known or new."""
    known = named_language(request.language)
    if known is not None and known.parser is Parser.NATIVE:
        raise InvalidInput(
            f"{known.name!r} has a grammar that is built in.", hint="There is nothing to install."
        )
    if known is not None:
        return known
    name = request.language.strip().lower()
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{request.language!r} is no name for a language.",
            hint="Use small letters, digits and _, as in the file's function tree_sitter_NAME.",
        )
    if not (request.extensions or request.filenames or request.shebangs):
        raise InvalidInput(
            f"CoCo does not know the language {name!r}, so it needs to know its files.",
            hint="Say which: --ext .foo, --filename Foofile or --shebang foo",
        )
    return Language(name, LanguageKind(request.kind))


def _query(request: InstallRequest, language: str) -> str:
    if request.query is None:
        return query_text(language)
    try:
        return request.query.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{str(request.query)!r} cannot be read: {error}.") from error


def _licence(named: str, path: Path) -> str:
    if named != "unknown" or not path.is_file():
        return named
    text = " ".join(path.read_text(encoding="utf-8", errors="replace").lower().split())
    return next((name for name, words in _LICENCES if words in text), "see LICENSE")
