"""Runs one model: reads its inputs, calls it, and commits its rows with the record of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from coco_core.errors import Unavailable
from coco_flow.errors import DefinitionError, InvalidSetting, RunCancelled, WrongRows
from coco_flow.models.calling import call_model, merged
from coco_flow.models.failures import mark_failed
from coco_flow.models.planning import (
    ALL_DOCUMENTS,
    Plan,
    bound_inputs,
    digests_of,
    plan_model,
)
from coco_flow.models.store.documents import forget_documents, record_documents
from coco_flow.models.store.results import (
    WHOLE,
    batch_documents,
    batch_results,
    count_batches,
    plan_batches,
    record_result,
    recorded_result,
)
from coco_flow.models.store.stage import Scope
from coco_flow.models.telemetry import sum_telemetry
from coco_flow.models.writer import RunWriter

if TYPE_CHECKING:
    from coco_flow.models.config import ModelConfig, Overrides
    from coco_flow.models.context import ModelContext
    from coco_flow.models.database import Database
    from coco_flow.models.declaration import Model
    from coco_flow.models.loading import BoundInput

__all__ = ["ModelWork", "config_of"]


def config_of(declared: Model, overrides: Overrides) -> ModelConfig | None:
    """Return a model's settings, or None if it declares none."""
    if declared.config_schema is None:
        return None
    return declared.config_schema.load(declared.name, overrides)


@dataclass(slots=True)
class ModelWork:
    """One model in one run.

    Attributes:
        declared: The model.
        database: Where its tables are.
        context: The run's context, with the model's events.
        overrides: Settings from outside.
        key: What its results are recorded under; None is the run's id.
    """

    declared: Model
    database: Database
    context: ModelContext
    overrides: Overrides
    key: str | None = None
    config: ModelConfig | None = field(init=False)

    def __post_init__(self) -> None:
        self.config = config_of(self.declared, self.overrides)

    @property
    def run(self) -> str:
        """What results are recorded under: work that has one is not done again."""
        run = self.key or self.context.workflow_id
        assert run is not None
        return run

    def execute(self) -> dict[str, Any]:
        """Call the model once with all there is, unless it is done, and return its result."""
        recorded = self.recorded()
        if recorded is not None:
            return recorded
        plan = plan_model(self.declared, self.database, self.context, self.config)
        return self._commit(plan, WHOLE, self._is_about_all(plan))

    def recorded(self) -> dict[str, Any] | None:
        """Return the result if the model has ended in this run, or None."""
        return recorded_result(self.database, self.run, self.declared.name)

    def _is_about_all(self, plan: Plan) -> bool:
        """Whether rows that are not written again go, whatever document they belong to."""
        if self.context.document_ids is not None or not plan.is_needed:
            return False
        return plan.documents is None or self.context.incremental_mode == "full"

    def plan_batches(self) -> int:
        """Plan the batches of the run, and return how many there are."""
        assert self.declared.batch_size is not None
        plan = plan_model(self.declared, self.database, self.context, self.config)
        return plan_batches(
            self.database, self.run, self.declared.name, plan.documents or (),
            self.declared.batch_size,
        )  # fmt: skip

    def execute_batch(self, number: int) -> dict[str, Any]:
        """Do one batch, unless it is done already, and return its result."""
        recorded = recorded_result(self.database, self.run, self.declared.name, number)
        if recorded is not None:
            return recorded
        documents = batch_documents(self.database, self.run, self.declared.name, number)
        return self._commit(Plan(tuple(documents)), number, is_about_all=False)

    def report_batches(self) -> None:
        """Report how many batches of the run have ended, of how many."""
        if self.context.events is not None:
            done, total = count_batches(self.database, self.run, self.declared.name)
            self.context.events.progress(done, total, "batches")

    def finish(self) -> dict[str, Any]:
        """Record a model whose batches have all ended, and remove what vanished."""
        done = batch_results(self.database, self.run, self.declared.name).values()
        delta = replace(self.context, incremental_mode="full")
        plan = plan_model(self.declared, self.database, delta, self.config)
        return self._commit(
            Plan((), plan.vanished, is_needed=False, total=plan.total), WHOLE, is_about_all=False,
            parts=list(done),
        )  # fmt: skip

    def _commit(
        self, plan: Plan, number: int, is_about_all: bool, parts: list[dict[str, Any]] | None = None
    ) -> dict[str, Any]:
        """Call the model for a plan, and commit rows, documents and result in one transaction."""
        started = time.monotonic()
        context = self.context.with_events(self.context.events)
        if number == WHOLE:
            # What failed while it was found out what is to be done.
            context.failures.update(self.context.failures)
        writer = RunWriter(self.declared, self.database, context)
        try:
            returned, digests = self._called(plan, number, writer, context)
            gathered = writer.rows
            with self.database.transaction(gathered.connection):
                self.database.lock(gathered.connection, self.declared.table.name)
                failures = {**gathered.stage.errors(), **context.failures}
                scope = Scope(
                    everything=is_about_all,
                    documents=frozenset(plan.documents or ()),
                    vanished=plan.vanished,
                    spared=frozenset(context.failures),
                )
                self._check_documents(plan, gathered.stage.document_ids())
                telemetry = gathered.stage.telemetry()
                written = gathered.apply(self.declared.write_strategy, scope)
                mark_failed(
                    gathered.connection, self.declared, context.workflow_id, context.failures
                )
                figures = written.as_dict(self.declared.table.name)
                if not plan.is_needed and parts is None:
                    figures["skipped"] = True
                result = {
                    **returned,
                    **(merged([figures, *_figures(parts)]) if parts else figures),
                    "documents": len(digests) + sum(part["documents"] for part in parts or ()),
                    "failed_documents": failures | _failed(parts),
                    "telemetry": sum_telemetry([telemetry, *_telemetry(parts)]),
                    "seconds": round(time.monotonic() - started + _seconds(parts), 3),
                }
                if not record_result(
                    gathered.connection, self.run, self.declared.name, number, result
                ):
                    raise _DoneElsewhere
                record_documents(
                    gathered.connection, self.declared.name, self.run, digests, failures
                )
                forget_documents(gathered.connection, self.declared.name, plan.vanished)
        except _DoneElsewhere:
            other = recorded_result(self.database, self.run, self.declared.name, number)
            assert other is not None
            return other
        finally:
            writer.close()
        return result

    def _check_documents(self, plan: Plan, written: set[str] | None) -> None:
        """Refuse rows of other documents than the model was called with: delta would remove them.

        Raises:
            WrongRows: There are such rows.
        """
        if self.declared.scope == "table" or plan.documents is None or not written:
            return
        strange = written - set(plan.documents)
        if strange:
            raise WrongRows(
                f"Model {self.declared.name!r} wrote rows of document {min(strange)!r}, which it "
                "was not called with.",
                hint="Give rows the id of the document that they come from, or declare the model "
                'with scope="table".',
            )

    def _called(
        self, plan: Plan, number: int, writer: RunWriter, context: ModelContext
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Call the model; return what it returned and the digests of the documents."""
        if not plan.is_needed:
            return {}, {}
        if number != WHOLE:
            return self._isolated(list(plan.documents or ()), writer, context)
        inputs = bound_inputs(self.declared, self.database, context, plan.documents)
        returned = call_model(self.declared, inputs, writer, context, self.config)
        return returned, self._digests(inputs, plan.documents)

    def _isolated(
        self, documents: list[str], writer: RunWriter, context: ModelContext
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Process documents that do not depend on each other; one that raises fails alone.

        What failed is halved until the documents to blame are alone.
        """
        results: list[dict[str, Any]] = []
        digests: dict[str, str] = {}
        pending = [documents]
        while pending:
            part = pending.pop()
            first = writer.rows.stage.count
            inputs = bound_inputs(self.declared, self.database, context, part)
            try:
                results.append(call_model(self.declared, inputs, writer, context, self.config))
                digests |= self._digests(inputs, tuple(part))
            except _FATAL:
                raise
            except Exception as error:  # noqa: BLE001 - any error of the user's code
                writer.rows.drop(first)
                if len(part) > 1:
                    middle = len(part) // 2
                    pending += [part[middle:], part[:middle]]
                else:
                    context.fail(part[0], error)
        return merged(results), digests

    def _digests(
        self, inputs: list[BoundInput], documents: tuple[str, ...] | None
    ) -> dict[str, str]:
        """Return the digests of the processed documents; none if an input was not read whole."""
        if not inputs or not all(one.is_read for one in inputs):
            return {}
        if self.declared.scope == "table" or all(one.document_column is None for one in inputs):
            return digests_of(self.declared, self.config, inputs, [ALL_DOCUMENTS])
        present = {
            document
            for one in inputs
            if one.digest is not None and not one.digest.is_shared
            for document in one.digest.sums
        }
        chosen = present if documents is None else present | set(documents)
        return digests_of(self.declared, self.config, inputs, chosen)


# No document is to blame for these.
_FATAL = (RunCancelled, Unavailable, DefinitionError, InvalidSetting)


class _DoneElsewhere(Exception):
    """Another process has recorded this work."""


def _figures(parts: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    kept = {"documents", "failed_documents", "telemetry", "seconds"}
    return [{name: one[name] for name in one if name not in kept} for one in parts or ()]


def _failed(parts: list[dict[str, Any]] | None) -> dict[str, str]:
    return {name: text for part in parts or () for name, text in part["failed_documents"].items()}


def _telemetry(parts: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [part["telemetry"] for part in parts or ()]


def _seconds(parts: list[dict[str, Any]] | None) -> float:
    return float(sum(part["seconds"] for part in parts or ()))
