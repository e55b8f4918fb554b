"""Pages of the site that are made when it is built, and links that leave docs/; a hook of MkDocs.

The pages are those of the repository's root, one of the Python reference for each part of a
package, and the HTTP references, which scripts/docs writes into build/openapi beforehand.
"""

from __future__ import annotations

import ast
import logging
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

log = logging.getLogger("mkdocs.hooks.docs_pages")

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT / "packages"
OPENAPI = ROOT / "build" / "openapi"

# Files of the root that are pages, too.
ROOT_PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}

# What the Python reference holds: all modules of a folder, those below it included with `/**`.
REFERENCE = (
    "coco_core/**",
    "coco_protocol/**",
    "coco_embed/**",
    "coco_experiments/**",
    "coco_local/client/http_client.py",
    "coco_flow",
    "coco_flow/flow",
    "coco_flow/op",
    "coco_flow/sources",
    "coco_flow/functions",
    "coco_flow/targets",
    "coco_flow/models",
)

_LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(([^()\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the reference to the navigation."""
    http = [{_title(page): f"reference/{page.name}"} for page in sorted(OPENAPI.glob("*.md"))]
    python = [{_name(part): f"reference/{_name(part)}.md"} for part in REFERENCE]
    assert config.nav is not None
    config.nav.append({"Reference": [*http, *python]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in docs/."""
    for name, target in ROOT_PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=text))
    for part in REFERENCE:
        page = f"reference/{_name(part)}.md"
        files.append(File.generated(config, page, content=_reference(part)))
    for path in sorted(OPENAPI.glob("*.md")):
        page = f"reference/{path.name}"
        files.append(File.generated(config, page, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let links to other files of the repository lead to their pages, or name the files."""
    source = {target: name for name, target in ROOT_PAGES.items()}.get(page.file.src_uri)
    folder = posixpath.dirname(source if source is not None else f"docs/{page.file.src_uri}")

    def link(match: re.Match[str]) -> str:
        text, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match.group()
        path, mark, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(folder, path))
        found = ROOT_PAGES.get(path) or (path.removeprefix("docs/") if _is_below_docs(path) else "")
        if found:
            relative = posixpath.relpath(found, posixpath.dirname(page.file.src_uri) or ".")
            return f"[{text}]({relative}{mark}{anchor})"
        if not (ROOT / path).exists():
            log.warning("%s links to %s, which does not exist", page.file.src_uri, target)
        return text if path in text else f"{text} (`{path}`)"

    # Code is shown as it is.
    parts, start = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(link, markdown[start : fence.start()]), fence.group()]
        start = fence.end()
    return "".join([*parts, _LINK.sub(link, markdown[start:])])


def _is_below_docs(path: str) -> bool:
    return path.startswith("docs/")


def _name(part: str) -> str:
    """Return a part of the reference as Python names it."""
    return part.removesuffix("/**").removesuffix(".py").replace("/", ".")


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _reference(part: str) -> str:
    """Return a page that shows the public names of all modules of a part."""
    lines = [f"# {_name(part)}", ""]
    lines += [f"::: {module}" for module in _modules(part)]
    return "\n\n".join(lines)


def _modules(part: str) -> Iterator[str]:
    source = PACKAGES / part.partition("/")[0] / "src"
    place = source / part.removesuffix("/**")
    paths = [place] if place.is_file() else place.glob("**/*.py" if part.endswith("**") else "*.py")
    for path in sorted(paths):
        names = path.relative_to(source).with_suffix("").parts
        is_public = not any(name.startswith("_") and name != "__init__" for name in names)
        if is_public and not path.stem.endswith(("_pb2", "_pb2_grpc")) and _exports(path):
            yield ".".join(name for name in names if name != "__init__")


def _exports(path: Path) -> bool:
    """Whether a module defines public names; a package's file that only re-exports has none."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, defined) and not node.name.startswith("_") for node in tree.body)
