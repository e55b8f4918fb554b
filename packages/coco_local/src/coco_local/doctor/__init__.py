"""`coco doctor`: is everything in order, and how is what is not mended."""

from coco_local.doctor.examination import examine
from coco_local.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
