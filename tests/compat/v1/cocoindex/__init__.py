"""Test-only: coco_flow.components under the names of the public engine's second version."""

from __future__ import annotations

from coco_flow.components import *  # noqa: F403
from coco_flow.components import __all__ as __all__
from coco_flow.setting import set_environment_prefix

set_environment_prefix("COCOINDEX")
