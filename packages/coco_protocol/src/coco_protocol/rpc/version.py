"""Version of the gRPC contract, and its compatibility rule."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["RPC_VERSION", "VERSION_METADATA", "RpcVersion", "mismatch"]

VERSION_METADATA = "coco-rpc-version"
"""The metadata key that every call carries, and the worker's answer too."""

_TEXT = re.compile(r"(\d{1,9})\.(\d{1,9})")


@dataclass(frozen=True, slots=True)
class RpcVersion:
    """Programs of one major version understand each other; a minor version adds."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @classmethod
    def parse(cls, text: str) -> RpcVersion | None:
        """Read ``major.minor``; None for anything else."""
        found = _TEXT.fullmatch(text)
        return cls(int(found[1]), int(found[2])) if found else None


RPC_VERSION = RpcVersion(1, 0)
"""Of this package. A new major version when an older program would misunderstand."""


def mismatch(own: RpcVersion, other: RpcVersion | None, *, who: str) -> str | None:
    """Return why ``own`` must not work with ``other``, or None when it may.

    Args:
        own: The version of the program that judges.
        other: What the other program said; None when it said nothing that can be read.
        who: The other program, as the sentence shall name it.
    """
    if other is not None and other.major == own.major:
        return None
    theirs = "no readable version" if other is None else f"version {other}"
    return (
        f"{who} speaks {theirs} of CoCo's gRPC contract, this program version {own}. "
        "Install the API service and the workers from the same release."
    )
