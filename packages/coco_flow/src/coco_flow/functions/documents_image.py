"""Reads the kind, the size and the metadata of an image."""

from __future__ import annotations

import io
import math
from typing import Any

from coco_core.errors import Unreadable

__all__ = ["image_properties"]

# The tag under which a TIFF or JPEG keeps the camera's data.
_CAMERA_TAGS = 0x8769
_LONGEST_TEXT = 1000


def image_properties(content: bytes) -> tuple[str, str, int, int, dict[str, Any]]:
    """Return kind, mode, width and height in pixels, and metadata that JSON can hold.

    Raises:
        Unreadable: It is damaged, or no image.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            kind, mode, (width, height) = image.format or "", image.mode, image.size
            metadata = _metadata(image)
            # Opening reads the head only.
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Unreadable(
            f"The image cannot be read: {error}.",
            hint="Check that it is a complete image in a format that Pillow reads.",
        ) from error
    return kind, mode, width, height, metadata


def _metadata(image: Any) -> dict[str, Any]:
    from PIL import ExifTags

    found: dict[str, Any] = {}
    for name, value in image.info.items():
        if name not in {"exif", "icc_profile"}:
            _keep(found, str(name), value)
    exif = image.getexif()
    for tags in (exif, exif.get_ifd(_CAMERA_TAGS)):
        for number, value in tags.items():
            if number != _CAMERA_TAGS:
                _keep(found, ExifTags.TAGS.get(number, f"Tag{number}"), value)
    return found


def _keep(found: dict[str, Any], name: str, value: Any) -> None:
    """Keep what JSON can hold; raw bytes and long texts are of no use to a reader."""
    plain = _plain(value)
    if plain is not None:
        found[name] = plain


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        text = value.replace("\0", "").strip()
        return text if text and len(text) <= _LONGEST_TEXT else None
    if isinstance(value, bool | int):
        return value
    if isinstance(value, tuple | list):
        parts = [_plain(part) for part in value]
        return parts if all(part is not None for part in parts) else None
    try:
        # Pillow's fractions are numbers, but no floats; some have no denominator.
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None
