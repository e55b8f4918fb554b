"""`coco doctor`: is everything in order, and how is what is not mended."""

from coco_local.doctor.check_result import Finding, Level
from coco_local.doctor.checks import examine

__all__ = ["Finding", "Level", "examine"]
