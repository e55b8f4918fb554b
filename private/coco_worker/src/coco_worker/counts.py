"""Counts of an ingest job: what is committed so far, of all attempts together; its checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from coco_worker.batch import Batch

__all__ = ["Counts"]


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a job is."""

    items: int = 0
    rejected: int = 0
    parsed: int = 0
    """Items that were cut here, and did not arrive so."""
    embedded: int = 0
    """Texts that were embedded for this job, and did not come with a vector."""
    reused: int = 0
    """Texts whose vector an earlier version had."""
    unchanged: int = 0
    """Items that the base of a merge holds as they were sent."""
    deleted: int = 0
    """Items that delete a document."""
    beginnings: int = 0
    """How often a merge began again, because another version had become active."""
    rejected_by: Mapping[str, int] = field(default_factory=dict)
    """Rejected items of each reason."""

    @classmethod
    def of(cls, checkpoint: Mapping[str, Any]) -> Self:
        """Read a checkpoint; an older worker's has fewer counts."""
        numbers = {
            each.name: int(checkpoint.get(each.name, 0))
            for each in fields(cls)
            if each.name != "rejected_by"
        }
        return cls(**numbers, rejected_by=dict(checkpoint.get("rejected_by", {})))

    def to_dict(self) -> dict[str, object]:
        """Return the plain data that the job's row keeps."""
        return asdict(self)

    def after(self, batch: Batch, *, embedded: int) -> Self:
        """Return the counts with a batch's."""
        reasons = Counter(each.reason.value for each in batch.rejections)
        return replace(
            self,
            items=batch.end,
            rejected=self.rejected + len(batch.rejections),
            parsed=self.parsed + batch.parsed,
            embedded=self.embedded + embedded,
            unchanged=self.unchanged + batch.unchanged,
            deleted=self.deleted + len(batch.deletions),
            reused=self.reused + batch.reused,
            rejected_by=dict(Counter(self.rejected_by) + reasons),
        )

    def event(self, stage: str) -> Mapping[str, object]:
        """Return what followers are told."""
        return {"stage": stage, "done": self.items, "rejected": self.rejected}
