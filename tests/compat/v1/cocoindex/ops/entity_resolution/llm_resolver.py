"""The language model as judge under the public engine's names."""

from __future__ import annotations

import importlib
import sys

from coco_flow.components.ops.entity_resolution import PairDecision

# Tests load this module again after replacing litellm and instructor.
sys.modules.pop("coco_flow.components.ops.entity_resolution.llm_resolver", None)
_ours = importlib.import_module("coco_flow.components.ops.entity_resolution.llm_resolver")

__all__ = ["LlmPairResolver"]

LlmPairResolver = _ours.LlmPairResolver
_LlmResponse = _ours.Answer
_PairDecision = PairDecision
_litellm = _ours.litellm
_instructor = _ours.instructor
