"""The target of this name."""

from cocoindex._lazy import names_of

__getattr__ = names_of("coco_flow.targets.doris", "coco_flow.targets")
