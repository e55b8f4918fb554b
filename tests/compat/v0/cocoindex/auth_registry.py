"""The registry of secrets."""

from typing import Any

from coco_flow.auth import TransientAuthEntryReference, resolve_auth_entry
from cocoindex._lazy import names_of

__getattr__ = names_of("coco_flow.auth")


def get_auth_entry(cls: type, ref: TransientAuthEntryReference[Any]) -> Any:
    """Return a registered value, which is of the class `cls`."""
    value = resolve_auth_entry(ref)
    if not isinstance(value, cls):
        raise TypeError(f"The entry {ref.key!r} is of {type(value)}, not {cls}.")
    return value
