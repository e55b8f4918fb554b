"""Loading of user programs."""

from cocoindex._lazy import names_of

__getattr__ = names_of("coco_flow.user_app_loader", Error="coco_flow.user_app_loader:AppNotLoaded")
