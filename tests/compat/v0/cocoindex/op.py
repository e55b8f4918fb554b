"""Operations that users add."""

from cocoindex._lazy import names_of

__getattr__ = names_of("coco_flow.op", KEY_FIELD_NAME="coco_flow.types:KEY_FIELD_NAME")
