"""Stands in for pydub, which needs ffmpeg for MP3."""

from __future__ import annotations

from typing import Any


class AudioSegment:
    """Sound, exported as it is."""

    def __init__(self, data: bytes, sample_width: int, frame_rate: int, channels: int) -> None:
        self.data = data

    def export(self, out: Any, **_: Any) -> None:
        """Write the sound."""
        out.write(self.data)
