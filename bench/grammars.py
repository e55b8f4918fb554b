"""What WebAssembly grammars are worth: definitions found, equality with native ones, speed, memory.

    python bench/grammars.py coverage --sources DIR
    python bench/grammars.py equal --grammars DIR --sources DIR
    python bench/grammars.py speed --grammars DIR --sources DIR

`--sources` is a folder of real files in any layout. `coverage` uses the grammars that are installed
(`coco grammar install`); `equal` and `speed` compare a folder of ``tree-sitter-NAME.wasm`` with the
native grammars of the same names. Times are CPU times of interleaved runs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from coco_core.chunking import chunk_document
from coco_core.chunking.line_table import measure_lines
from coco_core.chunking.outline import outline_of
from coco_core.configs import ChunkingConfig
from coco_core.decoding import decode
from coco_core.languages import Parser, detect_language, grammars, named_language
from coco_core.languages.queries import load_query
from coco_core.languages.syntax import Grammar
from coco_core.wasm.engine import Engine
from coco_core.wasm.grammar import WasmGrammar
from coco_local.grammars.modules import CompiledModules
from coco_local.grammars.provider import GrammarProvider
from coco_local.grammars.store import GrammarStore
from coco_local.home import CocoHome

CONFIG = ChunkingConfig()
HEAD = 16_384
MAX_FILE = 1 << 20
ROUNDS = 3


@dataclass
class Found:
    """What was found in the files of one language."""

    files: int = 0
    parsed: int = 0
    bytes: int = 0
    inside: int = 0
    definitions: int = 0
    chunks: int = 0
    named_chunks: int = 0
    failed: list[str] = field(default_factory=list)


def files_of(sources: list[Path]) -> Iterator[tuple[str, Path, bytes]]:
    """Yield language, path and content of every file."""
    for root in sources:
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.stat().st_size <= MAX_FILE:
                data = path.read_bytes()
                yield detect_language(path.name, data[:HEAD]), path, data


def measure(found: Found, grammar: Grammar, path: Path, data: bytes) -> None:
    """Cut one file and count what its definitions hold."""
    source = decode(data)
    found.files += 1
    found.bytes += len(source.utf8)
    document = chunk_document(path.name, data, CONFIG)
    found.chunks += len(document.chunks)
    found.named_chunks += sum(bool(chunk.symbol) for chunk in document.chunks)
    syntax = grammar.parse(source.utf8) if document.parsed else None
    if syntax is None:
        if document.chunks:
            found.failed.append(path.name)
        return
    found.parsed += 1
    outline = outline_of(measure_lines(source, CONFIG, None), source.utf8, syntax)
    found.definitions += sum(symbol.defines for symbol in outline.symbols)
    ranges = sorted((match.start, match.end) for match in syntax.named)
    done = 0
    for start, end in ranges:
        found.inside += max(0, end - max(start, done))
        done = max(done, end)


def coverage(options: argparse.Namespace) -> None:
    """Print languages with files, definitions and the share of bytes inside named definitions."""
    store = GrammarStore(CocoHome.find(os.environ).grammars)
    provider = GrammarProvider(store)
    grammars.register(provider)
    found: dict[str, Found] = defaultdict(Found)
    for name, path, data in files_of(options.sources):
        grammar = grammars.grammar_for(name)
        language = named_language(name)
        if grammar is not None and language is not None and language.parser is Parser.WASM:
            measure(found[name], grammar, path, data)
    print(
        "| language | package | files | parsed | KB | definitions | bytes inside | named chunks |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for name, of in sorted(found.items()):
        record = provider.records[name]
        package = record.source.split(":")[1] if record.source.startswith("npm:") else "file"
        print(
            f"| {name} | {package} {record.version} | {of.files} | {of.parsed} "
            f"| {of.bytes / 1e3:,.0f} | {of.definitions:,} | {of.inside / of.bytes:.0%} "
            f"| {of.named_chunks / max(of.chunks, 1):.0%} |"
        )
        if of.failed:
            print(f"  as text in {name}: {', '.join(of.failed[:5])}", file=sys.stderr)


def pairs(
    options: argparse.Namespace, modules: Callable[[bytes], object], engine: Engine
) -> Iterator[tuple[str, bytes, Grammar, WasmGrammar]]:
    """Yield every language that is in the folder and native too."""
    for path in sorted(options.grammars.rglob("tree-sitter-*.wasm")):
        name = path.stem.removeprefix("tree-sitter-")
        language = named_language(name)
        if language is None or language.parser is not Parser.NATIVE:
            continue
        native = grammars.grammar_for(language.name)
        wasm = path.read_bytes()
        query = load_query(language.name)
        if native is not None:
            grammar = WasmGrammar(engine, modules, wasm, query, name=name)  # type: ignore[arg-type]
            yield language.name, wasm, native, grammar


def equal(options: argparse.Namespace) -> None:
    """Print how many files of each language get the same chunks from both."""
    engine = Engine()
    with tempfile.TemporaryDirectory() as folder:
        modules = CompiledModules(engine, Path(folder))
        both = {name: (native, wasm) for name, _, native, wasm in pairs(options, modules, engine)}
        same: dict[str, int] = defaultdict(int)
        chunks: dict[str, int] = defaultdict(int)
        differ: dict[str, list[str]] = defaultdict(list)
        for name, path, data in files_of(options.sources):
            if name not in both:
                continue
            results = []
            for grammar in both[name]:
                grammars._grammars[name] = grammar
                results.append(chunk_document(path.name, data, CONFIG))
            grammars._grammars[name] = both[name][0]
            chunks[name] += len(results[0].chunks)
            if results[0] == results[1]:
                same[name] += 1
            else:
                differ[name].append(str(path))
    print("| language | files | chunks | identical | different |")
    print("|---|--:|--:|--:|--:|")
    for name in sorted(same):
        files = same[name] + len(differ[name])
        print(f"| {name} | {files} | {chunks[name]:,} | {same[name]} | {len(differ[name])} |")
        for other in differ[name][:3]:
            print(f"  {other}", file=sys.stderr)


def speed(options: argparse.Namespace) -> None:
    """Print parse and chunk throughput of both, load times and memory."""
    engine = Engine()
    process = psutil.Process()
    sources: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for name, path, data in files_of(options.sources):
        if sum(len(each) for _, each in sources[name]) < options.kilobytes * 1_000:
            sources[name].append((path.name, decode(data).utf8))
    print("| language | KB | parse: native MB/s | wasm | ratio | chunk: native | wasm | ratio |"
          " load: cold s | cached ms | memory MB |")  # fmt: skip
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        cold = CompiledModules(engine, Path(folder))
        # The core is compiled once for all languages.
        next(pairs(options, cold, engine))
        for name, wasm, native, grammar in pairs(options, cold, engine):
            files = sources.get(name)
            if not files:
                continue
            size = sum(len(data) for _, data in files)
            compiling = _cold(wasm, Path(folder), name)
            before = process.memory_info().rss
            began = time.process_time()
            cached = WasmGrammar(
                engine, CompiledModules(engine, Path(folder)), wasm, load_query(name), name=name
            )
            loading = time.process_time() - began
            for _, data in files:
                cached.parse(data)
            memory = process.memory_info().rss - before
            rates: dict[str, list[float]] = defaultdict(list)
            for _ in range(ROUNDS):
                for kind, each in (("native", native), ("wasm", grammar)):
                    rates[f"parse {kind}"].append(_parse(each, files) / size)
                    rates[f"chunk {kind}"].append(_chunk(name, each, files) / size)
            grammars._grammars[name] = native
            best = {kind: 1e-6 / min(seconds) for kind, seconds in rates.items()}
            ratio = {
                what: statistics.median(
                    slow / fast
                    for slow, fast in zip(
                        rates[f"{what} wasm"], rates[f"{what} native"], strict=True
                    )
                )
                for what in ("parse", "chunk")
            }
            print(
                f"| {name} | {size / 1e3:,.0f} | {best['parse native']:.2f} "
                f"| {best['parse wasm']:.2f} | {ratio['parse']:.1f}x "
                f"| {best['chunk native']:.2f} | {best['chunk wasm']:.2f} "
                f"| {ratio['chunk']:.1f}x | {compiling:.2f} | {loading * 1e3:.0f} "
                f"| {memory / 1e6:.0f} |",
                flush=True,
            )
            cached.close()
            grammar.close()


def _cold(wasm: bytes, folder: Path, name: str) -> float:
    """Return the CPU seconds to compile and load a grammar that nobody has compiled."""
    for path in folder.glob(f"{hashlib.sha256(wasm).hexdigest()}-*"):
        path.unlink()
    engine = Engine()
    began = time.process_time()
    WasmGrammar(engine, CompiledModules(engine, folder), wasm, load_query(name), name=name).close()
    return time.process_time() - began


def _parse(grammar: Grammar, files: list[tuple[str, bytes]]) -> float:
    began = time.process_time()
    for _, data in files:
        grammar.parse(data)
    return time.process_time() - began


def _chunk(name: str, grammar: Grammar, files: list[tuple[str, bytes]]) -> float:
    grammars._grammars[name] = grammar
    began = time.process_time()
    for path, data in files:
        chunk_document(path, data, CONFIG)
    return time.process_time() - began


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=("coverage", "equal", "speed"))
    parser.add_argument("--sources", type=Path, nargs="+", required=True)
    parser.add_argument("--grammars", type=Path, help="tree-sitter-NAME.wasm of native languages")
    parser.add_argument("--kilobytes", type=int, default=800, help="of each language, for speed")
    options = parser.parse_args()
    {"coverage": coverage, "equal": equal, "speed": speed}[options.what](options)


if __name__ == "__main__":
    main()
