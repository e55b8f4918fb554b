"""Grammar sources: local files, URLs, and packages of the user's registry."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import tarfile
import urllib.parse
import urllib.request
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from coco_core.errors import InvalidInput, Unreadable
from coco_embed.download import DownloadAuth, FileAbsent, download
from coco_embed.progress import SourceFailed, Watch
from coco_local.grammars.catalogue import catalogue
from coco_local.grammars.npmrc import NpmConfig
from coco_local.grammars.store import GRAMMAR, LICENCE

__all__ = [
    "Fetched",
    "FolderSource",
    "GrammarSource",
    "GrammarUrlSource",
    "NpmSource",
    "source_of",
    "without_version",
]

# The largest published grammar has 7 MB.
_MAX_WASM_BYTES = 24 << 20
_MAX_LICENCE_BYTES = 1 << 20

_LICENCE = re.compile(r"(?:LICEN[CS]E|COPYING)(?:[.-][\w.-]+)?", re.IGNORECASE)
_PACKAGE = re.compile(
    r"npm:(?P<package>(?:@[\w.~-]+/)?[\w.~-]+)(?:@(?P<version>[\w.+-]+))?(?::(?P<member>.+))?"
)
_HASHES = ("sha512", "sha384", "sha256")

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source left in the folder, beside the grammar's file itself."""

    source: str
    version: str = ""
    licence: str = _UNKNOWN


class GrammarSource(Protocol):
    """Somewhere to get a grammar from."""

    @property
    def name(self) -> str:
        """How messages call it."""
        ...

    def fetch(self, language: str, target: Path, downloads: Path, watch: Watch) -> Fetched:
        """Put ``grammar.wasm``, and ``LICENSE`` if there is one, into the folder ``target``.

        What an interrupted download had stays in ``downloads``; `SourceFailed` says why the grammar
        is not to be had here.
        """
        ...


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A ``.wasm`` file, a package, or a folder of these."""

    path: Path

    @property
    def name(self) -> str:
        """The path itself."""
        return str(self.path)

    def fetch(self, language: str, target: Path, downloads: Path, watch: Watch) -> Fetched:
        """Copy the file, and the licence that stands beside it."""
        del downloads
        path = self.path
        if path.is_dir():
            names = _file_names(language)
            path = next((path / name for name in names if (path / name).is_file()), path)
        if not path.is_file():
            raise SourceFailed(f"there is no {_file_names(language)[0]} in it")
        watch.report("download", 0, path.stat().st_size)
        if path.suffix in {".tgz", ".gz"}:
            _unpack(path, language, None, target)
        else:
            shutil.copyfile(path, target / GRAMMAR)
            beside = [each for each in path.parent.iterdir() if _LICENCE.fullmatch(each.name)]
            if beside:
                shutil.copyfile(min(beside), target / LICENCE)
        return Fetched(str(path))


@dataclass(frozen=True, slots=True)
class GrammarUrlSource:
    """A URL of a ``.wasm``, of a package, or of a mirror that holds files of the usual names."""

    url: str

    @property
    def name(self) -> str:
        """The URL without what might be secret in it."""
        parts = urllib.parse.urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return urllib.parse.urlunsplit((parts.scheme, host, parts.path, "", ""))

    def fetch(self, language: str, target: Path, downloads: Path, watch: Watch) -> Fetched:
        """Download the file, or the first of the usual names that is there."""
        parts = urllib.parse.urlsplit(self.url)
        if parts.path.endswith((".tgz", ".tar.gz")):
            package = target / "package.tgz"
            download(self.url, package, downloads, watch)
            _unpack(package, language, None, target)
            package.unlink()
            return Fetched(self.name)
        if parts.path.endswith(".wasm"):
            download(self.url, target / GRAMMAR, downloads, watch)
            return Fetched(self.name)
        for name in _file_names(language):
            path = f"{parts.path.rstrip('/')}/{name}"
            try:
                url = parts._replace(path=path).geturl()
                download(url, target / GRAMMAR, downloads, watch)
            except FileAbsent:
                continue
            return Fetched(f"{self.name.rstrip('/')}/{name}")
        raise SourceFailed(f"there is no {_file_names(language)[0]} at {self.name}")


@dataclass(frozen=True, slots=True)
class NpmSource:
    """A package of the registry that npm is configured with; no code of it is run."""

    config: NpmConfig
    package: str
    version: str = ""
    """Empty: the newest."""
    member: str = ""
    """Empty: the file of the usual name."""
    sha256: str = ""
    """Of the file, when it is known."""

    @property
    def name(self) -> str:
        """Package and version."""
        return f"npm:{self.package}" + (f"@{self.version}" if self.version else "")

    def fetch(self, language: str, target: Path, downloads: Path, watch: Watch) -> Fetched:
        """Download the package, compare it with what the registry promises, and take two files."""
        manifest = self._manifest(downloads, watch)
        version = str(manifest.get("version", self.version))
        package = self._package(manifest, downloads, watch)
        member = _unpack(package, language, self.member or None, target)
        if self.sha256:
            found = hashlib.sha256((target / GRAMMAR).read_bytes()).hexdigest()
            if found != self.sha256:
                raise SourceFailed(
                    f"{member} of {self.package} {version} has the checksum {found}, "
                    f"not {self.sha256} as when CoCo was made"
                )
        licence = manifest.get("license")
        return Fetched(
            f"npm:{self.package}:{member}",
            version,
            licence if isinstance(licence, str) and licence else _UNKNOWN,
        )

    def _manifest(self, downloads: Path, watch: Watch) -> Mapping[str, Any]:
        """Return what the registry says about the version."""
        registry = self.config.registry(self.package)
        url = registry + self.package.replace("/", "%2f")
        path = downloads / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
        # A document that changes cannot be resumed.
        path.with_suffix(".part").unlink(missing_ok=True)
        access = self.config.access(url)
        accepted = {"Accept": "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8"}
        headers = {**access.headers, **accepted}
        download(url, path, downloads, watch, access=DownloadAuth(headers, access.ca_file))
        try:
            document = json.loads(path.read_bytes())
            version = self.version or document["dist-tags"]["latest"]
            manifest: Mapping[str, Any] = document["versions"][version]
            manifest["dist"]["tarball"]
        except (ValueError, KeyError, TypeError) as error:
            raise SourceFailed(
                f"the registry has no version {self.version or 'latest'} of {self.package}"
            ) from error
        finally:
            path.unlink(missing_ok=True)
        return manifest

    def _package(self, manifest: Mapping[str, Any], downloads: Path, watch: Watch) -> Path:
        """Return the package, verified; one that was fetched before is used again."""
        url, promised = manifest["dist"]["tarball"], _integrity(manifest["dist"])
        key = hashlib.sha256(promised.encode()).hexdigest()
        path = downloads / f"{key[:32]}.tgz"
        if not (path.is_file() and _keeps(path, promised)):
            for again in (False, True):
                download(url, path, downloads, watch, access=self.config.access(url))
                if _keeps(path, promised):
                    break
                # What was resumed may have been of another file: once more from the start.
                path.unlink()
                if again:
                    raise SourceFailed(f"{url} does not match what the registry states: {promised}")
        return path


def source_of(
    given: str | None, language: str, config: NpmConfig, *, newest: bool = False
) -> GrammarSource:
    """Return the source that a user names, or the package where the language is published.

    Args:
        given: a path, a URL, or ``npm:PACKAGE[@VERSION][:FILE]``; None for the catalogue.
        language: which grammar is wanted.
        config: npm's.
        newest: not the version that CoCo knows, but the registry's newest.

    Raises:
        InvalidInput: it names nothing, or the catalogue does not have the language.
    """
    if given is None:
        entry = catalogue().get(language)
        if entry is None:
            raise InvalidInput(
                f"No package with a grammar of {language!r} is known.",
                hint="Name one: coco grammar install NAME --from FILE, URL or npm:PACKAGE",
            )
        if newest:
            return NpmSource(config, entry.package, member=entry.member)
        return NpmSource(config, entry.package, entry.version, entry.member, entry.sha256)
    match = _PACKAGE.fullmatch(given)
    if match is not None:
        return NpmSource(config, match["package"], match["version"] or "", match["member"] or "")
    parts = urllib.parse.urlsplit(given)
    if parts.scheme in {"http", "https"} and parts.netloc:
        return GrammarUrlSource(given)
    if parts.scheme == "file":
        return FolderSource(Path(urllib.request.url2pathname(parts.path)))
    if given.startswith("npm:") or "://" in given:
        raise InvalidInput(
            f"{given!r} is not a place to get a grammar from.",
            hint="Give a path, a URL with http://, https:// or file://, or npm:PACKAGE[@VERSION].",
        )
    return FolderSource(Path(given).expanduser())


def _file_names(language: str) -> tuple[str, ...]:
    return (f"tree-sitter-{language}.wasm", f"{language}.wasm")


def _integrity(dist: Mapping[str, Any]) -> str:
    for promised in str(dist.get("integrity", "")).split():
        if promised.partition("-")[0] in _HASHES:
            return promised
    raise SourceFailed("the registry states no checksum for the package")


def _keeps(path: Path, promised: str) -> bool:
    name, _, wanted = promised.partition("-")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, name).digest()
    return base64.b64encode(found).decode() == wanted


def _unpack(package: Path, language: str, member: str | None, target: Path) -> str:
    """Take the grammar and the licence out of a package; returns the grammar's name in it."""
    wanted = {member} if member else set(_file_names(language))
    grammars: list[tarfile.TarInfo] = []
    try:
        with tarfile.open(package, "r:gz") as archive:
            for each in archive:
                inside = each.name.partition("/")[2]
                if not each.isfile():
                    continue
                if _LICENCE.fullmatch(inside) and each.size <= _MAX_LICENCE_BYTES:
                    _copy(archive, each, target / LICENCE)
                elif inside.endswith(".wasm"):
                    grammars.append(each)
            chosen = _chosen(grammars, wanted, only=member is not None)
            if chosen.size > _MAX_WASM_BYTES:
                raise SourceFailed(f"{chosen.name} has {chosen.size} bytes, which is too much")
            _copy(archive, chosen, target / GRAMMAR)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SourceFailed(f"the package cannot be unpacked: {error}") from error
    return chosen.name.partition("/")[2]


def _chosen(
    grammars: Sequence[tarfile.TarInfo], wanted: Collection[str], *, only: bool
) -> tarfile.TarInfo:
    """Return the wanted file, or the only one of a package when no name was given."""
    named = [
        each
        for each in grammars
        if each.name.partition("/")[2] in wanted or each.name.rpartition("/")[2] in wanted
    ]
    found = named or ([] if only or len(grammars) != 1 else grammars)
    if not found:
        names = ", ".join(each.name.partition("/")[2] for each in grammars[:5]) or "no .wasm at all"
        raise SourceFailed(f"there is no {max(wanted, key=len)} in the package, but {names}")
    return min(found, key=lambda each: each.name.count("/"))


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(member)
    if source is None:
        raise Unreadable(f"{member.name!r} is not a file.")
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file)


def without_version(source: str) -> str:
    """Return a source as it was noted, so that its newest version is meant."""
    package, _, member = source.removeprefix("npm:").partition(":")
    return f"npm:{package}:{member}" if source.startswith("npm:") else source
