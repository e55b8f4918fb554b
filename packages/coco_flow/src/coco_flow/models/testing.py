"""Runs models on frames in tests: rows are recorded, and no database is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coco_flow.errors import DefinitionError, InvalidSetting, WrongRows
from coco_flow.models.calling import call_model
from coco_flow.models.config import ModelConfig, Overrides
from coco_flow.models.context import ModelContext
from coco_flow.models.declaration import Model
from coco_flow.models.events import Event, ModelEvents
from coco_flow.models.filters import DocumentFilters
from coco_flow.models.given_frames import given_frames
from coco_flow.models.registry import ModelRegistry
from coco_flow.models.row_checks import RowChecks
from coco_flow.models.store.stage import Written

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Recorded", "RecordingWriter", "isolated_models", "make_context", "run_model"]

_RUN = "test-run"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a model did when `run_model` called it.

    Attributes:
        result: What a run on an empty table would have recorded: what the function returned,
            `rows_written`, `inserted` and so on.
        rows: The rows, as a reader of the table would find them.
        progress: Each report of progress: done, total, message.
        logs: Each message that was logged: level, message.
        failures: Why documents failed, by id.
    """

    result: dict[str, Any]
    rows: list[dict[str, Any]]
    progress: list[tuple[int, int | None, str]] = field(default_factory=list)
    logs: list[tuple[str, str]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(self.rows)


class RecordingWriter:
    """A writer that checks rows as a run's writer does, and keeps them in memory.

    Args:
        model: The model: the decorated function, its name, or its declaration.
        workflow_id: What the column `workflow_id` gets.
    """

    def __init__(
        self, model: Callable[..., Any] | str | Model, workflow_id: str | None = _RUN
    ) -> None:
        from sqlalchemy.dialects import sqlite

        declared = _declared(model)
        dialect = sqlite.dialect()
        self._declared = declared
        self._checks = RowChecks(
            declared.table, declared.primary_key, dialect, workflow_id, declared.name
        )
        self._reads = [
            column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in declared.table.columns
        ]
        self._rows: list[dict[str, Any]] = []

    def write(self, rows: Any) -> dict[str, Any]:
        """Take rows of the model's table.

        Returns:
            The figures that a run's writer returns for an empty table.

        Raises:
            WrongRows: A row does not fit the table.
        """
        checks = self._checks
        new = [self._read(values) for values in checks.converted(checks.accepted(rows))]
        self._rows += new
        return Written(len(new), len(new)).as_dict(self._declared.table.name)

    def _read(self, values: tuple[Any, ...]) -> dict[str, Any]:
        return {
            name: value if read is None or value is None else read(value)
            for name, value, read in zip(self._checks.names, values, self._reads, strict=True)
        }

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows that the table would have: of rows of one key, the last that was written.

        Raises:
            WrongRows: The model appends, and two rows have the same key.
        """
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for number, row in enumerate(self._rows):
            key = tuple(row[name] for name in self._declared.primary_key)
            if None in key:
                # The database numbers these.
                key = (number,)
            if key in found and self._declared.write_strategy == "append":
                raise WrongRows(
                    f"Table {self._declared.table.name!r} refuses the rows: two have the key "
                    f"{', '.join(map(repr, key))}.",
                    hint='Rows of a key that is there already need write_strategy "merge" or '
                    '"replace".',
                )
            found.pop(key, None)
            found[key] = row
        return list(found.values())


def run_model(
    model: Callable[..., Any] | str | Model,
    frames: Mapping[str, Any] | None = None,
    *,
    config: Mapping[str, Any] | ModelConfig | None = None,
    context: ModelContext | None = None,
) -> Recorded:
    """Call a model once, with these inputs, and return what it did.

    What the function raises comes through as it is.

    Args:
        model: The decorated function, its name, or its declaration.
        frames: For each input, by the name of its parameter or its key in `sources`, what the
            model gets: a frame of pandas, Polars or Arrow, or a list of mappings or row objects.
            It is given in the form that the model asks for; conditions of references are not
            applied to it.
        config: Values of settings; the others have their defaults. Neither file nor environment
            is looked at.
        context: The run's context. Default: `make_context()`.

    Raises:
        DefinitionError: An input is missing, or there is none of a name.
        InvalidSetting: A setting is out of bounds or unknown.
        WrongRows: The rows do not fit the table.
    """
    declared = _declared(model)
    events = _RecordedEvents(_RUN, declared.name)
    called = (context or make_context()).with_events(events)
    writer = RecordingWriter(declared, called.workflow_id)
    inputs: Any = given_frames(declared, frames or {})
    returned = call_model(declared, inputs, writer, called, _config(declared, config))
    rows = writer.rows
    figures = Written(len(rows), len(rows)).as_dict(declared.table.name)
    return Recorded(
        {**returned, **figures},
        rows,
        events.reports,
        events.messages,
        _row_errors(declared, rows) | called.failures,
    )


def make_context(
    *,
    incremental_mode: Any = "full",
    workflow_id: str = _RUN,
    metadata: Mapping[str, Any] | None = None,
    **filters: Any,
) -> ModelContext:
    """Return a context for a test.

    Args:
        incremental_mode: "full" or "delta".
        workflow_id: The run's id.
        metadata: What the caller of a run gives to all models.
        **filters: The filters of `DocumentFilters`, such as `ids="a,b"`.
    """
    return ModelContext(
        DocumentFilters(**filters), incremental_mode, workflow_id, dict(metadata or {})
    )


class _RecordedEvents(ModelEvents):
    """Events that are kept, each report of progress by itself."""

    def __init__(self, run: str, model: str) -> None:
        super().__init__(run, model, self._record)
        self.reports: list[tuple[int, int | None, str]] = []
        self.messages: list[tuple[str, str]] = []

    def progress(self, done: int, total: int | None, message: str) -> None:
        """Record a report; none is folded into the next."""
        super().progress(done, total, message)
        self.reports.append((done, total, message))

    def _record(self, event: Event) -> None:
        if event.kind == "log":
            self.messages.append((event.level or "info", event.message))


def _declared(model: Callable[..., Any] | str | Model) -> Model:
    if isinstance(model, Model):
        return model
    if isinstance(model, str):
        return ModelRegistry.get(model)
    declared = getattr(model, "model", None)
    if not isinstance(declared, Model):
        raise DefinitionError(
            f"{model!r} is no model.", hint="Decorate the function with @model(…)."
        )
    return declared


def _config(declared: Model, given: Mapping[str, Any] | ModelConfig | None) -> ModelConfig | None:
    if isinstance(given, ModelConfig):
        return given
    if declared.config_schema is None:
        if given:
            raise InvalidSetting(f"Model {declared.name!r} declares no config_schema.")
        return None
    values = {f"{declared.name}.{name}": value for name, value in (given or {}).items()}
    return declared.config_schema.load(declared.name, _GivenAlone(values))


class _GivenAlone(Overrides):
    """Settings of a test, which the environment has no part in."""

    def find(
        self,
        model_name: str,
        name: str,
        fallback: str | None,  # noqa: ARG002 - of the file and the environment
    ) -> tuple[Any, str] | None:
        """Return a setting's value, or None."""
        full = f"{model_name}.{name}"
        return (self.given[full], "given to run_model") if full in self.given else None


def _row_errors(declared: Model, rows: list[dict[str, Any]]) -> dict[str, str]:
    document = declared.document_column
    if document is None:
        return {}
    return {str(row[document]): row["error"] for row in rows if row.get("error") is not None}


@contextmanager
def isolated_models() -> Iterator[None]:
    """Begin with no models, pipelines and tables, and put back what was there at the end.

    A test can so declare models and row classes of names that another test has too.
    """
    from coco_flow.models import pipeline
    from coco_flow.models.declared_tables import take_tables

    models, pipelines = ModelRegistry.all(), dict(pipeline._pipelines)
    ModelRegistry.clear()
    pipeline._pipelines.clear()
    put_back = take_tables()
    try:
        yield
    finally:
        put_back()
        ModelRegistry.clear()
        for one in models:
            ModelRegistry.register(one)
        pipeline._pipelines.clear()
        pipeline._pipelines.update(pipelines)
