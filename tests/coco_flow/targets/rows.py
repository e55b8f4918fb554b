"""Schemas and random rows for the tests of targets, which drive them as an engine would."""

from __future__ import annotations

import datetime
import random
import string
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from coco_flow.index import IndexOptions
from coco_flow.ports import Compatibility, ExportSchema, SetupChange, TargetBatch, TargetConnector
from coco_flow.targets.registry import connector_of
from coco_flow.types.annotations import (
    Float32,
    Json,
    LocalDateTime,
    OffsetDateTime,
    Range,
    Vector,
)
from coco_flow.types.schema import FieldSchema, enriched_type


@dataclass
class Part:
    name: str
    size: int


Embedding = Vector[np.float32, Literal[3]]  # type: ignore[type-arg]  # a form made at run time

ALL_TYPES: dict[str, Any] = {
    "text": str,
    "number": int,
    "single": Float32,
    "double": float,
    "flag": bool,
    "raw": bytes,
    "id": uuid.UUID,
    "day": datetime.date,
    "clock": datetime.time,
    "local": LocalDateTime,
    "moment": OffsetDateTime,
    "span": datetime.timedelta,
    "place": Range,
    "extra": Json,
    "embedding": Embedding,
    "loose": Vector[float],
    "part": Part,
    "parts": list[Part],
    "keyed": dict[str, Part],
    "mixed": str | int,
}
"""A field of every type."""


def field(name: str, annotation: Any) -> FieldSchema:
    return FieldSchema(name, enriched_type(annotation))


def export_schema(
    key: dict[str, Any],
    value: dict[str, Any],
    *,
    vector_indexes: Sequence[Any] = (),
    fts_indexes: Sequence[Any] = (),
    attachments: Sequence[Any] = (),
) -> ExportSchema:
    return ExportSchema(
        tuple(field(*item) for item in key.items()),
        tuple(field(*item) for item in value.items()),
        IndexOptions(tuple(key), tuple(vector_indexes), tuple(fts_indexes)),
        tuple(attachments),
    )


def write_from_threads(target: Target, threads: int = 4, batches: int = 5) -> dict[Any, Any]:
    """Write batches of disjoint keys in parallel, as an engine may; return the expected rows."""
    rows = {
        (t, b): [((t * 100 + b * 10 + i,), ["x"]) for i in range(10)]
        for t in range(threads)
        for b in range(batches)
    }
    with target.opened() as handle, ThreadPoolExecutor(threads) as executor:

        def work(thread: int) -> None:
            for batch in range(batches):
                old = [key for key, _ in rows[thread, batch - 1][:3]] if batch else []
                target.connector.write([TargetBatch(handle, rows[thread, batch], old)])

        list(executor.map(work, range(threads)))
    left = {}
    for (_, batch), written in rows.items():
        left |= {key[0]: row[0] for key, row in (written if batch == batches - 1 else written[3:])}
    return left


class Target:
    """One target and its set-up state, as an engine would keep them."""

    def __init__(self, spec: Any, schema: ExportSchema, name: str = "docs") -> None:
        self.connector: TargetConnector = connector_of(spec)
        self.spec, self.schema = spec, schema
        self.key = self.connector.persistent_key(spec, name, "Flow", "")
        self.state: Any = None

    def set_up(self, spec: Any = None, schema: ExportSchema | None = None) -> Compatibility | None:
        """Go to a new spec or schema; the outcome is what the connector says about the rows."""
        self.spec, self.schema = spec or self.spec, schema or self.schema
        desired = self.connector.setup_state(self.spec, self.schema)
        verdict = None
        if self.state is not None:
            verdict = self.connector.compatibility(desired, self.state)
        self.connector.apply_setup([SetupChange(self.key, (self.state,), desired)])
        self.state = desired
        return verdict

    def drop(self) -> None:
        self.connector.apply_setup([SetupChange(self.key, (self.state,), None)])
        self.state = None

    @contextmanager
    def opened(self) -> Iterator[Any]:
        handle = self.connector.open(self.spec, self.key, self.schema)
        try:
            yield handle
            finish = getattr(self.connector, "finish", None)
            if finish is not None:
                finish(handle)
        finally:
            self.connector.close(handle)

    def write(self, upserts: Sequence[tuple[Any, Any]] = (), deletes: Sequence[Any] = ()) -> None:
        with self.opened() as handle:
            self.connector.write([TargetBatch(handle, upserts, deletes)])


def random_value(rng: random.Random, name: str) -> Any:
    """A value for a field of `ALL_TYPES`; sometimes none."""
    if rng.random() < 0.1:
        return None
    return _value(rng, name)


def _value(rng: random.Random, name: str) -> Any:
    start = datetime.datetime(2020, 1, 1)  # noqa: DTZ001 - a local time has no zone
    day = start + datetime.timedelta(days=rng.randrange(4000), microseconds=rng.randrange(10**9))
    return {
        "text": lambda: _text(rng),
        "number": lambda: rng.randrange(-(2**63), 2**63),
        "single": lambda: float(np.float32(rng.uniform(-1e3, 1e3))),
        "double": lambda: rng.uniform(-1e9, 1e9),
        "flag": lambda: rng.random() < 0.5,
        "raw": lambda: rng.randbytes(rng.randrange(20)),
        "id": lambda: uuid.UUID(int=rng.getrandbits(128), version=4),
        "day": day.date,
        "clock": day.time,
        "local": lambda: day,
        "moment": lambda: day.replace(
            tzinfo=datetime.timezone(datetime.timedelta(hours=rng.choice([0, 0, 2, -5])))
        ),
        "span": lambda: datetime.timedelta(seconds=rng.randrange(-(10**6), 10**6), milliseconds=5),
        "place": lambda: (first := rng.randrange(1000), first + 1 + rng.randrange(50)),
        "extra": lambda: {"a": [1, None, _text(rng)], "b": {"c": rng.random()}},
        "embedding": lambda: np.array([rng.random() for _ in range(3)], dtype=np.float32),
        "loose": lambda: np.array([rng.random() for _ in range(rng.randrange(4))]),
        "part": lambda: [_text(rng), rng.randrange(9)],
        "parts": lambda: [[_text(rng), rng.randrange(9)] for _ in range(rng.randrange(3))],
        "keyed": lambda: [[f"k{i}", _text(rng), i] for i in range(rng.randrange(3))],
        "mixed": lambda: rng.choice([7, "seven"]),
    }[name]()


def _text(rng: random.Random) -> str:
    alphabet = string.ascii_letters + " '\"\\%\n\t;,üß漢🙂{}[]"
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(12)))


def random_batches(
    rng: random.Random, keys: Sequence[Any], fields: Sequence[str], count: int
) -> Iterator[tuple[list[tuple[Any, Any]], list[Any]]]:
    """Batches of upserts and deletes, with keys that come again within a batch and across them."""
    for _ in range(count):
        upserts = [
            (rng.choice(keys), [random_value(rng, name) for name in fields])
            for _ in range(rng.randrange(40))
        ]
        yield upserts, [rng.choice(keys) for _ in range(rng.randrange(8))]


def apply_to_oracle(
    oracle: dict[Any, Any], upserts: Sequence[tuple[Any, Any]], deletes: Sequence[Any]
) -> None:
    oracle.update(upserts)
    for key in deletes:
        oracle.pop(key, None)


def as_arrow(name: str, value: Any) -> Any:
    """What reading a column of `ALL_TYPES` from an Arrow table gives for an engine value."""
    if value is None:
        return None
    if name == "place":
        return {"start": value[0], "end": value[1]}
    if name in ("embedding", "loose"):
        return value.tolist()
    if name == "part":
        return dict(zip(("name", "size"), value, strict=True))
    if name == "parts":
        return [dict(zip(("name", "size"), each, strict=True)) for each in value]
    if name == "keyed":
        return [dict(zip(("_key", "name", "size"), each, strict=True)) for each in value]
    return value


def interrupted_set_ups(
    connector: TargetConnector,
    key: Any,
    old: Any,
    new: Any,
    possible: Sequence[tuple[Any, ...]] | None = None,
) -> Iterator[None]:
    """Set a target up to `new` from every point where an earlier set-up may have been stopped.

    Each set-up is done twice, and control comes back after each; at the end the target is dropped.

    Args:
        connector: The connector.
        key: The target's key.
        old: A state of before.
        new: The wanted state.
        possible: The states that the store may know of, by default all that can be.
    """
    if possible is None:
        possible = [(None,), (None, new), (old,), (old, new), (old, new, None)]
    for before in (None, old, new):
        for previous in possible:
            connector.apply_setup([SetupChange(key, (None, old, new), None)])
            if before is not None:
                connector.apply_setup([SetupChange(key, (), before)])
            if before is not None and before not in previous:
                continue
            for _ in range(2):
                connector.apply_setup([SetupChange(key, previous, new)])
                yield
    for _ in range(2):
        connector.apply_setup([SetupChange(key, (new,), None)])
