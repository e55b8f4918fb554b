"""Operations under the public engine's names."""

from __future__ import annotations

from typing import Any

from coco_flow.components.bound import BoundMethod

# What tests call to run the body of a batched method by itself.
_method: Any = BoundMethod
_method._execute_orig_sync_fn = BoundMethod.run_body
_method._execute_orig_async_fn = BoundMethod.run_body
