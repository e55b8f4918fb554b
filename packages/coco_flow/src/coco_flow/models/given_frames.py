"""Frames that a test gives a model for its inputs, in the place of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from coco_flow.errors import DefinitionError
from coco_flow.models.frames import MISSING, make_frame, records_of
from coco_flow.models.reference import Form, Input
from coco_flow.models.registry import ModelRegistry

if TYPE_CHECKING:
    from coco_flow.models.declaration import Model

__all__ = ["given_frames"]


def given_frames(declared: Model, frames: Mapping[str, Any]) -> list[GivenFrame]:
    """Return the inputs of a model, with what is given for each by name.

    Raises:
        DefinitionError: An input is missing, or there is none of a name.
    """
    names = [one.name for one in declared.inputs]
    unknown = [name for name in frames if name not in names]
    missing = [name for name in names if name not in frames]
    known = f"Its inputs: {', '.join(names) or 'none'}."
    if unknown:
        raise DefinitionError(f"Model {declared.name!r} has no input {unknown[0]!r}.", hint=known)
    if missing:
        raise DefinitionError(
            f"Model {declared.name!r} needs a frame for its input {missing[0]!r}.", hint=known
        )
    return [GivenFrame(one, frames[one.name]) for one in declared.inputs]


class GivenFrame:
    """An input of a model, as a run's input is read, with rows from a test.

    Args:
        given: The input.
        rows: A frame of pandas, Polars or Arrow, or a list of mappings or row objects.
    """

    def __init__(self, given: Input, rows: Any) -> None:
        self.given = given
        self._rows = rows

    @property
    def row_class(self) -> Any:
        """The row class of the model that writes the table, or None."""
        found = ModelRegistry.resolve(self.given.reference.name)
        return None if found is None else found.db_model

    def frame(self, form: Form) -> Any:
        """Return all rows in one frame, its columns of the types that a run's frames have."""
        names, rows = self._records()
        return make_frame(names, rows, form, is_input=True)

    def batches(self, form: Form) -> Iterator[Any]:
        """Return the rows in frames of the reference's `batch_rows` rows."""
        names, rows = self._records()
        size = self.given.reference.batch_rows
        for start in range(0, len(rows), size):
            yield make_frame(names, rows[start : start + size], form, is_input=True)

    def statement(self) -> Any:
        """Refuse: a test has no table to select from.

        Raises:
            DefinitionError: Always.
        """
        raise DefinitionError(
            f"{self.given.reference!r}.query needs a database, and run_model has none.",
            hint="Test this model with execute_model_sync on an SQLite file.",
        )

    def _records(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        names = _names(self._rows)
        rows = records_of(self._rows, names)
        return names, [tuple(None if one is MISSING else one for one in row) for row in rows]


def _names(rows: Any) -> list[str]:
    if hasattr(rows, "column_names"):
        return list(rows.column_names)
    if hasattr(rows, "columns"):
        return [str(name) for name in rows.columns]
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise DefinitionError(
            f"{rows!r} is no frame.",
            hint="Give a frame of pandas, Polars or Arrow, or a list of mappings or row objects.",
        )
    found: dict[str, None] = {}
    for row in rows:
        fields = row if isinstance(row, Mapping) else getattr(type(row), "model_fields", {})
        found.update(dict.fromkeys(fields))
    return list(found)
