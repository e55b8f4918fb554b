"""The target of an experiment as a Protocol: local mode and the server look the same from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from coco_core.configs import IndexingConfig
from coco_core.plan import QueryPlan
from coco_experiments.results import LONGEST_EXCERPT, HitRecord, IndexResult, TargetRecord
from coco_protocol.defaults import DefaultsBody, DefaultsRequest
from coco_protocol.docs import Hit as LocalHit
from coco_protocol.server.docs import Hit as ServerHit

__all__ = ["BuildStep", "ExperimentTarget", "ProgressListener", "TargetAnswer", "record_hit"]


@dataclass(frozen=True, slots=True)
class BuildStep:
    """How far the build of an index is."""

    config_id: str
    stage: str
    done: int = 0
    total: int = 0


class ProgressListener(Protocol):
    """Whoever shows an experiment while it runs."""

    def info(self, text: str) -> None:
        """Say something that is worth knowing and no error."""
        ...

    def warn(self, text: str) -> None:
        """Say that something is not as it should be."""
        ...

    def building(self, step: BuildStep) -> None:
        """Show how far an index is."""
        ...

    def built(self, index: IndexResult) -> None:
        """Show an index that can be asked."""
        ...

    def asking(self, done: int, total: int) -> None:
        """Show how many questions were asked, of those that are asked in this run."""
        ...


@dataclass(frozen=True, slots=True)
class TargetAnswer:
    """What a question brought."""

    milliseconds: float
    """Round trip."""
    engine: Mapping[str, float] = field(default_factory=dict)
    """What the service says it took, by stage, in milliseconds."""
    hits: tuple[HitRecord, ...] = ()
    notice: str | None = None
    """What was missing, as the service says."""


def record_hit(hit: LocalHit | ServerHit) -> HitRecord:
    """Return what stays of a hit; the server's have no lines."""
    chunk = hit.chunk
    local = hit.chunk if isinstance(hit, LocalHit) else None
    return HitRecord(
        doc_id=chunk.doc_id,
        start_line=local.start_line if local is not None else None,
        end_line=local.end_line if local is not None else None,
        symbol=chunk.symbol,
        fragment=chunk.fragment,
        heading_trail=tuple(chunk.heading_trail),
        definitions=tuple(chunk.definitions),
        score=hit.meta.score,
        excerpt=chunk.content[:LONGEST_EXCERPT],
    )


class ExperimentTarget(Protocol):
    """One project of a product that answers queries."""

    @property
    def record(self) -> TargetRecord:
        """Whom it asks."""
        ...

    def check(self) -> None:
        """Make sure that the product answers at all.

        Raises:
            Unavailable: it does not.
        """
        ...

    def register(self, configs: Sequence[IndexingConfig]) -> None:
        """Make the configs known.

        Raises:
            ConfigConflict: one of the ids is taken by other content.
        """
        ...

    def built(self, config: IndexingConfig, *, vectors: bool) -> IndexResult | None:
        """Return the index of a config if it is complete, with all vectors when they are wanted."""
        ...

    def build(
        self, config: IndexingConfig, listener: ProgressListener, *, vectors: bool
    ) -> IndexResult:
        """Build the index of a config beside the others, and wait until it is complete.

        Raises:
            CocoError: it cannot be built.
        """
        ...

    def size(self, config_id: str) -> int | None:
        """Return the bytes of an index on disk, once all of it is written."""
        ...

    def ask(self, config_id: str, plan: QueryPlan, question: str) -> TargetAnswer:
        """Ask one index; nothing of the answer comes from the project's defaults."""
        ...

    def defaults(self) -> DefaultsBody:
        """Return what queries of the project take when they say nothing else."""
        ...

    def adopt(self, request: DefaultsRequest) -> DefaultsBody:
        """Change that."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
