"""Identifiers: a prefix that says what it names, the time, and 80 random bits.

Ids that begin with the time keep the newest rows together in an index, and sort by age.
"""

from __future__ import annotations

import secrets
import time
from typing import Literal

__all__ = ["IdKind", "new_id"]

IdKind = Literal["org", "key", "prj", "ver", "job", "memo", "rule", "ses", "aud", "era"]

# Crockford's alphabet: no letter that is taken for a digit.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(kind: IdKind) -> str:
    """Return a new identifier such as ``prj_01kb…``: 26 characters after the prefix."""
    number = int(time.time() * 1000) << 80 | secrets.randbits(80)
    return f"{kind}_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
