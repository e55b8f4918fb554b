"""What graph databases differ in: what properties hold, and how Cypher is best written for them."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from coco_flow.targets.graph_values import Encoder, property_encoder

if TYPE_CHECKING:
    from coco_flow.types.schema import EnrichedValueType

__all__ = ["Dialect", "quoted"]


class Dialect(ABC):
    """What a database's properties hold, and how they are written.

    Attributes:
        scalars: Encoders of scalars by kind; the client takes other kinds as they are.
        composite_keys: Whether several properties together can identify a node.
        key_types: Types that a key can have; None means any.
        stored: How a value of the row is stored.
        stored_vector: How a vector is stored that has an index.
        fetched: How part of a key is read so that it can be a parameter again.
    """

    scalars: ClassVar[Mapping[str, Encoder]] = {}
    composite_keys: ClassVar[bool] = True
    key_types: ClassVar[frozenset[str] | None] = None
    stored: ClassVar[str] = "{value}"
    stored_vector: ClassVar[str] = "{value}"
    fetched: ClassVar[str] = "{value}"

    def type_name(self, value_type: EnrichedValueType) -> str:
        """Return the name of a property's type, in set-up state and in `stored`."""
        return str(value_type.type)

    def parameter_type(self, value_type: EnrichedValueType) -> str:  # noqa: ARG002
        """Return the type of a value in a row, for databases that require it."""
        return ""

    def takes_key(self, types: Sequence[EnrichedValueType]) -> bool:
        """Say whether properties of these types can identify a node."""
        if len(types) > 1 and not self.composite_keys:
            return False
        return self.key_types is None or all(
            self.type_name(each) in self.key_types for each in types
        )

    def key_text(self, parts: Sequence[Any]) -> str:
        """Return the text that identifies a node where its key, as JSON values, cannot."""
        return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))

    def encoder(self, value_type: EnrichedValueType) -> Encoder | None:
        """Return how values become what the client takes."""
        return property_encoder(value_type.type, self.scalars)

    @abstractmethod
    def found(
        self, rel_type: str, source: str, target: str, key: Mapping[str, tuple[str, str]]
    ) -> str:
        """Return how a relationship `r` from `s` to `t` is found by its key, for many rows.

        Planners differ in what keeps them from using an index, or a join.

        Args:
            rel_type: Its type, quoted, as all names are.
            source: The label of its source.
            target: The label of its target.
            key: Alias and expression of each property of its key.
        """

    def written(self, expression: str, type_name: str, *, vector_index: bool = False) -> str:
        """Return the expression that stores a value of the row."""
        form = self.stored_vector if vector_index else self.stored
        return form.format(value=expression, type=type_name)

    def read(self, expression: str) -> str:
        """Return the expression that reads part of a key."""
        return self.fetched.format(value=expression)


def quoted(name: str) -> str:
    """Return a label, type or property name quoted; names hold no backticks."""
    return f"`{name}`"
