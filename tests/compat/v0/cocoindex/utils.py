"""Default names of targets."""

from typing import Any

from coco_flow.setting import get_app_namespace


def get_target_default_name(flow: Any, target_name: str, delimiter: str = "__") -> str:
    """Return the name of a table or collection that a spec does not name."""
    namespace = get_app_namespace(trailing_delimiter=delimiter)
    return f"{namespace}{flow.name}{delimiter}{target_name}"


get_target_storage_default_name = get_target_default_name
