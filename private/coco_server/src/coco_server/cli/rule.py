"""`coco-server rule`: text rules for imports, put where a job's ``wasm_module_ref`` finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from coco_core.errors import Unreadable
from coco_protocol.base import Answer
from coco_server.cli.connection import blob_store, opened
from coco_server.cli.output import AsJson, show
from coco_server.store import orgs

__all__ = ["rule"]

rule = typer.Typer(help="Text rules (WebAssembly) for imports: add.", no_args_is_help=True)


class _AddedRule(Answer):
    """A rule that imports of an org may name."""

    org_id: str
    wasm_module_ref: str = Field(description="What an import names to run it.")
    sha256: str


@rule.callback()
def _root() -> None:
    """Keep ``add`` a verb of its own: others may follow."""


@rule.command("add")
def add(
    org_id: Annotated[str, typer.Argument(help="Whose imports may name it.")],
    path: Annotated[Path, typer.Argument(help="The module, a .wasm file.")],
    as_json: AsJson = False,
) -> None:
    """Check a rule, store it for an org and print its reference."""
    from coco_core.wasm.rules import TextRule

    blobs = blob_store()
    try:
        module = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    checked = TextRule(module, name=path.name)
    with opened() as database, database.system() as session:
        orgs.get(session, org_id)
    stored = blobs.put_bytes(org_id, "wasm", module)
    added = _AddedRule(org_id=org_id, wasm_module_ref=stored.ref, sha256=checked.sha256)
    show(added, [added.model_dump()], as_json=as_json)
