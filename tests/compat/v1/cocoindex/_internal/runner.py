"""Runners under the public engine's names: the module itself, whose variables the suite resets."""

from __future__ import annotations

import sys

from coco_flow.components import gpu, runner

runner._detect_num_gpus = gpu.detect_num_gpus  # type: ignore[attr-defined]
sys.modules[__name__] = runner
