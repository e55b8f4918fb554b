"""Default names of targets."""

from coco_flow.lib import get_target_default_name

get_target_storage_default_name = get_target_default_name
