"""Targets."""

from cocoindex._lazy import names_of

__getattr__ = names_of("coco_flow.targets")
