"""Decides what a run has to do for a model: which documents, in which batches, and what goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from coco_flow.models.digests import InputDigest, document_digest, logic_digest
from coco_flow.models.loading import BoundInput
from coco_flow.models.store.documents import known_digests

if TYPE_CHECKING:
    from coco_flow.models.config import ModelConfig
    from coco_flow.models.context import ModelContext
    from coco_flow.models.database import Database
    from coco_flow.models.declaration import Model

__all__ = ["ALL_DOCUMENTS", "Plan", "bound_inputs", "digests_of", "plan_model"]

ALL_DOCUMENTS = ""
"""The document id under which a model that needs all documents at once is remembered."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for a model.

    Attributes:
        documents: The documents to process, sorted; None means all rows, whatever they belong to.
        vanished: Documents that are gone, of which the rows go too.
        is_needed: Whether the model must be called.
        total: How many documents there are.
    """

    documents: tuple[str, ...] | None
    vanished: frozenset[str] = frozenset()
    is_needed: bool = True
    total: int | None = None


def bound_inputs(
    declared: Model,
    database: Database,
    context: ModelContext,
    documents: Iterable[str] | None,
) -> list[BoundInput]:
    """Return the model's inputs, restricted to documents; digests are gathered on reading."""
    chosen = None if documents is None else list(documents)
    return [BoundInput(one, database, context, chosen, is_observed=True) for one in declared.inputs]


def plan_model(
    declared: Model, database: Database, context: ModelContext, config: ModelConfig | None
) -> Plan:
    """Find out what changed."""
    requested = context.document_ids
    inputs = bound_inputs(declared, database, context, requested)
    by_document = [one for one in inputs if one.document_column is not None]
    if not by_document or declared.scope == "table":
        return _whole_table(declared, database, context, config, inputs)
    if context.incremental_mode == "delta":
        for one in inputs:
            _read_through(one)
        present = _documents(inputs)
        changed = _changed(declared, database, config, inputs, present)
    else:
        present = {document for one in by_document for document in one.document_ids()}
        changed = present
    vanished = _vanished(declared, database, context, present)
    return Plan(tuple(sorted(changed)), vanished, bool(changed), len(present))


def _whole_table(
    declared: Model,
    database: Database,
    context: ModelContext,
    config: ModelConfig | None,
    inputs: list[BoundInput],
) -> Plan:
    requested = context.document_ids
    documents = None if requested is None else tuple(requested)
    if context.incremental_mode == "full" or not inputs:
        return Plan(documents)
    for one in inputs:
        _read_through(one)
    digest = digests_of(declared, config, inputs, [ALL_DOCUMENTS])[ALL_DOCUMENTS]
    known = _known(declared, database)
    return Plan(documents, is_needed=known.get(ALL_DOCUMENTS) != (digest, None))


def digests_of(
    declared: Model, config: ModelConfig | None, inputs: list[BoundInput], documents: Iterable[str]
) -> dict[str, str]:
    """Return the digest of each document from inputs that were read."""
    logic = logic_digest(declared, config)
    # A source and a parameter may have one name.
    gathered = {f"{one.given.is_source} {one.given.name}": _gathered(one) for one in inputs}
    if ALL_DOCUMENTS in (wanted := list(documents)):
        for one in gathered.values():
            one.sums = {ALL_DOCUMENTS: sum(one.sums.values())}
    return {document: document_digest(logic, gathered, document) for document in wanted}


def _gathered(one: BoundInput) -> InputDigest:
    assert one.digest is not None
    return one.digest


def _read_through(one: BoundInput) -> None:
    for _ in one.chunks():
        pass


def _documents(inputs: list[BoundInput]) -> set[str]:
    gathered = [_gathered(one) for one in inputs]
    return {document for one in gathered if not one.is_shared for document in one.sums}


def _changed(
    declared: Model,
    database: Database,
    config: ModelConfig | None,
    inputs: list[BoundInput],
    present: set[str],
) -> set[str]:
    known = _known(declared, database)
    digests = digests_of(declared, config, inputs, present)
    # A document that failed has an error there, and so is different from any digest alone.
    return {one for one, digest in digests.items() if known.get(one) != (digest, None)}


def _known(declared: Model, database: Database) -> dict[str, tuple[str, str | None]]:
    """Return the digest of each document whose rows are there: none if the table is gone."""
    if not database.has_table(declared.table):
        return {}
    return known_digests(database, declared.name)


def _vanished(
    declared: Model, database: Database, context: ModelContext, present: set[str]
) -> frozenset[str]:
    """Return the documents that have rows in the model's table and are no longer in its inputs.

    Which documents a pattern would have matched cannot be known once they are gone, so only runs
    about all documents, or about documents by id, find any.
    """
    if declared.write_strategy == "append" or context.filters.resolved:
        return frozenset()
    known = set(known_digests(database, declared.name))
    column = declared.document_column
    if column is not None and database.has_table(declared.table):
        with database.reading() as connection:
            rows = connection.execute(select(declared.table.c[column]).distinct())
            known |= {str(row[0]) for row in rows}
    requested = context.document_ids
    gone = known - present - {ALL_DOCUMENTS}
    # A document whose file could not be read is not gone: it is reported as failed.
    gone -= set(context.failures)
    return frozenset(gone if requested is None else gone & set(requested))
