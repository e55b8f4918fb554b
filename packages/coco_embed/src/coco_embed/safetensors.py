"""Read float32 tensors from a safetensors file: a JSON header, then raw little-endian data."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from coco_core.errors import Unreadable

__all__ = ["Weights", "read_safetensors"]

Weights: TypeAlias = Mapping[str, NDArray[np.float32]]

# The header of a model with a hundred tensors takes some kilobytes; more is not a model of ours.
_MAX_HEADER_BYTES = 16 * 1024 * 1024


def read_safetensors(path: Path) -> Weights:
    """Return the float32 tensors of ``path`` as read-only views over one memory map."""
    tensors: dict[str, NDArray[np.float32]] = {}
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r")
        (length,) = struct.unpack("<Q", data[:8].tobytes())
        if length > _MAX_HEADER_BYTES:
            raise ValueError(f"its header claims {length} bytes")
        for name, entry in json.loads(data[8 : 8 + length].tobytes()).items():
            if name == "__metadata__" or entry["dtype"] != "F32":
                continue
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = data[start:end].view(np.float32).reshape(entry["shape"])
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(
            f"{path} is not a safetensors file: {error}.",
            hint="Give the model.safetensors of sentence-transformers/all-MiniLM-L6-v2.",
        ) from error
    return tensors
