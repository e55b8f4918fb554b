"""The flow API."""

from cocoindex._lazy import names_of

__getattr__ = names_of(
    "coco_flow",
    "coco_flow.lib",
    "coco_flow.flow.flow",
    "coco_flow.flow.transform_flow",
    "coco_flow.flow.live",
    add_flow_def="coco_flow:open_flow",
)
