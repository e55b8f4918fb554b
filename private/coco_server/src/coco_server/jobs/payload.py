"""The payload of an ingest job: references and plans, never the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from coco_core.errors import InvalidConfig
from coco_core.plan import IndexingPlan
from coco_server.store.activations import Intent

__all__ = ["ImportFormat", "ImportMode", "IngestPayload", "OnError"]

ImportFormat: TypeAlias = Literal["json", "ndjson", "parquet"]
OnError: TypeAlias = Literal["skip", "fail"]
ImportMode: TypeAlias = Literal["replace", "merge"]


@dataclass(frozen=True, slots=True)
class IngestPayload:
    """What to build: one version out of one import."""

    blob_ref: str
    """Of the same org, in the blob store."""
    format: ImportFormat
    plan: IndexingPlan
    on_error: OnError = "skip"
    """``skip``: rejected items are listed and the others indexed; ``fail``: the first one ends the
    job, and nothing is switched."""
    wasm_module_ref: str | None = None
    """A text rule in the blob store; it sees every text before it is cut."""
    activate: bool = True
    """Switch to the version when it is complete."""
    force: bool = False
    """Also when most items were rejected, or most documents are gone."""
    began: Intent | None = None
    """What was active when the import was sent; a newer intent is not undone."""
    mode: ImportMode = "replace"
    """``replace``: the version holds what was sent; ``merge``: what the version that is active when
    the job begins holds, with the documents that were sent in place of those with the same id."""
    deletes: tuple[str, ...] = ()
    """Documents that a merge takes out, by id."""
    sources: tuple[str, ...] = ()
    """The imports that a version is built again from, newest first, by their jobs; what a newer one
    has of a document counts. Empty: the blob alone."""

    def __post_init__(self) -> None:
        if self.format not in get_args(ImportFormat):
            raise InvalidConfig(f"The import's format is {self.format!r}.")
        if self.on_error not in get_args(OnError):
            raise InvalidConfig(f"on_error is {self.on_error!r}.", hint="Use 'skip' or 'fail'.")
        if self.mode not in get_args(ImportMode):
            raise InvalidConfig(f"mode is {self.mode!r}.", hint="Use 'replace' or 'merge'.")

    def to_dict(self) -> dict[str, Any]:
        """Return the plain data that a job's row keeps."""
        return {
            "blob_ref": self.blob_ref,
            "format": self.format,
            "plan": self.plan.to_dict(),
            "on_error": self.on_error,
            "wasm_module_ref": self.wasm_module_ref,
            "activate": self.activate,
            "force": self.force,
            "began": self.began.to_dict() if self.began else None,
            "mode": self.mode,
            "deletes": list(self.deletes),
            "sources": list(self.sources),
        }

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> IngestPayload:
        """Read what `to_dict` gave; anything else raises `InvalidConfig` with the name."""
        try:
            return cls(
                blob_ref=str(payload["blob_ref"]),
                format=payload["format"],
                plan=IndexingPlan.from_dict(payload["plan"]),
                on_error=payload.get("on_error", "skip"),
                wasm_module_ref=payload.get("wasm_module_ref"),
                activate=bool(payload.get("activate", True)),
                force=bool(payload.get("force", False)),
                began=Intent.from_dict(payload["began"]) if payload.get("began") else None,
                mode=payload.get("mode", "replace"),
                deletes=tuple(payload.get("deletes", ())),
                sources=tuple(payload.get("sources", ())),
            )
        except KeyError as error:
            raise InvalidConfig(f"The job's payload lacks {error.args[0]!r}.") from error
