"""Package registry from the user's npm configuration; none is built in.

What npm reads is read: the environment, the user's and the global ``.npmrc``. Where they say
nothing, npm itself is asked, which has its own default. A project's ``.npmrc`` is not read: a
repository that is indexed must not decide where grammars come from.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from coco_core.errors import Unavailable
from coco_embed.download import DownloadAuth

__all__ = ["NpmConfig"]

_LINE = re.compile(r"\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*")
_VARIABLE = re.compile(r"\$\{(\w+)\}")

# npm needs half a second to start.
_NPM_SECONDS = 20


@dataclass(frozen=True)
class NpmConfig:
    """npm's configuration as far as it says where packages are."""

    environ: Mapping[str, str]

    def registry(self, package: str) -> str:
        """Return the registry of a package, with a final slash.

        Raises:
            Unavailable: none is configured.
        """
        scope = package.partition("/")[0] if package.startswith("@") else ""
        found = (scope and self._values.get(f"{scope}:registry")) or self._values.get("registry")
        found = found or self._asked.get("registry")
        if not found or "://" not in found:
            raise Unavailable(
                "No package registry is configured: npm is not installed, and there is no .npmrc.",
                hint="Set grammar_source to a mirror or a folder, or set NPM_CONFIG_REGISTRY.",
            )
        return found.rstrip("/") + "/"

    def access(self, url: str) -> DownloadAuth:
        """Return what the configuration holds for a URL: a token, a certificate."""
        parts = urllib.parse.urlsplit(url)
        place = f"//{parts.netloc}{parts.path}"
        headers: dict[str, str] = {}
        longest = 0
        for name, value in self._values.items():
            prefix, _, kind = name.rpartition(":")
            if kind not in {"_authToken", "_auth"} or not prefix.startswith("//"):
                continue
            if place.startswith(prefix.rstrip("/") + "/") and len(prefix) > longest:
                longest = len(prefix)
                headers["Authorization"] = _authorization(kind, value)
        return DownloadAuth(headers, self._values.get("cafile") or self._asked.get("cafile"))

    @cached_property
    def _values(self) -> dict[str, str]:
        values: dict[str, str] = {}
        for path in self._files():
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue
            for line in text.splitlines():
                match = _LINE.fullmatch(line)
                if match is not None:
                    values[match[1]] = self._expanded(match[2].strip("\"'"))
        for name, value in self.environ.items():
            lower = name.lower()
            if lower in {"npm_config_registry", "npm_config_cafile"} and value:
                values[lower.removeprefix("npm_config_")] = value
        return values

    def _files(self) -> list[Path]:
        environ = {name.lower(): value for name, value in self.environ.items()}
        files: list[Path] = []
        if environ.get("npm_config_globalconfig"):
            files.append(Path(environ["npm_config_globalconfig"]))
        user = environ.get("npm_config_userconfig")
        home = self.environ.get("HOME") or self.environ.get("USERPROFILE")
        if user:
            files.append(Path(user).expanduser())
        elif home:
            files.append(Path(home) / ".npmrc")
        return files

    def _expanded(self, value: str) -> str:
        return _VARIABLE.sub(lambda match: self.environ.get(match[1], ""), value)

    @cached_property
    def _asked(self) -> dict[str, str]:
        """What npm says itself: its global configuration and its default."""
        npm = shutil.which("npm", path=self.environ.get("PATH", os.defpath))
        if npm is None:
            return {}
        try:
            done = subprocess.run(
                [npm, "config", "get", "registry", "cafile"],
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=_NPM_SECONDS,
                # Not in a project: its .npmrc does not count.
                cwd=Path(npm).resolve().parent,
                env=dict(self.environ),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return {}
        pairs = [line.partition("=") for line in done.stdout.splitlines() if "=" in line]
        return {name: value for name, _, value in pairs if value not in {"", "null", "undefined"}}


def _authorization(kind: str, value: str) -> str:
    if kind == "_authToken":
        return f"Bearer {value}"
    # Kept as base64 already; a plain pair is encoded.
    return f"Basic {base64.b64encode(value.encode()).decode() if ':' in value else value}"
