"""A small documentation project with an experiment on it, and a product that answers at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coco_core.configs import IndexingConfig
from coco_core.plan import QueryPlan
from coco_experiments.results import HitRecord, IndexResult, TargetRecord
from coco_experiments.spec import Experiment
from coco_experiments.target import BuildStep, ProgressListener, TargetAnswer
from coco_protocol.defaults import DefaultsBody, DefaultsRequest

PAGES = {
    "guide.md": """# Guide

## Starting

Run the service with one command; it listens on port 4000.

## Stopping

Send it a signal, and it finishes what it has begun.
""",
    "faq.md": """# Questions

## Where are backups kept?

Backups go to the archive every night, and are kept for thirty days.

## Who may log in?

Every account of the directory may log in with its password.
""",
    "tuning.md": """# Tuning

## Memory

The cache takes a quarter of the memory; give it less on small machines.
""",
}

QUESTIONS = [
    {
        "question_id": "q1",
        "query": "on which port does it listen",
        "expected_doc_ids": ["guide.md#starting"],
    },
    {
        "question_id": "q2",
        "query": "how long are backups kept",
        "expected_doc_ids": ["faq.md#where-are-backups-kept"],
    },
    {
        "question_id": "q3",
        "query": "how much memory does the cache take",
        "expected_doc_ids": ["tuning.md"],
    },
]


def write_pages(root: Path) -> Path:
    """Write the documentation; returns its directory."""
    root.mkdir(parents=True)
    for name, text in PAGES.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


def spec(**changes: object) -> dict[str, object]:
    """Return an experiment that needs no model: two chunkings, two query strategies."""
    return {
        "name": "small",
        "path": "pages",
        "indexing_strategies": [
            {
                "config_id": "sections",
                "chunking": {"strategy_name": "markdown_header", "chunk_size": 64},
                "embedding": {"model_name": "coco-static"},
            },
            {
                "config_id": "windows",
                "chunking": {"strategy_name": "recursive_char", "chunk_size": 200, "unit": "chars"},
                "embedding": {"model_name": "coco-static"},
            },
        ],
        "query_strategies": [
            {"query_config_id": "keywords", "retrieval_config": {"top_k": 3, "hybrid_alpha": 0}},
            {"query_config_id": "hybrid", "retrieval_config": {"top_k": 3, "hybrid_alpha": 0.5}},
        ],
        "evaluation_set": QUESTIONS,
        **changes,
    }


def experiment(**changes: object) -> Experiment:
    """Return the same as an object."""
    return Experiment.from_dict(spec(**changes))


def write_spec(file: Path, **changes: object) -> Path:
    """Write the same as a file; JSON is YAML."""
    file.write_text(json.dumps(spec(**changes), indent=2), encoding="utf-8")
    return file


TARGET = TargetRecord("local", "http://127.0.0.1:1", "p1", "pages", None)


@dataclass
class TableTarget:
    """Answers at once, remembers what it was asked, and fails where it is told to."""

    record: TargetRecord = TARGET
    complete: dict[str, IndexResult] = field(default_factory=dict)
    fails: Callable[[str, str, str], Exception | None] = lambda index, plan, question: None
    gone: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    builds: list[str] = field(default_factory=list)

    def check(self) -> None:
        if self.gone:
            raise ConnectionAbortedError

    def register(self, configs: Sequence[IndexingConfig]) -> None:
        pass

    def built(self, config: IndexingConfig, *, vectors: bool) -> IndexResult | None:
        return self.complete.get(config.config_id)

    def build(
        self, config: IndexingConfig, listener: ProgressListener, *, vectors: bool
    ) -> IndexResult:
        listener.building(BuildStep(config.config_id, "index", 1, 3))
        self.builds.append(config.config_id)
        made = IndexResult(config.config_id, config.fingerprint, 3, 9, 0.5, 100)
        self.complete[config.config_id] = made
        return made

    def size(self, config_id: str) -> int | None:
        return 250

    def ask(self, config_id: str, plan: QueryPlan, question: str) -> TargetAnswer:
        self.asked.append((config_id, plan.query_config_id, question))
        error = self.fails(config_id, plan.query_config_id, question)
        if error is not None:
            raise error
        hit = HitRecord("guide.md", 1, 9, "", "starting", ("Guide", "Starting"), (), 1.0, question)
        return TargetAnswer(len(self.asked) / 8, {"total": 0.25}, (hit,))

    def defaults(self) -> DefaultsBody:
        return DefaultsBody(project_id="p1", indexing_config_id="default")

    def adopt(self, request: DefaultsRequest) -> DefaultsBody:
        raise NotImplementedError

    def close(self) -> None:
        pass


@dataclass
class RecordedProgress:
    """A listener that remembers what it was told."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    steps: list[BuildStep] = field(default_factory=list)
    indexes: list[IndexResult] = field(default_factory=list)
    counts: list[tuple[int, int]] = field(default_factory=list)

    def info(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def building(self, step: BuildStep) -> None:
        self.steps.append(step)

    def built(self, index: IndexResult) -> None:
        self.indexes.append(index)

    def asking(self, done: int, total: int) -> None:
        self.counts.append((done, total))
