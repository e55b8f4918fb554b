"""Statistics under the public engine's names."""

from __future__ import annotations

from coco_flow.components.stats import *  # noqa: F403
from coco_flow.components.stats import __all__ as __all__  # noqa: PLC0414
from coco_flow.components.stats import report_interval

_resolve_report_to_stdout = report_interval
