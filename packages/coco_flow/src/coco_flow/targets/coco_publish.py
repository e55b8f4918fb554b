"""Publishing a project's content to a CoCo server: one import, which becomes the active version."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from coco_core.errors import Conflict
from coco_flow.errors import DefinitionError, FlowError
from coco_flow.targets.coco_api import CocoApi, segment
from coco_flow.targets.coco_import_file import write_import_file

if TYPE_CHECKING:
    from coco_flow.targets.coco_content import ContentStore
    from coco_protocol.server.docs import StartedData
    from coco_protocol.server.jobs import JobBody

__all__ = ["CocoServerConnection", "PublishOptions", "ServerProject", "project_id_of", "publish"]

_log = logging.getLogger(__name__)

# A build of a million chunks takes hours on small workers.
_BUILD_SECONDS = 6 * 3_600.0

# Another build of the same config ends before this one may begin.
_TURN_SECONDS = 3_600.0
_POLL_SECONDS = 2.0

_SHOWN_REJECTIONS = 5


@dataclass
class CocoServerConnection:
    """A CoCo server and who writes to it.

    Attributes:
        url: Where it answers.
        api_key: A key of the org with the scopes `ingest` and `query`.
        org_id: The org.
        user_id: Who the imports are from.
        admin_key: Registers projects that are named by a source, such as kb:docs; not needed for
            those named by their id.
    """

    url: str
    api_key: str = field(repr=False)
    org_id: str
    user_id: str = "coco-flow"
    admin_key: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls) -> CocoServerConnection:
        """Read what `coco-server dev` prints: COCO, COCO_KEY, COCO_ORG, COCO_USER, COCO_ADMIN.

        Raises:
            DefinitionError: One of the first three is not set.
        """
        names = ("COCO", "COCO_KEY", "COCO_ORG")
        absent = [name for name in names if not os.environ.get(name)]
        if absent:
            raise DefinitionError(
                f"The CoCo server is not known: {', '.join(absent)} are not set.",
                hint="Set them, or give CocoServer(connection=add_auth_entry(…, "
                "CocoServerConnection(…))).",
            )
        url, api_key, org_id = (os.environ[name] for name in names)
        user_id = os.environ.get("COCO_USER") or "coco-flow"
        return cls(url, api_key, org_id, user_id, os.environ.get("COCO_ADMIN"))


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How content is imported.

    Attributes:
        config: The indexing config; None is the project's active one.
        on_error: Leave out items that the server refuses, or fail.
        activate: Answer from the new version.
    """

    config: str | None
    on_error: Literal["skip", "fail"]
    activate: bool


class ServerProject:
    """One project on a server."""

    def __init__(self, connection: CocoServerConnection, project_id: str) -> None:
        self.project_id = project_id
        self._api = _api(
            connection,
            {
                "Authorization": f"Bearer {connection.api_key}",
                "x-coco-org-id": connection.org_id,
                "x-coco-user-id": connection.user_id,
                "x-coco-project-id": project_id,
            },
        )

    def upload(
        self, path: Path, content_type: str, key: str, options: PublishOptions
    ) -> StartedData:
        """Import items; waits for its turn while another build of the config is under way."""
        from coco_protocol.server.docs import StartedData

        given: dict[str, object] = {
            "idempotency_key": key,
            "on_error": options.on_error,
            # What a flow holds is complete: that much of it is gone is for the flow to refuse.
            "activate": "force" if options.activate else "false",
        }
        if options.config is not None:
            given["indexing_config_id"] = options.config
        size = path.stat().st_size
        deadline = time.monotonic() + _TURN_SECONDS
        while True:
            try:
                return self._api.upload(
                    StartedData,
                    "/v1/ingest/batch",
                    lambda: _open(path),
                    content_type=content_type,
                    size=size,
                    options=given,
                )
            except Conflict as error:
                if error.code != "version_conflict" or time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_SECONDS)

    def follow(self, job_id: str) -> JobBody:
        """Return a job once it has ended."""
        from coco_protocol.server.jobs import JobBody

        return self._api.follow(JobBody, job_id, _BUILD_SECONDS)

    def rejections(self, job_id: str) -> list[str]:
        """Return why items were left out, the first few."""
        from coco_protocol.server.jobs import JobRejections

        path = f"/v1/jobs/{segment(job_id)}/rejections"
        found = self._api.get(JobRejections, path).rejections
        return [
            f"item {each.item} ({each.doc_id}): {each.message}"
            if each.doc_id
            else f"item {each.item}: {each.message}"
            for each in found[:_SHOWN_REJECTIONS]
        ]


def publish(
    content: ContentStore, project: ServerProject, options: PublishOptions, folder: Path
) -> None:
    """Import all content as a new version, and return once it is complete.

    Repeated after a crash, it resumes the import that was under way.

    Args:
        content: What the project shall hold.
        project: Where to.
        options: How.
        folder: For the file that is sent.

    Raises:
        FlowError: The server could not build a version of it.
    """
    handle, made = tempfile.mkstemp(prefix="import-", dir=folder)
    os.close(handle)
    path = Path(made)
    try:
        written = write_import_file(content, path)
        if written.count == 0:
            raise FlowError(
                f"The project {project.project_id!r} would be empty, and the server takes no "
                "import without items: it keeps serving what it has.",
                hint="Remove the project's versions on the server.",
            )
        # A repetition is this content of this store. The same again, after other content, is not.
        key = f"flow-{content.store_id}-{written.changed}-{content.attempt}-{written.digest[:32]}"
        started = project.upload(path, written.content_type, key, options)
    finally:
        path.unlink()
    job = project.follow(started.job_id)
    if job.state != "succeeded":
        content.mark_failed()
        # Of a rejected item the job says no more than the kind.
        reasons = [_reason(job.error), *project.rejections(started.job_id)]
        raise FlowError(
            f"The import of {written.count} items into {project.project_id!r} {job.state}: "
            f"{' '.join(reasons)}",
            hint="The version before still answers. Mend the rows, or update the flow again.",
            details={"job_id": started.job_id},
        )
    content.mark_published(written.changed)
    rejected = (job.result or {}).get("rejected")
    if rejected:
        _log.warning(
            "The server left out %s of %d items of the project %s: %s",
            rejected,
            written.count,
            project.project_id,
            "; ".join(project.rejections(started.job_id)),
        )


def project_id_of(connection: CocoServerConnection, project: str, config: str | None) -> str:
    """Return the id of a project, which is registered if it is named by its source.

    Raises:
        DefinitionError: It is named by its source, and the connection has no admin key.
    """
    if project.startswith("prj_"):
        return project
    if connection.admin_key is None:
        raise DefinitionError(
            f"The project {project!r} is named by its source, and the connection has no "
            "admin_key to register or find it.",
            hint="Give the project's id, prj_…, or CocoServerConnection(admin_key=…).",
        )
    from coco_protocol.server.projects import ProjectBody, RegisterRequest

    wanted = {"source_ref": project, "name": project, "platform": "coco-flow"}
    if config is not None:
        wanted["indexing_config_id"] = config
    headers = {
        "Authorization": f"Bearer {connection.admin_key}",
        "x-coco-org-id": connection.org_id,
    }
    body = RegisterRequest.model_validate(wanted)
    return _api(connection, headers).post(ProjectBody, "/v1/sys/register", body).project_id


def _api(connection: CocoServerConnection, headers: Mapping[str, str]) -> CocoApi:
    return CocoApi(connection.url, headers, name="The CoCo server")


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _reason(error: Mapping[str, Any] | None) -> str:
    error = error or {}
    return str(error.get("message") or error or "no reason was given")
