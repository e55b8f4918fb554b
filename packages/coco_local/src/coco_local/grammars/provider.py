"""Grammar provider: gives chunking the installed WebAssembly grammars."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from coco_core.errors import CocoError
from coco_core.languages import Parser, add_language, named_language
from coco_core.languages.queries import parse_query
from coco_core.languages.syntax import Grammar
from coco_local.grammars.record import GrammarRecord
from coco_local.grammars.store import GrammarStore

if TYPE_CHECKING:
    from coco_core.wasm.engine import Engine
    from coco_local.grammars.modules import CompiledModules

__all__ = ["GrammarProvider"]

log = structlog.get_logger(__name__)


class GrammarProvider:
    """Loads installed grammars when they are first asked for; thread-safe.

    wasmtime is loaded with the first grammar: who has none pays nothing.
    """

    def __init__(
        self,
        store: GrammarStore,
        *,
        on_missing: Callable[[str], None] | None = None,
        on_failure: Callable[[str, CocoError], None] | None = None,
    ) -> None:
        """``on_missing`` is called with languages whose grammar could be installed, once each."""
        self._store = store
        self._on_missing = on_missing
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._modules: CompiledModules | None = None
        self._records: dict[str, GrammarRecord] = {}
        self.reload()

    @property
    def records(self) -> dict[str, GrammarRecord]:
        """The grammars that were installed at the last `reload`."""
        return self._records

    def reload(self) -> set[str]:
        """Look what is installed now; returns the languages for which that changed."""
        before, self._records = self._records, self._store.all()
        for record in self._records.values():
            language = record.as_language()
            if language is not None:
                add_language(language)
        return {
            name
            for name in before.keys() | self._records.keys()
            if _identity(before.get(name)) != _identity(self._records.get(name))
        }

    def __call__(self, name: str) -> Grammar | None:
        """Return the grammar of a language; None if there is none, or it is not installed."""
        record = self._records.get(name)
        if record is None:
            known = named_language(name)
            if known is not None and known.parser is Parser.WASM and self._on_missing is not None:
                self._on_missing(known.name)
            return None
        try:
            return self._load(record)
        except CocoError as error:
            self._failed(name, error)
            return None

    def _load(self, record: GrammarRecord) -> Grammar:
        from coco_core.wasm.engine import Engine
        from coco_core.wasm.grammar import WasmGrammar
        from coco_local.grammars.modules import CompiledModules

        with self._lock:
            if self._engine is None or self._modules is None:
                self._engine = Engine()
                self._modules = CompiledModules(
                    self._engine, self._store.compiled, self._compile_apart
                )
            name = record.language
            return WasmGrammar(
                self._engine,
                self._modules,
                self._store.wasm(record),
                parse_query(self._store.query(record)),
                name=name,
                on_failure=lambda error: self._failed(name, error),
            )

    def _compile_apart(self, wasm: bytes) -> None:
        """Compile what this version of wasmtime has not compiled yet, in a child with limits."""
        from coco_local.grammars.examine import examine

        with tempfile.TemporaryDirectory(prefix="coco-grammar-") as name:
            path, query = Path(name) / "grammar.wasm", Path(name) / "query.scm"
            path.write_bytes(wasm)
            query.write_text("", encoding="utf-8")
            examine(path, query, "installed", self._store.compiled)

    def _failed(self, name: str, error: CocoError) -> None:
        log.warning("grammar_failed", language=name, reason=error.message)
        if self._on_failure is not None:
            self._on_failure(name, error)


def _identity(record: GrammarRecord | None) -> tuple[str, float] | None:
    return None if record is None else (record.sha256, record.installed_at)
