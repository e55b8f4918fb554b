"""Set-up of targets."""

from cocoindex._lazy import names_of

__getattr__ = names_of("coco_flow.setup.bundle", "coco_flow.lib")
