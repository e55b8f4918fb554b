"""WebAssembly grammar: parses bytes to ``Syntax``, like a native one."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from dataclasses import dataclass

from coco_core.errors import CocoError, WasmRejected
from coco_core.languages.limits import (
    BYTES_PER_TICK,
    ERRORS_LOOKED_AT,
    MATCH_LIMIT,
    PARTED,
    SMALL_BYTES,
    TICKS,
    WIDE,
)
from coco_core.languages.queries import LanguageQuery, parse_query
from coco_core.languages.syntax import Syntax
from coco_core.wasm.engine import Engine, GuestError, failure
from coco_core.wasm.fit import derived_query, fitted_query
from coco_core.wasm.records import Offsets, read_records
from coco_core.wasm.sandbox import LOAD_SECONDS, Modules, Sandbox

__all__ = ["Probe", "WasmGrammar", "probe"]

# Behind the count of ticks, for a scanner that never comes back: a grammar reads 2 MB a second.
_SECONDS = 5.0
_SECONDS_PER_BYTE = 10e-6

# A query is linear in the tree; this is a hundred times of what a file of 4 MiB needs.
_QUERY_TICKS = 50_000_000

# A grammar that was stopped so often in a row is not asked again: each time costs seconds.
_STRIKES = 3

# A sandbox that grew above this for one large file is not kept.
_KEPT_BYTES = 96 << 20

# More idle sandboxes than threads that parse at one time are of no use.
_MAX_IDLE = 2

# What the reader answers in the place of a number of words: stopped, or an error too wide.
_NOTHING = (-1, -2)


@dataclass(frozen=True, slots=True)
class Probe:
    """What a grammar's file tells about itself."""

    exported_name: str
    abi: int
    query: str
    """A query that fits; empty when nothing in the grammar has a telling name."""
    query_origin: str
    """``own``: the given one as it is; ``fitted``: what of it fits; ``derived``: a made one."""
    stubs: tuple[str, ...]
    """Functions that it imports and that are not there."""


def probe(engine: Engine, modules: Modules, wasm: bytes, query: str, name: str) -> Probe:
    """Load a grammar, find a query that fits it, and parse a word.

    Raises:
        WasmRejected: the file is no grammar that can be used here.
        WasmFailed: it failed or was stopped.
    """
    what = f"The grammar of {name!r}"
    with engine.running():
        try:
            box = Sandbox(engine, modules, wasm)
        except GuestError as error:
            raise failure(what, error) from error

        def fits(text: str) -> bool:
            engine.arm(box.store, LOAD_SECONDS)
            return box.compile_query(text)[1] is None

        try:
            own = fitted_query(query, fits) if query.strip() else None
            text = own if own is not None else derived_query(box.node_types(), fits)
        except GuestError as error:
            raise failure(what, error) from error
        finally:
            box.close()
    origin = "derived" if own is None else "own" if own == query else "fitted"
    failed: list[CocoError] = []
    grammar = WasmGrammar(
        engine, modules, wasm, parse_query(text), name=name, on_failure=failed.append
    )
    grammar.parse(b"x\n")
    grammar.close()
    if failed:
        raise failed[0]
    return Probe(box.exported_name, box.abi, text, origin, tuple(box.stubs))


class WasmGrammar:
    """A grammar with its query, in as many sandboxes as threads use it; safe to share."""

    def __init__(
        self,
        engine: Engine,
        modules: Modules,
        wasm: bytes,
        query: LanguageQuery,
        *,
        name: str,
        on_failure: Callable[[CocoError], None] | None = None,
    ) -> None:
        """Load the grammar once, so that what is wrong with it shows now.

        Args:
            engine: runs all grammars of a process.
            modules: compiles, with whatever cache the product has.
            wasm: the grammar's file.
            query: what to look for in a tree.
            name: the language, for messages.
            on_failure: hears of every file that the grammar failed on; the files become text.

        Raises:
            WasmRejected: the file is no grammar, or the query does not fit it.
            WasmFailed: it failed or was stopped while it was loaded.
        """
        self.name = name
        self.broken: str | None = None
        """Why the grammar is not asked any more."""
        self._engine = engine
        self._modules = modules
        self._wasm = wasm
        self._query = query
        self._on_failure = on_failure
        self._strikes = 0
        self._lock = threading.Lock()
        self._idle: list[_Reader] = []
        self._give_back(self._take())

    def parse(self, source: bytes) -> Syntax | None:
        """Parse UTF-8 text; ``None`` when it takes too long or the grammar fails."""
        if self.broken is not None:
            return None
        reader: _Reader | None = None
        try:
            reader = self._take()
            with self._engine.running():
                syntax = reader.parse(source)
        except CocoError as error:
            self._failed(reader, error)
            return None
        except GuestError as error:
            self._failed(reader, failure(f"The grammar of {self.name!r}", error))
            return None
        self._strikes = 0
        self._give_back(reader)
        return syntax

    def close(self) -> None:
        """Give all memory back."""
        with self._lock:
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.close()

    def _take(self) -> _Reader:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        with self._engine.running():
            return _Reader(self._engine, self._modules, self._wasm, self._query, self.name)

    def _give_back(self, reader: _Reader) -> None:
        with self._lock:
            if len(self._idle) < _MAX_IDLE and reader.memory_bytes <= _KEPT_BYTES:
                self._idle.append(reader)
                return
        reader.close()

    def _failed(self, reader: _Reader | None, error: CocoError) -> None:
        if reader is not None:
            reader.close()
        self._strikes += 1
        if self._strikes >= _STRIKES:
            self.broken = error.message
        if self._on_failure is not None:
            self._on_failure(error)


class _Reader:
    """A sandbox with the query compiled in it and room for a text."""

    def __init__(
        self, engine: Engine, modules: Modules, wasm: bytes, query: LanguageQuery, name: str
    ) -> None:
        self._engine = engine
        self._what = f"The grammar of {name!r}"
        self._conditions = query.conditions
        try:
            self._sandbox = Sandbox(engine, modules, wasm)
        except GuestError as error:
            raise failure(self._what, error) from error
        try:
            self._prepare(query.text)
        except GuestError as error:
            self.close()
            raise failure(self._what, error) from error
        except CocoError:
            self.close()
            raise

    @property
    def memory_bytes(self) -> int:
        """How much memory the sandbox has."""
        return self._sandbox.memory.data_len(self._sandbox.store)

    def close(self) -> None:
        self._sandbox.close()

    def _prepare(self, query: str) -> None:
        box = self._sandbox
        self._query, error = box.compile_query(query)
        if error is not None:
            raise WasmRejected(f"The query does not fit {self._what.lower()}: {error}.")
        names = [
            box.name_at(box.call("ts_query_capture_name_for_id", self._query, at, box.transfer))
            for at in range(box.call("ts_query_capture_count", self._query))
        ]
        self._captures = tuple(names)
        parted = [names.index(name) if name in names else -1 for name in sorted(PARTED)]
        self._parted = frozenset(at for at in parted if at >= 0)
        box.reader["init"](box.store, _word(box.transfer), *parted)
        box.call("ts_parser_new_wasm")
        self._parser, self._input = box.word(box.transfer), box.word(box.transfer + 4)
        if not box.call("ts_parser_set_language", self._parser, box.language):
            raise WasmRejected(f"{self._what} was refused by tree-sitter.")
        self._room = self._place = 0

    def parse(self, source: bytes) -> Syntax | None:
        box = self._sandbox
        # Two scanners of three take NUL for the end; native grammars are spared it too.
        plain = source.replace(b"\0", b" ") if b"\0" in source else source
        text = plain.decode("utf-8", "replace")
        data = text.encode("utf-16-le", "surrogatepass")
        self._engine.arm(box.store, _SECONDS + _SECONDS_PER_BYTE * len(source))
        self._make_room(len(data))
        box.write(self._place, data)
        box.call("set_text", self._place, len(data) // 2)
        wide = ERRORS_LOOKED_AT if len(source) > SMALL_BYTES else 0
        words = box.reader["read"](
            box.store,
            _word(self._parser),
            _word(self._input),
            _word(self._query),
            TICKS + len(source) // BYTES_PER_TICK,
            _QUERY_TICKS,
            MATCH_LIMIT,
            WIDE,
            wide,
        )
        if words in _NOTHING:
            return None
        out = box.reader["out"](box.store)
        records = array("I", box.read(out % (1 << 32), (words % (1 << 32)) * 4))
        return read_records(
            source,
            records,
            captures=self._captures,
            parted=self._parted,
            conditions=self._conditions,
            offsets=Offsets(text, len(source), len(data) // 2),
        )

    def _make_room(self, size: int) -> None:
        if size <= self._room:
            return
        box = self._sandbox
        box.call("free", self._place)
        self._room = size * 5 // 4 + 4_096
        self._place = box.call("malloc", self._room)


def _word(value: int) -> int:
    return value - (1 << 32) if value >= 1 << 31 else value
