"""The server's routes that an experiment uses, over HTTPS with the keys of the environment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, TypeVar

import httpx
from pydantic import ValidationError

from coco_core.errors import CocoError, InvalidInput, RateLimited, Unauthorized, Unavailable
from coco_protocol.base import Answer, Request
from coco_protocol.defaults import DefaultsBody, DefaultsRequest
from coco_protocol.envelope import (
    API_VERSION,
    HEADER_ORG,
    HEADER_PROJECT,
    HEADER_USER,
    SIGNATURE,
    ErrorBody,
)
from coco_protocol.errors import to_error
from coco_protocol.server.configs import ConfigBody, ConfigRequest
from coco_protocol.server.docs import (
    IndexRequest,
    QueryData,
    QueryMeta,
    QueryRequest,
    StartedData,
)
from coco_protocol.server.jobs import JobBody, JobEvent, JobList
from coco_protocol.server.projects import ProjectBody, RegisterRequest, VersionList

__all__ = ["FINAL_STATES", "Credentials", "ServerClient"]

FINAL_STATES = frozenset({"succeeded", "failed", "cancelled"})
"""States, and kinds of events, after which a job sends no more."""

_TIMEOUT = httpx.Timeout(60.0, connect=10.0)

# The service sends something at least every 10 s.
_SILENCE_SECONDS = 30.0

# A stream that breaks is picked up where it was; a service that breaks it each time is ill.
_MAX_RECONNECTS = 5

# Limits are per minute: whoever is told to wait longer has another problem than haste.
_MAX_RATE_WAIT = 120.0

# NDJSON in pieces, so that an upload of any size takes little memory.
_PIECE = 1 << 20

A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks, as `coco-server dev` prints it."""

    key: str
    org: str
    user: str
    admin: str | None = None
    """The administrator's key; only a project that does not exist yet needs it."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Credentials:
        """Read COCO_KEY, COCO_ORG, COCO_USER and COCO_ADMIN.

        Raises:
            InvalidInput: one that is needed is missing.
        """
        for name in ("COCO_KEY", "COCO_ORG"):
            if not environ.get(name):
                raise InvalidInput(
                    f"The server needs {name}, which is not set.",
                    hint="Set COCO_KEY and COCO_ORG, and COCO_ADMIN for a `path:`; "
                    "coco-server dev prints them for its own.",
                )
        return cls(
            key=environ["COCO_KEY"],
            org=environ["COCO_ORG"],
            user=environ.get("COCO_USER") or "experiment",
            admin=environ.get("COCO_ADMIN") or None,
        )


class ServerClient:
    """One server, for one org; not thread-safe."""

    def __init__(self, base_url: str, credentials: Credentials) -> None:
        try:
            url = httpx.URL(base_url)
        except httpx.InvalidURL as error:
            raise _no_address(base_url) from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise _no_address(base_url)
        self.base_url = base_url.rstrip("/")
        self._credentials = credentials
        # Redirects are not followed: keys go to the address that was given and nowhere else.
        self._http = httpx.Client(base_url=self.base_url, timeout=_TIMEOUT)
        # Seconds of the last round trip; one client asks one thing at a time.
        self._took = 0.0

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def check(self) -> None:
        """Make sure that a CoCo server of this protocol answers.

        Raises:
            Unavailable: nothing answers, or something else.
        """
        answer = self._exchange("GET", "/v1/sys/health/live", key=None)
        data = answer.get("data")
        if not isinstance(data, dict) or data.get("signature") != SIGNATURE:
            raise self._foreign()
        if data.get("api_version") != API_VERSION:
            raise Unavailable(
                f"The server at {self.base_url} speaks version {data.get('api_version')!r} of the "
                f"protocol, this program version {API_VERSION}.",
                hint="Use programs of one release.",
            )

    def register(self, request: RegisterRequest) -> ProjectBody:
        """Return the project of a source, made if it is new; needs the administrator's key."""
        if self._credentials.admin is None:
            raise Unauthorized(
                "A project for the files of `path:` is registered with the administrator's key, "
                "and COCO_ADMIN is not set.",
                hint="Set COCO_ADMIN, or name a project of the server: --project ID",
            )
        return self._read(
            ProjectBody,
            self._exchange("POST", "/v1/sys/register", request, key=self._credentials.admin),
        )

    def add_config(self, request: ConfigRequest) -> ConfigBody:
        """Register a config; the same id with other content is a `ConfigConflict`."""
        return self._read(ConfigBody, self._exchange("POST", "/v1/sys/configs", request))

    def project(self, project_id: str) -> ProjectBody:
        """Return a project."""
        return self._in(ProjectBody, project_id, "GET", f"/v1/projects/{project_id}")

    def versions(self, project_id: str) -> VersionList:
        """Return its versions, newest first."""
        return self._in(VersionList, project_id, "GET", f"/v1/projects/{project_id}/versions")

    def defaults(self, project_id: str) -> DefaultsBody:
        """Return what its queries take when they say nothing else."""
        return self._in(DefaultsBody, project_id, "GET", f"/v1/projects/{project_id}/defaults")

    def adopt(self, project_id: str, request: DefaultsRequest) -> DefaultsBody:
        """Change that."""
        path = f"/v1/projects/{project_id}/defaults"
        return self._in(DefaultsBody, project_id, "PUT", path, request)

    def ingest(
        self, project_id: str, items: IO[bytes], config_id: str, *, activate: bool
    ) -> StartedData:
        """Import documents, one a line of JSON, as a version of its own."""
        query = {
            "indexing_config_id": config_id,
            "activate": str(activate).lower(),
            "on_error": "skip",
        }
        answer = self._exchange(
            "POST", "/v1/ingest/batch", project_id=project_id, query=query, items=items
        )
        return self._read(StartedData, answer)

    def index(self, project_id: str, request: IndexRequest) -> StartedData:
        """Build a version from what an earlier one was built of."""
        return self._in(StartedData, project_id, "POST", "/v1/docs/index", request)

    def query(self, project_id: str, request: QueryRequest) -> tuple[QueryMeta, QueryData, float]:
        """Answer a query; the last value is its round trip in seconds, waits for a turn apart."""
        answer = self._exchange("POST", "/v1/docs/query", request, project_id=project_id)
        took = self._took
        data = self._read(QueryData, answer)
        try:
            meta = QueryMeta.model_validate(answer.get("meta") or {})
        except ValidationError as error:
            raise self._mismatch(error) from error
        return meta, data, took

    def jobs(self, project_id: str) -> JobList:
        """Return the project's newest jobs, newest first."""
        return self._in(JobList, project_id, "GET", "/v1/jobs")

    def job(self, project_id: str, job_id: str) -> JobBody:
        """Return a job with its progress."""
        return self._in(JobBody, project_id, "GET", f"/v1/jobs/{job_id}")

    def job_events(self, project_id: str, job_id: str) -> Iterator[JobEvent]:
        """Yield a job's events until its final one; a broken stream is picked up where it was."""
        after = failures = 0
        while True:
            try:
                for event in self._events(project_id, job_id, after):
                    yield event
                    after, failures = event.sequence, 0
                    if event.kind in FINAL_STATES:
                        return
            except httpx.TransportError as error:
                failures += 1
                if failures >= _MAX_RECONNECTS:
                    raise self._unreachable(error) from error
            else:
                if self.job(project_id, job_id).state in FINAL_STATES:
                    return
                failures += 1
                if failures >= _MAX_RECONNECTS:
                    raise Unavailable(
                        f"The events of the job {job_id!r} are interrupted again and again."
                    )

    # --- the exchange --------------------------------------------------------------------------

    def _in(
        self,
        kind: type[A],
        project_id: str,
        method: str,
        path: str,
        request: Request | None = None,
    ) -> A:
        return self._read(kind, self._exchange(method, path, request, project_id=project_id))

    def _exchange(
        self,
        method: str,
        path: str,
        request: Request | None = None,
        *,
        project_id: str | None = None,
        key: str | None = "",
        query: Mapping[str, str] | None = None,
        items: IO[bytes] | None = None,
    ) -> dict[str, Any]:
        """Return the answer's JSON; who is told to wait for its turn waits."""
        headers = self._headers(project_id, key)
        waited = 0.0
        while True:
            content: Iterator[bytes] | bytes | None = None
            if items is not None:
                headers["content-type"] = "application/x-ndjson"
                content = _pieces(items)
            elif request is not None:
                headers["content-type"] = "application/json"
                content = request.model_dump_json(exclude_unset=True).encode()
            began = time.perf_counter()
            try:
                answer = self._http.request(
                    method, path, content=content, headers=headers, params=query
                )
            except httpx.TransportError as error:
                raise self._unreachable(error) from error
            self._took = time.perf_counter() - began
            try:
                return self._decode(answer)
            except RateLimited:
                pause = _retry_after(answer)
                if waited + pause > _MAX_RATE_WAIT:
                    raise
            waited += pause
            time.sleep(pause)

    def _headers(self, project_id: str | None, key: str | None) -> dict[str, str]:
        headers = {"accept": "application/json", "user-agent": "coco"}
        if key is not None:
            headers["authorization"] = f"Bearer {key or self._credentials.key}"
            headers[HEADER_ORG] = self._credentials.org
            headers[HEADER_USER] = self._credentials.user
        if project_id is not None:
            headers[HEADER_PROJECT] = project_id
        return headers

    def _events(self, project_id: str, job_id: str, after: int) -> Iterator[JobEvent]:
        headers = self._headers(project_id, "") | {"accept": "text/event-stream"}
        with self._http.stream(
            "GET",
            f"/v1/jobs/{job_id}/events",
            params={"after": str(after)},
            headers=headers,
            timeout=httpx.Timeout(_SILENCE_SECONDS),
        ) as answer:
            if answer.status_code == httpx.codes.NO_CONTENT:
                return
            if answer.status_code != httpx.codes.OK:
                answer.read()
                self._decode(answer)
            name = ""
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data" and name == "job":
                    yield JobEvent.model_validate_json(value)
                elif field == "data" and name == "error":
                    raise self._error(httpx.Response(500, content=value.encode()))

    def _decode(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.is_success:
            try:
                document = answer.json()
            except ValueError as error:
                raise self._foreign() from error
            if isinstance(document, dict):
                return document
            raise self._foreign()
        raise self._error(answer)

    def _error(self, answer: httpx.Response) -> CocoError:
        try:
            body = ErrorBody.model_validate(answer.json()["error"])
        except (ValueError, KeyError, TypeError):
            return self._foreign()
        return to_error(body, answer.status_code)

    def _read(self, kind: type[A], answer: dict[str, Any]) -> A:
        try:
            return kind.model_validate(answer.get("data"))
        except ValidationError as error:
            raise self._mismatch(error) from error

    def _mismatch(self, error: ValidationError) -> Unavailable:
        return Unavailable(
            f"The answer of {self.base_url} is not what this version of CoCo reads "
            f"({error.error_count()} differences, the first at {error.errors()[0]['loc']!r}).",
            hint="Use programs of one release.",
        )

    def _foreign(self) -> Unavailable:
        return Unavailable(
            f"What answers at {self.base_url} is not a CoCo server.", hint="Check --server."
        )

    def _unreachable(self, error: httpx.TransportError) -> Unavailable:
        return Unavailable(
            f"The server at {self.base_url} does not answer: {error or type(error).__name__}.",
            hint="Check the address and, with https, that its certificate is trusted here "
            "(SSL_CERT_FILE names the authorities to trust).",
        )


def _no_address(text: str) -> InvalidInput:
    return InvalidInput(
        f"{text!r} is not the address of a server.", hint="It looks like https://coco.example.com."
    )


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece


def _retry_after(answer: httpx.Response) -> float:
    try:
        return max(0.1, float(answer.headers.get("retry-after", "1")))
    except ValueError:
        return 1.0
