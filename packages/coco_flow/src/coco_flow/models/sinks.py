"""Targets that a model's rows are exported to after each run: a flow over the model's table."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coco_core.errors import CocoError
from coco_flow.errors import DefinitionError, ModelFailed, RunCancelled, UpdateAborted
from coco_flow.flow.flow import Flow
from coco_flow.op.spec import TargetSpec
from coco_flow.setup.bundle import SetupChangeBundle
from coco_flow.sources.model_table import ModelTable
from coco_flow.state.store import StateStore, open_store

if TYPE_CHECKING:
    from coco_flow.engine.runner import FlowRunner
    from coco_flow.engine.stats import UpdateInfo
    from coco_flow.flow.builder import FlowBuilder
    from coco_flow.flow.slices import DataScope, DataSlice
    from coco_flow.index import FtsIndexDef, VectorIndexDef
    from coco_flow.models.database import Database
    from coco_flow.models.declaration import Model
    from coco_flow.models.events import ModelEvents
    from coco_flow.op.spec import TargetAttachmentSpec

__all__ = ["Sink", "check_sink", "drop_sink", "export_to_sink"]

_EXPORT = "rows"
# How often an export reports progress, and looks whether the run was cancelled.
_LOOK_SECONDS = 0.5
# Longer names of flows are refused.
_NAME_LENGTH = 64
_DIGEST_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Sink:
    """A target of `coco_flow.targets` that a model's table is kept in step with.

    Only rows that a run inserted, changed or deleted are written. What one run did not get to
    the target, the next one does: the state of the export is kept beside the models' database.

    Attributes:
        target: Where the rows go.
        fields: The columns to export, or the column of each field by name; None is all but
            `error` and those that say which run wrote the row and when.
        key_fields: The fields that identify a row in the target; None is the model's primary key.
        compute: Returns further fields of a row, by name: called once with the row's scope, as
            in a flow's definition.
        filter: An SQL condition for the rows to export.
        vector_indexes: Vector indexes to make.
        fts_indexes: Full-text indexes to make.
        attachments: Extra set-up steps of the target.
    """

    target: TargetSpec
    fields: Sequence[str] | Mapping[str, str] | None = None
    key_fields: Sequence[str] | None = None
    compute: Callable[[DataScope], Mapping[str, DataSlice[Any]]] | None = None
    filter: str | None = None
    vector_indexes: Sequence[VectorIndexDef] = ()
    fts_indexes: Sequence[FtsIndexDef] = ()
    attachments: Sequence[TargetAttachmentSpec] = ()


def check_sink(declared: Model, database: Database) -> None:
    """Refuse a sink that the model's rows cannot go to.

    Raises:
        DefinitionError: It is no target, or its fields do not fit the table or the target.
    """
    if declared.sink is None:
        return
    # A source describes a table that is there.
    database.ensure(declared.table)
    with _named(declared), _opened(declared, database) as flow:
        SetupChangeBundle([flow], "setup").changes()


def export_to_sink(
    declared: Model, database: Database, run: str, events: ModelEvents
) -> dict[str, Any] | None:
    """Bring a model's sink in step with its table, and return how many rows that took.

    Returns:
        `target`, `inserted`, `updated`, `deleted`, `unchanged` and `seconds`; None if the model has
        no sink.

    Raises:
        ModelFailed: Not all rows got there.
        RunCancelled: The run was cancelled.
    """
    if declared.sink is None:
        return None
    started = time.monotonic()
    try:
        with _opened(declared, database) as flow:
            flow.setup()
            target = _described(flow)
            info = _updated(flow, events)
            if info.has_errors:
                raise _not_exported(declared, flow, info)
    except UpdateAborted:
        raise RunCancelled(f"The run {run} was cancelled.") from None
    except ModelFailed:
        raise
    except CocoError as error:
        raise ModelFailed(
            f"The export to the sink failed: {error.message}", hint=error.hint or _MENDS
        ) from error
    figures = {
        "target": target,
        "inserted": info.total("num_insertions"),
        "updated": info.total("num_updates") + info.total("num_reprocesses"),
        "deleted": info.total("num_deletions"),
        "unchanged": info.total("num_no_change"),
        "seconds": round(time.monotonic() - started, 3),
    }
    events.log(
        f"{target}: {figures['inserted']} rows inserted, {figures['updated']} updated, "
        f"{figures['deleted']} deleted"
    )
    return figures


def drop_sink(model_name: str, *, database: str | Database | None = None) -> None:
    """Remove what was made for a model's sink in its target, and the state of the export.

    Args:
        model_name: The model, which need not be declared any more.
        database: A URL. Default: the process's database.
    """
    from coco_flow.models.database import database_of

    with _state(database_of(database)) as store:
        _SinkFlow(_flow_name(model_name), _define_nothing, store).drop()


def _described(flow: Flow) -> str:
    """Return the name of the target, as plans and logs have it."""
    ((_, changes),) = SetupChangeBundle([flow], "setup").changes()
    return next(change.description for change in changes if change.name == _EXPORT)


_MENDS = "The model's rows are in its table; the next run exports what is missing."


class _SinkFlow(Flow):
    """A flow with its state beside the models' database; other flows do not meet it."""

    def __init__(
        self,
        name: str,
        definition: Callable[[FlowBuilder, DataScope], None],
        store: StateStore,
    ) -> None:
        super().__init__(name, definition)
        self._store = store

    @property
    def store(self) -> StateStore:
        """Where the flow's state is kept."""
        return self._store


@contextmanager
def _opened(declared: Model, database: Database) -> Iterator[Flow]:
    sink = _sink_of(declared)
    with _state(database) as store:
        flow = _SinkFlow(_flow_name(declared.name), _definition(declared, sink, database), store)
        try:
            yield flow
        finally:
            flow.close()


@contextmanager
def _state(database: Database) -> Iterator[StateStore]:
    """Open the state of sinks: in the same PostgreSQL, where all processes that share runs see it.

    That of an SQLite file is in a file beside it.
    """
    from coco_flow.setting import current_settings

    if database.is_sqlite:
        path = Path(database.engine.url.database or "coco_models.db")
        store = open_store(str(path.with_name(f"{path.stem}.sinks.db")))
    else:
        url = database.engine.url.set(drivername="postgresql")
        store = open_store(
            url.render_as_string(hide_password=False), schema=current_settings().db_schema_name
        )
    try:
        yield store
    finally:
        store.close()


def _flow_name(model_name: str) -> str:
    """Return the name of a sink's flow, which may hold letters, digits and underscores."""
    plain = model_name.replace(".", "__")
    name = re.sub(r"\W", "_", plain, flags=re.ASCII)
    if name == plain and len(name) <= _NAME_LENGTH:
        return name
    digest = hashlib.blake2b(model_name.encode(), digest_size=_DIGEST_LENGTH // 2).hexdigest()
    return f"{name[: _NAME_LENGTH - _DIGEST_LENGTH - 1]}_{digest}"


def _sink_of(declared: Model) -> Sink:
    given = declared.sink
    sink = Sink(given) if isinstance(given, TargetSpec) else given
    if not isinstance(sink, Sink) or not isinstance(sink.target, TargetSpec):
        raise DefinitionError(
            f"Model {declared.name!r}: its sink is {given!r}.",
            hint="Give a target, such as targets.LanceDB(…), or Sink(target, …).",
        )
    return sink


@contextmanager
def _named(declared: Model) -> Iterator[None]:
    """Let errors of a flow's definition say which model they are about."""
    try:
        yield
    except DefinitionError as error:
        message = error.message
        prefix = f"Model {declared.name!r}"
        if message.startswith(prefix):
            raise
        raise DefinitionError(f"{prefix}, sink: {message}", hint=error.hint) from error


def _definition(
    declared: Model, sink: Sink, database: Database
) -> Callable[[FlowBuilder, DataScope], None]:
    fields = _fields(declared, sink)
    key = list(sink.key_fields or _key_fields(declared, fields))

    def define(builder: FlowBuilder, scope: DataScope) -> None:
        scope["rows"] = builder.add_source(
            ModelTable(
                model=declared.name,
                database=database.url,
                columns=[name for name in fields.values() if name not in declared.primary_key],
                filter=sink.filter,
            )
        )
        rows = scope.add_collector()
        with scope["rows"].row() as row:
            further = {} if sink.compute is None else dict(sink.compute(row))
            rows.collect(**{name: row[column] for name, column in fields.items()} | further)
        rows.export(
            _EXPORT,
            sink.target,
            primary_key_fields=key,
            vector_indexes=sink.vector_indexes,
            fts_indexes=sink.fts_indexes,
            attachments=sink.attachments,
        )

    return define


def _define_nothing(_builder: FlowBuilder, _scope: DataScope) -> None:
    """Define the flow of a sink that is dropped: its state says what there is."""


def _fields(declared: Model, sink: Sink) -> dict[str, str]:
    """Return the column of each exported field."""
    from coco_flow.models.rows import bookkeeping_of

    columns = list(declared.table.c.keys())
    if isinstance(sink.fields, Mapping):
        fields = dict(sink.fields)
    elif sink.fields is not None:
        fields = {name: name for name in (*declared.primary_key, *sink.fields)}
    else:
        skipped = {*bookkeeping_of(declared.table), "error"} - set(declared.primary_key)
        fields = {name: name for name in columns if name not in skipped}
    for column in fields.values():
        if column not in columns:
            raise DefinitionError(
                f"Model {declared.name!r}: its sink has the column {column!r}, and table "
                f"{declared.table.name!r} has none of that name; it has {', '.join(columns)}.",
            )
    return fields


def _key_fields(declared: Model, fields: Mapping[str, str]) -> list[str]:
    by_column = {column: name for name, column in fields.items()}
    missing = [column for column in declared.primary_key if column not in by_column]
    if missing:
        raise DefinitionError(
            f"Model {declared.name!r}: its sink leaves out {missing[0]!r}, which rows are known "
            "by.",
            hint="Add it to the fields, or name other key_fields.",
        )
    return [by_column[column] for column in declared.primary_key]


def _updated(flow: Flow, events: ModelEvents) -> UpdateInfo:
    """Update the flow; a table without rows is taken as what it is: the sink is emptied."""
    runner = flow.runner(allow_empty=True)
    try:
        with _followed(runner, events):
            return runner.update_all()
    finally:
        runner.close()


@contextmanager
def _followed(runner: FlowRunner, events: ModelEvents) -> Iterator[None]:
    """Report progress from a thread, and end the update when the run is cancelled."""
    ended = threading.Event()

    def follow() -> None:
        while not ended.wait(_LOOK_SECONDS):
            if events.cancelled:
                runner.abort()
            done = sum(sum(counts.values()) for counts in runner.info.to_json().values())
            events.progress(done, None, "rows of the sink")

    thread = threading.Thread(target=follow, name="coco-flow-sink", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _not_exported(declared: Model, flow: Flow, info: UpdateInfo) -> ModelFailed:
    flow_id = flow.store.flow_id(flow.full_name)
    assert flow_id is not None
    first = flow.store.errors(flow_id, 1)
    reason = f": {first[0].message}" if first else "."
    return ModelFailed(
        f"{info.total('num_errors')} rows of {declared.name!r} did not get to its sink{reason}",
        hint=_MENDS,
    )
