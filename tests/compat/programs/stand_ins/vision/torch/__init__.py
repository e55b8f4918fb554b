"""Stands in for torch where a program only runs a model under `no_grad`."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np

Tensor = np.ndarray
float32 = np.float32
bfloat16 = np.float32
cuda = SimpleNamespace(is_available=lambda: False)
no_grad = nullcontext
