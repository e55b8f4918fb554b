"""Target that writes Parquet files into a directory, for query engines that read directories.

The rows are partitioned by the digest of their key, so that an update replaces only the parts that
it touches, each in one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coco_flow.errors import DefinitionError, FlowConflict, FlowError
from coco_flow.op.spec import TargetSpec
from coco_flow.ports import Compatibility, ExportSchema, SetupChange, TargetBatch
from coco_flow.targets.arrow_types import ArrowColumns, ArrowOptions
from coco_flow.targets.parquet_parts import Parts, part_files, remove_parts, rewrite_parts
from coco_flow.targets.registry import register_target
from coco_flow.targets.table_state import (
    columns,
    compare_columns,
    fields_of_state,
    final_rows,
    plain_type,
    possible_states,
)
from coco_flow.types.schema import FieldSchema

__all__ = ["Parquet", "ParquetConnector"]

_ARROW = ArrowOptions("Parquet", "parquet")


class Parquet(TargetSpec):
    """A directory of Parquet files; `partitions` is their number.

    What is written while an update runs appears there after a moment, and all of it when it ends.
    """

    directory: str
    partitions: int = 16


class ParquetConnector:
    """Writes rows to directories of Parquet files."""

    def persistent_key(
        self,
        spec: Parquet,
        target_name: str,  # noqa: ARG002 - part of the contract
        flow_name: str,  # noqa: ARG002 - part of the contract
        namespace: str,  # noqa: ARG002 - part of the contract
    ) -> dict[str, str]:
        """Return the directory."""
        return {"directory": str(spec.directory)}

    def setup_state(self, spec: Parquet, schema: ExportSchema) -> dict[str, Any]:
        """Return the columns with their types, and the number of partitions."""
        if schema.index.vector_indexes or schema.index.fts_indexes:
            raise DefinitionError(
                "A Parquet target has no indexes.",
                hint="Leave vector_indexes and fts_indexes out.",
            )
        if spec.partitions < 1:
            raise DefinitionError(
                f"The Parquet target in {spec.directory} has {spec.partitions} partitions.",
                hint="It needs at least one.",
            )
        return {
            "key": columns(schema.key, _plain_type),
            "value": columns(schema.value, _plain_type),
            "partitions": spec.partitions,
        }

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Compare the columns; another number of partitions means writing everything again."""
        if desired["partitions"] != existing["partitions"]:
            return Compatibility.NOT_COMPATIBLE
        return compare_columns(desired, existing)

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Make the directories, or give the files that are there the columns asked for."""
        for change in changes:
            directory, current = Path(change.key["directory"]), change.current
            states = possible_states(change.previous)
            if current is None:
                remove_parts(directory)
                continue
            if not states and part_files(directory):
                raise FlowConflict(
                    f"There are Parquet files in {directory} already that this flow has not "
                    f"written, as {part_files(directory)[0].name}.",
                    hint="Give the target another directory, or remove them.",
                )
            verdicts = [self.compatibility(current, state) for state in states]
            if Compatibility.NOT_COMPATIBLE in verdicts:
                remove_parts(directory)
            directory.mkdir(parents=True, exist_ok=True)
            lost = {
                name
                for state in states
                for name, type_ in state["value"]
                if dict(map(tuple, current["value"])).get(name, type_) != type_
            }
            key, value = fields_of_state(current["key"]), fields_of_state(current["value"])
            rewrite_parts(directory, ArrowColumns(key, value, _ARROW), lost)

    def describe(self, key: Any) -> str:
        """Return the directory."""
        return f"Parquet files in {key['directory']}"

    def open(self, spec: Parquet, key: Any, schema: ExportSchema) -> Parts:
        """Read what a crash may have left to be merged."""
        arrow = ArrowColumns(schema.key, schema.value, _ARROW)
        return Parts(Path(key["directory"]), spec.partitions, arrow)

    def group(self, target: Parts) -> object:
        """Return the directory."""
        return id(target)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        """Write each batch down, so that no crash loses it."""
        for batch in batches:
            parts: Parts = batch.target
            try:
                parts.write(*final_rows(batch))
            except (OSError, ValueError) as error:
                raise FlowError(
                    f"Writing Parquet files in {parts.directory} failed: {error}",
                    hint="The next update writes the batch again.",
                ) from error

    def finish(self, target: Parts) -> None:
        """Bring the files up to date."""
        target.merge()

    def close(self, target: Parts) -> None:
        """Do nothing: what is not merged, the next update merges."""


def _plain_type(field: FieldSchema) -> dict[str, Any]:
    return plain_type(field.value_type.type)


register_target(Parquet, ParquetConnector())
