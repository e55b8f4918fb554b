"""Environments under the public engine's names."""

from __future__ import annotations

from coco_flow.components.environment import *  # noqa: F403
from coco_flow.components.environment import __all__ as __all__  # noqa: PLC0414
from coco_flow.components.environment import reset_default_env

reset_default_env_for_tests = reset_default_env
