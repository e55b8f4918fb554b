"""A comparison as one page of HTML that needs nothing but itself."""

from coco_experiments.report.page.rendering import render

__all__ = ["render"]
