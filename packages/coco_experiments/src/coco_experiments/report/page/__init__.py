"""HTML report: a comparison as one self-contained page."""

from coco_experiments.report.page.rendering import render

__all__ = ["render"]
