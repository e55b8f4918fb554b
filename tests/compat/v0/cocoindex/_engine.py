"""What the tests of CocoIndex ask of the native module, done by coco_flow's codec."""

from typing import Any

from coco_flow.types.codec import make_packer, make_unpacker
from coco_flow.types.schema import decode_value_type


class testutil:  # noqa: N801 - the name that the tests use
    """Functions for tests."""

    @staticmethod
    def serde_roundtrip(value: Any, value_type: dict[str, Any]) -> Any:
        """Return the value as it is after it was stored."""
        schema = decode_value_type(value_type)
        return make_unpacker(schema)(make_packer(schema)(value))
