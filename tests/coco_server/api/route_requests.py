"""Which key opens which route of the service, and every id that a request to it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.hostile_rules import echo_rule

__all__ = ["ADMIN", "CHOSEN", "OPEN", "TENANT", "Request"]


@dataclass(frozen=True)
class Request:
    """A request with ids to be filled in: ``{version_id}`` and the like.

    A body of bytes is a text rule.
    """

    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    slots: tuple[str, ...] = ()
    """Which ids name something that belongs to somebody."""


HEADERS = ("org_id", "project_id")
JOB = (*HEADERS, "job_id")
VERSION = (*HEADERS, "version_id")
MEMOS = (*HEADERS, "session_token")
SESSION = {"session_token": "{session_token}"}
TOKEN = {"x-coco-session-token": "{session_token}"}
WORDS = {"query": "zebra", "retrieval_config": {"retrieval_mode": "fts"}}
SOURCE = {"source_ref": "kb:x", "name": "x"}
ITEMS = {"items": [{"doc_id": "a", "content": "b"}]}

CHOSEN = frozenset({"doc_id:path"})
"""What senders name as they like, in their own project: two orgs may have the same name."""

# Every route that a tenant's key opens, with every id that it takes.
TENANT: dict[tuple[str, str], list[Request]] = {
    ("POST", "/v1/docs/query"): [
        Request(WORDS, slots=HEADERS),
        Request({**WORDS, "project_id": "{project_id}"}, slots=("project_id",)),
        Request({**WORDS, "indexing_config_id": "{config_id}"}, slots=("config_id",)),
    ],
    ("POST", "/v1/docs/import"): [
        Request(ITEMS, slots=HEADERS),
        Request({"blob_ref": "{blob_ref}"}, slots=("blob_ref",)),
        Request({**ITEMS, "indexing_config_id": "{config_id}"}, slots=("config_id",)),
        Request({**ITEMS, "wasm_module_ref": "{blob_ref}"}, slots=("blob_ref",)),
        Request({**ITEMS, "project_id": "{project_id}"}, slots=("project_id",)),
    ],
    ("POST", "/v1/docs/index"): [
        Request({}, slots=HEADERS),
        Request({"version_id": "{version_id}"}, slots=("version_id",)),
        Request({"indexing_config_id": "{config_id}"}, slots=("config_id",)),
        Request({"project_id": "{project_id}"}, slots=("project_id",)),
    ],
    ("GET", "/v1/docs/documents"): [Request(slots=HEADERS)],
    ("POST", "/v1/docs/documents/search"): [Request({"contains": "d"}, slots=HEADERS)],
    ("POST", "/v1/docs/documents/delete"): [
        Request({"prefix": "d", "dry_run": True}, slots=HEADERS)
    ],
    ("GET", "/v1/docs/documents/{doc_id:path}"): [Request(slots=HEADERS)],
    ("PUT", "/v1/docs/documents/{doc_id:path}"): [Request({"content": "x"}, slots=HEADERS)],
    ("DELETE", "/v1/docs/documents/{doc_id:path}"): [Request(slots=HEADERS)],
    ("GET", "/v1/projects/{project_id}"): [Request(slots=HEADERS)],
    ("DELETE", "/v1/projects/{project_id}"): [Request(slots=HEADERS)],
    ("DELETE", "/v1/sys/orgs/{org_id}/users/{user_id}"): [Request(slots=("org_id", "user_id"))],
    ("GET", "/v1/projects/{project_id}/defaults"): [Request(slots=HEADERS)],
    ("PUT", "/v1/projects/{project_id}/defaults"): [
        Request({"retrieval_config": {}}, slots=HEADERS),
        Request({"indexing_config_id": "{config_id}"}, slots=("config_id",)),
    ],
    ("GET", "/v1/projects/{project_id}/versions"): [Request(slots=HEADERS)],
    ("GET", "/v1/projects/{project_id}/versions/{version_id}"): [Request(slots=VERSION)],
    ("GET", "/v1/projects/{project_id}/versions/{version_id}/chunks"): [Request(slots=VERSION)],
    ("DELETE", "/v1/projects/{project_id}/versions/{version_id}"): [Request(slots=VERSION)],
    ("POST", "/v1/projects/{project_id}/versions/{version_id}/activate"): [
        Request(slots=VERSION),
        Request({"expected_version_id": "{version_id}"}, slots=("version_id",)),
    ],
    ("POST", "/v1/projects/{project_id}/rollback"): [Request(slots=HEADERS)],
    ("GET", "/v1/jobs"): [Request(slots=HEADERS)],
    ("GET", "/v1/jobs/{job_id}"): [Request(slots=JOB)],
    ("DELETE", "/v1/jobs/{job_id}"): [Request(slots=JOB)],
    ("GET", "/v1/jobs/{job_id}/rejections"): [Request(slots=JOB)],
    ("GET", "/v1/jobs/{job_id}/events"): [Request(slots=JOB)],
    ("WEBSOCKET", "/v1/jobs/{job_id}/events"): [Request(slots=JOB)],
    ("POST", "/v1/memo/session"): [Request(slots=HEADERS)],
    ("POST", "/v1/memo"): [Request({**SESSION, "content": "x"}, slots=MEMOS)],
    ("GET", "/v1/memo"): [Request(headers=TOKEN, slots=MEMOS)],
    ("POST", "/v1/memo/query"): [Request({**SESSION, "query": "x"}, slots=MEMOS)],
    ("DELETE", "/v1/memo/{memo_id}"): [Request(headers=TOKEN, slots=(*MEMOS, "memo_id"))],
    ("DELETE", "/v1/memo"): [Request(headers=TOKEN, slots=MEMOS)],
    ("GET", "/v1/rules"): [Request(slots=HEADERS)],
    ("POST", "/v1/rules"): [Request(echo_rule(), slots=HEADERS)],
    ("DELETE", "/v1/rules/{rule_id}"): [Request(slots=(*HEADERS, "rule_id"))],
    ("GET", "/v1/sys/configs"): [Request(slots=("org_id",))],
    ("POST", "/v1/sys/configs"): [Request({"config_id": "new", "dimension": 8}, slots=("org_id",))],
    ("GET", "/v1/sys/configs/{config_id}"): [Request(slots=("org_id", "config_id"))],
    # What the administrator does for every org, and a manage key for its own.
    ("POST", "/v1/sys/register"): [
        Request(SOURCE, slots=("org_id",)),
        Request({**SOURCE, "org_id": "{org_id}"}, slots=("org_id",)),
        Request({**SOURCE, "indexing_config_id": "{config_id}"}, slots=("config_id",)),
    ],
    ("GET", "/v1/sys/projects"): [Request(slots=("org_id",))],
    ("GET", "/v1/sys/keys"): [Request(slots=("org_id",))],
    ("POST", "/v1/sys/keys"): [
        Request({"name": "x", "org_id": "{org_id}"}, slots=("org_id",)),
        Request(
            {"name": "x", "org_id": "{own_org_id}", "projects": ["{project_id}"]},
            slots=("project_id",),
        ),
    ],
    ("POST", "/v1/sys/keys/{key_id}/rotate"): [Request(slots=("org_id", "key_id"))],
    ("DELETE", "/v1/sys/keys/{key_id}"): [Request(slots=("org_id", "key_id"))],
    ("GET", "/v1/sys/audit"): [Request(slots=("org_id",))],
}
TENANT["POST", "/v1/ingest/batch"] = TENANT["POST", "/v1/docs/import"]

# Routes that no tenant's key opens, whoever's ids it names.
ADMIN: dict[tuple[str, str], Request] = {
    ("GET", "/v1/sys/orgs"): Request(),
    ("POST", "/v1/sys/orgs"): Request({"name": "x", "org_id": "{org_id}"}, slots=("org_id",)),
    ("GET", "/v1/sys/orgs/{org_id}"): Request(slots=("org_id",)),
    ("PUT", "/v1/sys/orgs/{org_id}/sign-in"): Request(
        {"issuer": "https://id.example", "audience": "coco", "jwks": {"keys": []}},
        slots=("org_id",),
    ),
    ("DELETE", "/v1/sys/orgs/{org_id}/sign-in"): Request(slots=("org_id",)),
    ("GET", "/v1/sys/jobs"): Request(),
    ("GET", "/v1/sys/jobs/{job_id}"): Request(slots=("job_id",)),
    ("POST", "/v1/sys/jobs/requeue"): Request({"org_id": "{org_id}"}, slots=("org_id",)),
    ("POST", "/v1/sys/jobs/{job_id}/requeue"): Request(slots=("job_id",)),
    ("POST", "/v1/sys/jobs/{job_id}/cancel"): Request(slots=("job_id",)),
    ("GET", "/v1/sys/usage"): Request(),
    ("GET", "/v1/sys/erasures"): Request(),
    ("DELETE", "/v1/sys/orgs/{org_id}"): Request(slots=("org_id",)),
    ("POST", "/v1/sys/prune"): Request({"org_id": "{org_id}", "dry_run": True}, slots=("org_id",)),
    ("GET", "/metrics"): Request(),
}

# These name nobody's things, and answer without a key.
OPEN = {
    ("GET", "/v1/sys/health"),
    ("GET", "/v1/sys/health/live"),
    ("GET", "/v1/sys/health/ready"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
}
