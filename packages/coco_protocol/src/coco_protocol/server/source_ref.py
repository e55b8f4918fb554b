"""Source names: logical ones such as ``kb:project-alpha``, never file system paths."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias
from urllib.parse import unquote

from pydantic import AfterValidator, Field

__all__ = ["SourceRef", "path_reason"]

# A scheme of two letters and more, so that no drive letter is one, and segments without slashes:
# a relative path like "docs/readme.md" has no scheme, and none of these has a "..".
_LOGICAL = re.compile(r"[a-z][a-z0-9+-]{1,30}(?::[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}){1,8}", re.ASCII)

# What resolvers read from a disk or a machine, whatever follows.
_PATH_SCHEMES = frozenset({"file", "unc", "smb", "nfs", "jar", "zip", "res", "dev", "proc"})

_DRIVE = re.compile(r"[A-Za-z][:|](?:$|[\\/.]|[^:]*[\\/])")

# "%252e" is "." after two decodings; nobody nests more without meaning harm.
_MOST_DECODINGS = 4


def path_reason(text: str) -> str | None:
    """Return why ``text`` is, or comes down to, a path; None when it is a logical name."""
    decoded = text
    for _ in range(_MOST_DECODINGS):
        reason = _as_written(decoded)
        if reason is not None:
            return reason
        again = unquote(decoded)
        if again == decoded:
            break
        decoded = again
    if decoded != text or "%" in text:
        return "it is percent-encoded"
    if _LOGICAL.fullmatch(text) is None:
        return "it is no logical name"
    return None


def _as_written(text: str) -> str | None:
    """Tell the forms of paths apart, for the message only: what is no logical name is refused."""
    plain = text.strip()
    if plain.startswith(("\\\\", "//")):
        return "it is a network path"
    if plain.startswith(("/", "\\")):
        return "it is an absolute path"
    if plain.startswith("~"):
        return "it is a path in a home directory"
    if _DRIVE.match(plain):
        return "it begins with a drive letter"
    if plain.partition(":")[0].lower() in _PATH_SCHEMES:
        return f"{plain.partition(':')[0]}: names a place on a machine"
    if "/" in plain or "\\" in plain or plain in {".", ".."} or plain.startswith(("./", "../")):
        return "it is a path"
    if re.search(r"(^|:)\.", plain):
        return "it has a part that begins with a dot, as paths have"
    return None


def _logical(text: str) -> str:
    reason = path_reason(text)
    if reason is not None:
        raise ValueError(f"{reason}; a source is named like kb:project-alpha")
    return text


SourceRef: TypeAlias = Annotated[
    str,
    Field(
        min_length=3,
        max_length=512,
        description="A logical name such as kb:project-alpha; never a path.",
        examples=["kb:project-alpha"],
    ),
    AfterValidator(_logical),
]
