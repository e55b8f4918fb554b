"""Keyword retrieval and ranking of the core alone, in memory, on the code-search questions.

    python bench/retrieval/inmemory.py QUESTIONS CHECKOUTS [--ablate] [--repos a,b]

QUESTIONS is the folder with ``repos.json`` and ``annotations/``; CHECKOUTS holds one directory per
repository at its pinned revision. Prints nDCG@10 (binary, chunk ranks, best chunk per file) per
repository and the mean over repositories. Queries and labels were made by a language model.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coco_core.answer import Pick, select
from coco_core.bm25 import FIELDS, CorpusStats, TermVector, term_scores, term_vector
from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.intent import RankingOptions, SearchIntent
from coco_core.languages import LanguageKind, detect_language, named_language
from coco_core.metrics import average, ndcg_at
from coco_core.plan import Wanted, wanted
from coco_core.query import Query, understand
from coco_core.ranking import rank
from coco_core.tokens import term_id
from coco_core.types import Candidate, Chunk, ChunkFacts, ExecutorAnswer, FloatVector

# What the benchmark's other systems index: source code and documents; no data, no lock files.
KINDS = (LanguageKind.CODE, LanguageKind.DOCS, LanguageKind.CONFIG)

SWITCHES = ("definitions", "paths", "coherence", "penalties")


class MemoryExecutor:
    """A keyword-only executor over term vectors in arrays."""

    def __init__(self, facts: Sequence[ChunkFacts], vectors: Sequence[TermVector]) -> None:
        self.facts = facts
        ids = np.concatenate([vector.ids for vector in vectors])
        rows = np.repeat(np.arange(len(vectors)), [len(vector.ids) for vector in vectors])
        frequencies = np.concatenate([vector.frequencies for vector in vectors])
        order = np.argsort(ids, kind="stable")
        self.ids, self.rows, self.frequencies = ids[order], rows[order], frequencies[order]
        self.lengths = np.array([vector.lengths for vector in vectors], dtype=np.float32)
        self.stats = CorpusStats(len(vectors), self.lengths.mean(axis=0))
        self.defining: dict[str, list[int]] = {}
        for row, each in enumerate(facts):
            for path in each.definitions:
                name = path.rpartition(".")[2].casefold()
                self.defining.setdefault(name, []).append(row)

    def search(
        self,
        intent: SearchIntent,  # noqa: ARG002  # the port's shape
        query: Query,
        query_vector: FloatVector | None,  # noqa: ARG002  # keywords only
        wanted: Wanted,
    ) -> ExecutorAnswer:
        scores = np.zeros(len(self.facts), dtype=np.float32)
        for term in query.terms:
            number = np.uint64(term_id(term))
            low, high = np.searchsorted(self.ids, [number, number + np.uint64(1)])
            rows = self.rows[low:high]
            if len(rows):
                scores[rows] += term_scores(
                    self.stats, len(rows), self.frequencies[low:high], self.lengths[rows]
                )
        best = np.argsort(-scores, kind="stable")[: wanted.keyword]
        picked = {int(row) for row in best if scores[row] > 0}
        for name in wanted.definitions:
            picked.update(self.defining.get(name.casefold(), ()))
        named = self._rows(query.name) if query.name else set()
        return ExecutorAnswer(
            [
                Candidate(self.facts[row], float(scores[row]), named=row in named)
                for row in sorted(picked)
            ],
            total=len(self.facts),
            filtered=len(self.facts),
        )

    def _rows(self, term: str) -> set[int]:
        number = np.uint64(term_id(term))
        low, high = np.searchsorted(self.ids, [number, number + np.uint64(1)])
        return set(self.rows[low:high].tolist())


@dataclass
class Repository:
    name: str
    language: str
    root: Path
    questions: list[dict[str, Any]]


def repositories(questions: Path, checkouts: Path, only: set[str]) -> Iterator[Repository]:
    for entry in json.loads((questions / "repos.json").read_text(encoding="utf-8")):
        name = entry["name"]
        base = checkouts / name
        if not base.is_dir() or (only and name not in only):
            continue
        text = (questions / "annotations" / f"{name}.json").read_text(encoding="utf-8")
        root = base / (entry.get("benchmark_root") or "")
        yield Repository(name, entry["language"], root, json.loads(text))


def chunks_of(root: Path, config: ChunkingConfig) -> Iterator[tuple[str, Chunk]]:
    for path in sorted(root.rglob("*")):
        if not path.is_file() or ".git/" in path.as_posix() or path.stat().st_size > 1 << 20:
            continue
        doc_id = path.relative_to(root).as_posix()
        data = path.read_bytes()
        known = named_language(detect_language(doc_id, data[:1024]))
        if b"\0" in data[:4096] or known is None or known.kind not in KINDS:
            continue
        for chunk in chunk_document(doc_id, data, config).chunks:
            yield doc_id, chunk


def index(root: Path, config: ChunkingConfig) -> MemoryExecutor:
    facts: list[ChunkFacts] = []
    vectors: list[TermVector] = []
    for doc_id, chunk in chunks_of(root, config):
        definitions = tuple(each.path for each in chunk.definitions)
        facts.append(
            ChunkFacts(
                key=len(facts),
                doc_id=doc_id,
                kind=chunk.kind,
                language=chunk.language,
                symbol=chunk.symbol,
                definitions=definitions,
                start_line=chunk.span.start_line,
                end_line=chunk.span.end_line,
                token_count=chunk.token_count,
            )
        )
        vectors.append(
            term_vector(
                doc_id=doc_id,
                symbol=chunk.symbol,
                definitions=definitions,
                signature=chunk.signature,
                heading_trail=chunk.heading_trail,
                text=chunk.text,
            )
        )
    assert len(FIELDS) == 3
    return MemoryExecutor(facts, vectors)


def targets_of(question: dict[str, Any]) -> list[tuple[str, int | None, int | None]]:
    targets: list[tuple[str, int | None, int | None]] = []
    for each in [*question["relevant"], *question.get("secondary", [])]:
        if isinstance(each, str):
            targets.append((each, None, None))
        else:
            targets.append((each["path"], each.get("start_line"), each.get("end_line")))
    return targets


def gains(picks: Sequence[Pick], targets: list[tuple[str, int | None, int | None]]) -> list[float]:
    result = [0.0] * len(picks)
    for path, start, end in targets:
        for place, pick in enumerate(picks):
            same = path == pick.doc_id or path.endswith("/" + pick.doc_id)
            overlap = (
                start is None or end is None or (start <= pick.end_line and pick.start_line <= end)
            )
            if (same or pick.doc_id.endswith("/" + path)) and overlap:
                result[place] = 1.0
                break
    return result


def score(executor: MemoryExecutor, question: dict[str, Any], options: RankingOptions) -> float:
    intent = SearchIntent(str(question["query"]), retrieval_mode="fts", ranking=options)
    query = understand(intent)
    answer = executor.search(intent, query, None, wanted(intent, query))
    targets = targets_of(question)
    picks = select(intent, rank(intent, query, answer))
    return ndcg_at(10, gains(picks, targets), [1.0] * len(targets))


def variants(ablate: bool) -> dict[str, RankingOptions]:
    found = {"all": RankingOptions()}
    if ablate:
        off: dict[str, Any] = dict.fromkeys(SWITCHES, False)
        found["none"] = RankingOptions(**off)
        for name in SWITCHES:
            without: dict[str, Any] = {name: False}
            found[f"without {name}"] = RankingOptions(**without)
            found[f"only {name}"] = RankingOptions(**{**off, name: True})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", type=Path)
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("--ablate", action="store_true")
    parser.add_argument("--repos", default="")
    parser.add_argument("--chunk-size", type=int, default=ChunkingConfig().chunk_size)
    parser.add_argument("--worst", action="store_true", help="list the questions below 0.5")
    arguments = parser.parse_args()
    only = {name for name in arguments.repos.split(",") if name}
    means: dict[str, list[float]] = {}
    kinds: dict[str, dict[str, list[float]]] = {}
    for repository in repositories(arguments.questions, arguments.checkouts, only):
        start = time.perf_counter()
        executor = index(repository.root, ChunkingConfig(chunk_size=arguments.chunk_size))
        built = time.perf_counter() - start
        for name, options in variants(arguments.ablate).items():
            values = []
            for question in repository.questions:
                value = score(executor, question, options)
                values.append(value)
                kinds.setdefault(name, {}).setdefault(str(question["category"]), []).append(value)
                if arguments.worst and value < 0.5:
                    print(f"    {value:.2f} {question['query']} -> {targets_of(question)}")
            means.setdefault(name, []).append(average(values))
        print(
            f"{repository.name:20} {repository.language:11} {means['all'][-1]:.3f}"
            f"  {len(executor.facts)} chunks, {built:.1f} s",
            flush=True,
        )
    for name, values in means.items():
        by_kind = "  ".join(f"{k} {average(v):.3f}" for k, v in sorted(kinds[name].items()))
        print(f"{name:22} {average(values):.4f}   {by_kind}")


if __name__ == "__main__":
    main()
