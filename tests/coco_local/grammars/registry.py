"""A package registry on the loopback interface, with one real grammar in a package."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.coco_embed.file_server import FileServer

GRAMMARS = Path(__file__).parents[2] / "grammars"
PROPERTIES = GRAMMARS / "tree-sitter-properties.wasm"


def package(files: Mapping[str, bytes]) -> bytes:
    """Return a package as npm packs it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return data.getvalue()


def publish(
    server: FileServer,
    name: str,
    versions: Mapping[str, bytes],
    *,
    licence: str = "MIT",
    integrity: str | None = None,
) -> None:
    """Put versions of a package into the registry; the last one is the newest."""
    document: dict[str, object] = {"name": name, "dist-tags": {"latest": list(versions)[-1]}}
    manifests = {}
    for version, data in versions.items():
        path = f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
        server.files[path] = data
        manifests[version] = {
            "name": name,
            "version": version,
            "license": licence,
            "dist": {"tarball": server.url + path, "integrity": integrity or f"sha512-{digest}"},
        }
    document["versions"] = manifests
    server.files[f"/{name.replace('/', '%2f')}"] = json.dumps(document).encode()


def publish_properties(server: FileServer, *, integrity: str | None = None) -> None:
    """Publish the grammar that the catalogue names for `properties`."""
    files = {
        "package.json": b"{}",
        "LICENSE": (GRAMMARS / "tree-sitter-properties.LICENSE").read_bytes(),
        "tree-sitter-properties.wasm": PROPERTIES.read_bytes(),
    }
    publish(server, "tree-sitter-properties", {"0.3.0": package(files)}, integrity=integrity)
