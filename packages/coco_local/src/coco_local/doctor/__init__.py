"""`coco doctor`: is everything in order, and how is what is not mended."""

from coco_local.doctor.check_result import CheckResult, Level
from coco_local.doctor.checks import run_checks

__all__ = ["CheckResult", "Level", "run_checks"]
