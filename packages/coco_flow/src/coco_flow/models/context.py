"""What a model knows of the run that it is part of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from coco_flow.errors import DefinitionError, RunCancelled
from coco_flow.models.events import reason_of
from coco_flow.models.filters import DocumentFilters

if TYPE_CHECKING:
    from coco_flow.models.events import ModelEvents

__all__ = ["Log", "ModelContext"]

IncrementalMode = Literal["full", "delta"]


@dataclass(frozen=True, slots=True)
class ModelContext:
    """A run as its models see it.

    Attributes:
        filters: Which documents it is about.
        incremental_mode: "full" processes all documents, "delta" those of which something changed.
        workflow_id: The run's id. Running again under the same id returns what is recorded.
        metadata: What the caller gives to all models.
    """

    filters: DocumentFilters = field(default_factory=DocumentFilters)
    incremental_mode: IncrementalMode = "full"
    workflow_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    events: ModelEvents | None = field(default=None, repr=False, compare=False)
    """Where progress goes; set by the run."""
    failures: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Why documents failed, by id; see `document`."""

    def __post_init__(self) -> None:
        if self.incremental_mode not in ("full", "delta"):
            raise DefinitionError(
                f"incremental_mode is {self.incremental_mode!r}; it may be full or delta.",
            )

    @property
    def document_ids(self) -> list[str] | None:
        """The documents that the run is restricted to, or None if it is about all."""
        return self.filters.document_ids

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop the run."""
        return self.events is not None and self.events.cancelled

    @property
    def log(self) -> Log:
        """Where to log: `ctx.log("text")`, or `.info`, `.warning`, `.error`, `.debug`."""
        return Log(self.events)

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Say how far the model is; from any thread.

        Raises:
            RunCancelled: The run was cancelled, so that the model ends here.
        """
        self.check_cancelled()
        if self.events is not None:
            self.events.progress(done, total, message)

    def check_cancelled(self) -> None:
        """End the model here if the run was cancelled.

        Raises:
            RunCancelled: It was.
        """
        if self.cancelled:
            raise RunCancelled(f"The run {self.workflow_id} was cancelled.")

    @contextmanager
    def document(self, document_id: Any) -> Iterator[None]:
        """Let an error in this block fail one document only.

        The document keeps the rows that it had, with `error` set, and is tried again by the next
        run in delta mode.
        """
        try:
            yield
        except RunCancelled:
            raise
        except Exception as error:  # noqa: BLE001 - any error of the user's code fails its document
            self.fail(document_id, error)

    def fail(self, document_id: Any, error: BaseException | str) -> None:
        """Record that a document failed; see `document`."""
        reason = error if isinstance(error, str) else reason_of(error)
        self.failures[str(document_id)] = reason
        self.log.warning(f"document {document_id} failed: {reason}")

    def with_events(self, events: ModelEvents | None) -> ModelContext:
        """Return the context of one call of a model, with failures of its own."""
        return replace(self, events=events, failures={})


@dataclass(frozen=True, slots=True)
class Log:
    """Writes to the run's events and to the program's log."""

    events: ModelEvents | None

    def __call__(self, message: str, level: str = "info") -> None:
        """Log one message."""
        if self.events is not None:
            self.events.log(message, level)

    def debug(self, message: str) -> None:
        """Log a message for who looks for a fault."""
        self(message, "debug")

    def info(self, message: str) -> None:
        """Log what happened."""
        self(message, "info")

    def warning(self, message: str) -> None:
        """Log what is not as it should be."""
        self(message, "warning")

    def error(self, message: str) -> None:
        """Log what failed."""
        self(message, "error")
