"""Stands in for piper-tts: a hundredth of a second of silence for each word."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Self


class PiperVoice:
    """A voice."""

    @classmethod
    def load(cls, path: str, **_: Any) -> Self:
        return cls()

    def synthesize(self, text: str) -> Iterator[Any]:
        """Yield the sound of each word."""
        for _ in text.split():
            yield SimpleNamespace(
                audio_int16_bytes=bytes(320),
                sample_width=2,
                sample_rate=16000,
                sample_channels=1,
            )
