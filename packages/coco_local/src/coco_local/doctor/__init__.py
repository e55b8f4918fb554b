"""`coco doctor`: checks of the installation, each with a remedy."""

from coco_local.doctor.check_result import CheckResult, Level
from coco_local.doctor.checks import run_checks

__all__ = ["CheckResult", "Level", "run_checks"]
