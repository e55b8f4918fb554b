"""CoCo's local daemon: each row is a document, kept as a file in a folder that the daemon indexes.

The daemon indexes folders and nothing else. The target keeps one for its documents, registers it as
a project, and requests a scan at the end of each update.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from coco_flow.auth import AuthEntryReference
from coco_flow.errors import DefinitionError, FlowError
from coco_flow.op.spec import TargetSpec
from coco_flow.ports import Compatibility, ExportSchema, SetupChange, TargetBatch
from coco_flow.targets.coco_api import CocoApi, local_daemon, segment
from coco_flow.targets.coco_fields import DocumentFields, document_fields
from coco_flow.targets.document_files import (
    DocumentFolder,
    file_name,
    possible_names,
    with_front_matter,
)
from coco_flow.targets.registry import register_target

__all__ = ["CocoLocal"]

# A first index of many documents with vectors takes this long on a small machine.
_WAIT_SECONDS = 3_600.0

_PARTS = {"content": "Str", "title": "Str", "url": "Str", "language": "Str"}

_SETTLED = {"index": {"ready", "embedding", "empty"}, "vectors": {"ready", "empty"}}


class CocoLocal(TargetSpec):
    """Feeds documents into CoCo's local mode; the primary key is the document's path.

    A field `content` (or `text`) is the document. `title` and `url`, and every other field but
    vectors, are front matter of Markdown documents; `language` is for keys that have no ending.

    Attributes:
        project: The project's name, for `coco query --project`.
        directory: Where the documents are kept; by default in the daemon's home.
        url: The daemon's address; by default as COCO_HOST and COCO_PORT say, or port 3456.
        api_key: For a daemon that asks for one; by default COCO_API_KEY.
        config: The indexing config of a new project; by default the daemon's.
        fields: Part of the document to field, where the field has another name.
        wait_for: What an update waits for: the "index", all "vectors", or "nothing".
    """

    project: str
    directory: str | None = None
    url: str | None = None
    api_key: AuthEntryReference[str] | None = None
    config: str | None = None
    fields: dict[str, str] | None = None
    wait_for: Literal["nothing", "index", "vectors"] = "index"


@dataclass(frozen=True, slots=True)
class _Project:
    """An open target."""

    spec: CocoLocal
    api: CocoApi
    folder: DocumentFolder
    fields: DocumentFields


class CocoLocalConnector:
    """Keeps folders of documents in step; satisfies `TargetConnector`."""

    def persistent_key(
        self,
        spec: CocoLocal,
        target_name: str,  # noqa: ARG002 - a project belongs to the daemon
        flow_name: str,  # noqa: ARG002
        namespace: str,  # noqa: ARG002
    ) -> Any:
        """Return the project's name, and where folder and daemon are if the spec says so."""
        return {"project": spec.project, "directory": spec.directory, "url": spec.url}

    def setup_state(self, spec: CocoLocal, schema: ExportSchema) -> Any:
        """Return what the files are made of, and the indexing config."""
        if not spec.project or "/" in spec.project or spec.project.startswith("."):
            raise DefinitionError(
                f"{spec.project!r} cannot be the name of a project.",
                hint="Give a name without slashes.",
            )
        if spec.wait_for not in ("nothing", "index", "vectors"):
            raise DefinitionError(
                f"wait_for is {spec.wait_for!r}.", hint="Say 'nothing', 'index' or 'vectors'."
            )
        if len(schema.key) != 1 or schema.key[0].value_type.type.kind != "Str":
            names = ", ".join(field.name for field in schema.key)
            raise DefinitionError(
                f"CocoLocal needs the document's path as the key, and the key is ({names}).",
                hint="Export whole documents with one text field as primary_key_fields; the "
                "daemon splits them itself.",
            )
        fields = document_fields(schema, spec.fields, _PARTS, "CocoLocal")
        return {
            "parts": {part: schema.value[at].name for part, at in sorted(fields.places.items())},
            "metadata": [name for name, _, _ in fields.rest],
            "config": spec.config,
            "api_key": spec.api_key.key if spec.api_key else None,
        }

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Say that files must be written again when they are made of other fields."""
        same = all(desired[name] == existing[name] for name in ("parts", "metadata"))
        return Compatibility.COMPATIBLE if same else Compatibility.PARTIALLY_COMPATIBLE

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Create the folder and register it, or unregister the project and remove the folder."""
        for change in changes:
            name = change.key["project"]
            states: list[dict[str, Any]] = [
                each for each in (change.current, *change.previous) if each
            ]
            api_key = states[0]["api_key"] if states else None
            api = local_daemon(change.key["url"], api_key)
            folder = _folder(api, change.key)
            if change.current is None:
                _forget(api, folder.root)
                folder.remove(name)
            else:
                folder.create(name)
                _register(api, folder.root, name, change.current["config"])

    def describe(self, key: Any) -> str:
        """Return the project's name."""
        return f"project {key['project']!r} of CoCo's local daemon"

    def open(self, spec: CocoLocal, key: Any, schema: ExportSchema) -> _Project:
        """Find the folder; it is made in set-up."""
        api = local_daemon(spec.url, spec.api_key.key if spec.api_key else None)
        folder = _folder(api, key)
        if not folder.exists():
            raise FlowError(
                f"The folder {str(folder.root)!r} of the project {spec.project!r} is gone.",
                hint="Run coco-flow drop and coco-flow setup, and update again.",
            )
        fields = document_fields(schema, spec.fields, _PARTS, "CocoLocal")
        return _Project(spec, api, folder, fields)

    def group(self, target: _Project) -> object:
        """Return the folder: each project is alone."""
        return str(target.folder.root)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        """Write and delete files."""
        for batch in batches:
            project: _Project = batch.target
            fields = project.fields
            for (key,), row in batch.upserts:
                language = fields.value("language", row)
                name = file_name(key, language)
                content = fields.value("content", row) or ""
                front = {
                    part: value
                    for part in ("title", "url")
                    if (value := fields.value(part, row)) is not None
                }
                front |= fields.metadata(row)
                project.folder.write(name, with_front_matter(name, content, front))
                if "language" in fields.places:
                    # The document may have had another one before.
                    _delete(project.folder, key, keep=name)
            for (key,) in batch.deletes:
                _delete(project.folder, key)

    def finish(self, target: _Project) -> None:
        """Request a scan, and wait as long as the spec says."""
        from coco_protocol.jobs import JobBody
        from coco_protocol.projects import ProjectBody, RescanData

        spec, api = target.spec, target.api
        # Registering again returns the project, and recreates one that was unregistered.
        path = f"/v1/projects/{_register(api, target.folder.root, spec.project, spec.config)}"
        rescan = api.post(RescanData, f"{path}/rescan")
        if spec.wait_for == "nothing":
            return
        job = api.follow(JobBody, rescan.job_id, _WAIT_SECONDS)
        if job.state != "succeeded":
            raise FlowError(
                f"CoCo's scan of {str(target.folder.root)!r} {job.state}: {job.error}",
                hint="The documents are written. See coco status; they are indexed later.",
            )
        settled = _SETTLED[spec.wait_for]
        api.wait(
            lambda: api.get(ProjectBody, path),
            lambda project: project.state in settled and not project.pending_files,
            _WAIT_SECONDS,
            what=f"the index of {spec.project!r}",
        )

    def close(self, target: _Project) -> None:
        """Do nothing: no connection is kept."""


def _folder(api: CocoApi, key: Mapping[str, Any]) -> DocumentFolder:
    if key["directory"] is not None:
        return DocumentFolder(Path(key["directory"]).absolute())
    from coco_protocol.system import HealthData

    home = api.get(HealthData, "/v1/sys/health").home
    return DocumentFolder(Path(home) / "flows" / key["project"])


def _register(api: CocoApi, root: Path, name: str, config: str | None) -> str:
    from coco_protocol.projects import RegisterData, RegisterRequest

    # Standalone: a project around the folder keeps its files, and paths lead to it as before.
    wanted = {"path": str(root), "name": name, "standalone": True}
    if config is not None:
        wanted["indexing_config_id"] = config
    return api.post(
        RegisterData, "/v1/sys/register", RegisterRequest.model_validate(wanted)
    ).project_id


def _forget(api: CocoApi, root: Path) -> None:
    from coco_protocol.projects import ProjectBody, ProjectList

    real = os.path.realpath(root)
    for project in api.get(ProjectList, "/v1/projects").projects:
        if project.root == real:
            api.delete(ProjectBody, f"/v1/projects/{segment(project.project_id)}")


def _delete(folder: DocumentFolder, key: str, keep: str | None = None) -> None:
    for name in possible_names(key):
        if name != keep:
            folder.delete(name)


register_target(CocoLocal, CocoLocalConnector())
