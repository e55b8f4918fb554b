"""Digests of what decides a document's rows, so that delta mode knows which ones changed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coco_flow.models.config import ModelConfig
    from coco_flow.models.declaration import Model

__all__ = ["InputDigest", "document_digest", "logic_digest"]

_BYTES = 16


class InputDigest:
    """Digests of one input's rows by document, gathered while the rows are read.

    Rows of a document are summed up, so their order does not matter.

    Args:
        names: The columns of the rows.
        document_column: The column with the document's id, or None if all rows count for all.
        skipped: Columns that do not count.
        arrays: Columns that may hold arrays.
    """

    def __init__(
        self,
        names: Sequence[str],
        document_column: str | None,
        *,
        skipped: Collection[str] = (),
        arrays: Collection[str] = (),
    ) -> None:
        self._document = None if document_column is None else names.index(document_column)
        self._taken = [number for number, name in enumerate(names) if name not in skipped]
        self._arrays = [place for place, one in enumerate(self._taken) if names[one] in arrays]
        self.sums: dict[str, int] = {}

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take rows into account."""
        taken, document, sums, arrays = self._taken, self._document, self.sums, self._arrays
        blake, from_bytes = hashlib.blake2b, int.from_bytes
        # With one place it would return the value itself.
        take = itemgetter(*taken) if len(taken) > 1 else None
        for row in rows:
            values = take(row) if take else tuple(row[place] for place in taken)
            if arrays:
                # NumPy shows of a long array only its ends.
                values = tuple(
                    value.tolist() if place in arrays and hasattr(value, "tolist") else value
                    for place, value in enumerate(values)
                )
            text = repr(values).encode("utf-8", "surrogatepass")
            key = "" if document is None else str(row[document])
            value = from_bytes(blake(text, digest_size=_BYTES).digest(), "big")
            sums[key] = sums.get(key, 0) + value

    @property
    def is_shared(self) -> bool:
        """Whether the rows belong to no document, and so to all."""
        return self._document is None


def logic_digest(declared: Model, config: ModelConfig | None) -> bytes:
    """Return the digest of a model's code and settings, which every document's digest has."""
    from coco_flow.components.logic import logic_fingerprint

    code = logic_fingerprint(declared.function, version=declared.version).as_bytes()
    settings = repr(sorted(config.model_dump().items())) if config is not None else ""
    columns = repr([(column.name, str(column.type)) for column in declared.table.columns])
    filters = repr([_code_of(given.reference.filter) for given in declared.inputs])
    texts = (settings, columns, filters, declared.write_strategy)
    parts = (code, *(text.encode("utf-8", "surrogatepass") for text in texts))
    return hashlib.blake2b(b"\0".join(parts), digest_size=_BYTES).digest()


def _code_of(filtering: Any) -> Any:
    """Return what tells one filter function from another; other filters decide by the rows alone.

    The source of a lambda is part of a larger statement, so its compiled form is taken.
    """
    code = getattr(filtering, "__code__", filtering)
    if not isinstance(code, CodeType):
        return None
    constants = [_code_of(one) or repr(one) for one in code.co_consts]
    return code.co_code.hex(), code.co_names, constants


def document_digest(logic: bytes, inputs: Mapping[str, InputDigest], document_id: str) -> str:
    """Return the digest of all that decides a document's rows, in hexadecimal digits."""
    found = hashlib.blake2b(logic, digest_size=_BYTES)
    for name, given in sorted(inputs.items()):
        value = given.sums.get("" if given.is_shared else document_id, 0)
        found.update(f"{name}={value:x};".encode())
    return found.hexdigest()
