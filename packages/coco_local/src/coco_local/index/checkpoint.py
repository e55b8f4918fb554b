"""Snapshot file of an in-memory index, loaded at start in place of LanceDB's tables.

LanceDB stays the store. Importing it takes a second and 90 MB, and turning its rows into an
inverted index takes another second; a start without changes needs neither. A checkpoint belongs to
exactly one state of LanceDB's files (`LanceStore.state_of`): after any later write, or after
damage, it is ignored and the tables are read.

Layout: magic, length of the header (uint64), header (JSON), then the arrays one after the other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import structlog
from numpy.typing import NDArray

__all__ = ["Checkpoint", "read_checkpoint", "write_checkpoint"]

log = structlog.get_logger(__name__)

_NAME = "memory.checkpoint"

# The last byte counts versions of the layout, and of what `MemoryIndex.checkpoint` puts into it.
_MAGIC = b"CoCoIdx\x04"

# What an array may consist of: a file that was changed must not bring anything else.
_DTYPES = frozenset(
    {
        *("bool", "uint8", "uint16", "uint64", "int8", "int32", "int64"),
        *("float16", "float32", "float64"),
    }
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that an index holds in memory, as arrays and as texts that JSON can hold."""

    arrays: Mapping[str, NDArray[Any]]
    texts: Mapping[str, Any]


def write_checkpoint(directory: Path, checkpoint: Checkpoint, state: Mapping[str, Any]) -> None:
    """Put the checkpoint into the place of an older one, for this ``state`` of the store.

    Raises:
        OSError: it cannot be written; there is none then.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in checkpoint.arrays.items()}
    header = {
        "state": state,
        "texts": checkpoint.texts,
        "arrays": [[name, array.dtype.name, array.shape] for name, array in arrays.items()],
    }
    raw = json.dumps(header, separators=(",", ":")).encode("ascii")
    target = directory / _NAME
    fresh = target.with_suffix(".new")
    target.unlink(missing_ok=True)
    with fresh.open("wb") as file:
        file.write(_MAGIC + len(raw).to_bytes(8, "little") + raw)
        for array in arrays.values():
            file.write(array.data if array.size else b"")
        file.flush()
        # A name that survives a power cut must not stand for pages that did not.
        os.fsync(file.fileno())
    fresh.replace(target)


def read_checkpoint(directory: Path, state: Mapping[str, Any]) -> Checkpoint | None:
    """Return the checkpoint of this ``state``; None when there is none, or it is damaged."""
    try:
        with (directory / _NAME).open("rb") as file:
            return _read(file, state)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("checkpoint_ignored", path=str(directory / _NAME), reason=str(error))
        return None


def _read(file: BinaryIO, state: Mapping[str, Any]) -> Checkpoint | None:
    start = file.read(len(_MAGIC) + 8)
    if start[: len(_MAGIC)] != _MAGIC:
        raise ValueError("it is no checkpoint of this version")
    header = json.loads(file.read(int.from_bytes(start[len(_MAGIC) :], "little")))
    if header["state"] != state:
        return None
    arrays: dict[str, NDArray[Any]] = {}
    for name, dtype, shape in header["arrays"]:
        if dtype not in _DTYPES:
            raise ValueError(f"it holds an array of {dtype!r}")
        count = int(np.prod(shape, dtype=np.int64))
        array = np.fromfile(file, np.dtype(dtype), count)
        if array.size != count:
            raise ValueError(f"the array {name!r} is cut")
        arrays[name] = array.reshape(shape)
    if file.read(1):
        raise ValueError("it is longer than it says")
    return Checkpoint(arrays, header["texts"])
