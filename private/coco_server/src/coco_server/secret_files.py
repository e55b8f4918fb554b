"""Secrets from files: ``COCO_ADMIN_KEY_FILE`` names a file with what ``COCO_ADMIN_KEY`` would hold.

Orchestrators mount secrets as files; an environment is listed by many tools.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from pathlib import Path

from coco_core.errors import InvalidConfig
from coco_core.settings import Setting

__all__ = ["SECRET_VARIABLES", "adopt_secret_files", "secret_variables"]

_SUFFIX = "_FILE"

SECRET_VARIABLES = ("COCO_EMBED_API_KEY",)
"""Secrets of what server mode uses and does not set itself."""

# A key or a URL; whatever is longer is another file.
_MOST_BYTES = 65_536


def secret_variables(settings: Iterable[Setting]) -> list[str]:
    """Return the variables that may come from a file."""
    own = [name for setting in settings if setting.secret for name in setting.variables]
    return [*own, *SECRET_VARIABLES]


def adopt_secret_files(environ: MutableMapping[str, str], names: Iterable[str]) -> None:
    """Replace each ``NAME_FILE`` in ``environ`` by ``NAME`` with the file's content.

    White space around the content, such as the newline at its end, is dropped.

    Raises:
        InvalidConfig: both are set, or the file cannot be read or is empty.
    """
    for name in names:
        variable = f"{name}{_SUFFIX}"
        place = environ.get(variable, "").strip()
        if not place:
            continue
        if environ.get(name, "").strip():
            raise InvalidConfig(
                f"{name} and {variable} are both set.",
                hint="Remove one; they are the same setting.",
            )
        environ[name] = _content(variable, Path(place))
        del environ[variable]


def _content(variable: str, place: Path) -> str:
    hint = f"{variable} names a file with the secret and nothing else, readable by this user."
    try:
        with place.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        content = raw.decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(
            f"The file of {variable}, {str(place)!r}, cannot be read: {error}.", hint=hint
        ) from error
    if not content or len(raw) > _MOST_BYTES:
        raise InvalidConfig(
            f"The file of {variable}, {str(place)!r}, is empty or has more than {_MOST_BYTES} "
            "bytes.",
            hint=hint,
        )
    return content
