"""Error classes: every error that CoCo raises on purpose.

CocoError                     internal          500
├── InvalidInput              invalid_input     400
│   ├── InvalidIntent         invalid_intent    400
│   ├── InvalidConfig         invalid_config    400
│   ├── PathRefused           path_refused      403
│   ├── MethodNotAllowed      method_not_allowed 405
│   ├── RequestTimeout        request_timeout   408
│   ├── BodyTooLarge          body_too_large    413
│   ├── HeadTooLarge          head_too_large    431
│   ├── UnsupportedMediaType  unsupported_media_type 415
│   └── WasmRejected           wasm_rejected      400
├── NotFound                  not_found         404
│   ├── ProjectNotFound       project_not_found 404
│   ├── DocumentNotFound      document_not_found 404
│   ├── JobNotFound           job_not_found     404
│   ├── ConfigNotFound        config_not_found  404
│   ├── VersionNotFound       version_not_found 404
│   └── GrammarNotFound       grammar_not_found 404
├── Conflict                  conflict          409
│   ├── ConfigConflict        config_conflict   409
│   ├── VersionConflict       version_conflict  409
│   ├── RequestConflict       request_conflict  409
│   ├── LeaseLost             lease_lost        409
│   ├── PortTaken             port_taken        409
│   └── AlreadyRunning        already_running   409
├── Forbidden                 forbidden         403
│   ├── Unauthorized          unauthorized      401
│   └── QuotaExceeded         quota_exceeded    403
├── Unavailable               unavailable       503
│   ├── DaemonNotRunning      daemon_not_running 503
│   ├── ModelMissing          model_missing     503
│   ├── StoreBroken           store_broken      503
│   ├── DatabaseIncompatible         database_incompatible    503
│   ├── QueryTimeout          query_timeout     503
│   ├── CallerLeft            caller_left       499
│   └── RateLimited           rate_limited      429
├── Unreadable                unreadable        422
└── WasmFailed                wasm_failed       422

The class docstring is the default message; ``code`` is stable and part of the wire contract, and
the HTTP status stands beside it so that one table serves every product. A test compares this tree
with the classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

__all__ = [
    "AlreadyRunning",
    "BodyTooLarge",
    "CallerLeft",
    "CocoError",
    "ConfigConflict",
    "ConfigNotFound",
    "Conflict",
    "DaemonNotRunning",
    "DatabaseIncompatible",
    "DocumentNotFound",
    "Forbidden",
    "GrammarNotFound",
    "HeadTooLarge",
    "InvalidConfig",
    "InvalidInput",
    "InvalidIntent",
    "JobNotFound",
    "LeaseLost",
    "MethodNotAllowed",
    "ModelMissing",
    "NotFound",
    "PathRefused",
    "PortTaken",
    "ProjectNotFound",
    "QueryTimeout",
    "QuotaExceeded",
    "RateLimited",
    "RequestConflict",
    "RequestTimeout",
    "StoreBroken",
    "Unauthorized",
    "Unavailable",
    "Unreadable",
    "UnsupportedMediaType",
    "VersionConflict",
    "VersionNotFound",
    "WasmFailed",
    "WasmRejected",
]


class CocoError(Exception):
    """Something inside CoCo failed."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    internal: ClassVar[bool] = False
    """Whether messages may name hosts, files or settings of a service, which its operator may know
    and its tenants may not."""

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Say what happened, what to do next (``hint``) and with which values (``details``)."""
        self.message = message or (self.__doc__ or "").strip()
        self.hint = hint
        self.details: dict[str, object] = dict(details or {})
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class InvalidInput(CocoError):
    """The request is not valid."""

    code = "invalid_input"
    status = 400


class InvalidIntent(InvalidInput):
    """The search request is not valid."""

    code = "invalid_intent"


class InvalidConfig(InvalidInput):
    """The configuration is not valid."""

    code = "invalid_config"


class PathRefused(InvalidInput):
    """The path is outside every registered project."""

    code = "path_refused"
    status = 403


class MethodNotAllowed(InvalidInput):
    """The route exists and does not take this method."""

    code = "method_not_allowed"
    status = 405


class RequestTimeout(InvalidInput):
    """The request did not arrive in time."""

    code = "request_timeout"
    status = 408


class BodyTooLarge(InvalidInput):
    """The request's body is larger than the service takes."""

    code = "body_too_large"
    status = 413


class HeadTooLarge(InvalidInput):
    """The request line and headers are larger than the service takes."""

    code = "head_too_large"
    status = 431


class UnsupportedMediaType(InvalidInput):
    """The request's body is not of a content type that the service reads."""

    code = "unsupported_media_type"
    status = 415


class WasmRejected(InvalidInput):
    """The file is not a WebAssembly module of the kind that is wanted."""

    code = "wasm_rejected"


class NotFound(CocoError):
    """There is no such thing."""

    code = "not_found"
    status = 404


class ProjectNotFound(NotFound):
    """There is no such project."""

    code = "project_not_found"


class DocumentNotFound(NotFound):
    """There is no such document in the project."""

    code = "document_not_found"


class JobNotFound(NotFound):
    """There is no such job."""

    code = "job_not_found"


class ConfigNotFound(NotFound):
    """There is no such indexing config."""

    code = "config_not_found"


class VersionNotFound(NotFound):
    """There is no such version of the project."""

    code = "version_not_found"


class GrammarNotFound(NotFound):
    """There is no grammar for this language."""

    code = "grammar_not_found"


class Conflict(CocoError):
    """The request contradicts what exists."""

    code = "conflict"
    status = 409


class ConfigConflict(Conflict):
    """A config of this id exists with other content."""

    code = "config_conflict"


class VersionConflict(Conflict):
    """The version is not in a state that allows this, or another one became active meanwhile."""

    code = "version_conflict"


class RequestConflict(Conflict):
    """The idempotency_key was used before for a request that asked for something else."""

    code = "request_conflict"


class LeaseLost(Conflict):
    """The job was given to another worker, or cancelled; nothing of this attempt may be written."""

    code = "lease_lost"


class PortTaken(Conflict):
    """The port is taken by another program."""

    code = "port_taken"


class AlreadyRunning(Conflict):
    """Another CoCo daemon holds the lock."""

    code = "already_running"


class Forbidden(CocoError):
    """The request is not allowed."""

    code = "forbidden"
    status = 403


class Unauthorized(Forbidden):
    """A valid key is required."""

    code = "unauthorized"
    status = 401


class QuotaExceeded(Forbidden):
    """The request would exceed a quota of the organization."""

    code = "quota_exceeded"


class Unavailable(CocoError):
    """The service cannot answer now."""

    code = "unavailable"
    status = 503
    retryable = True
    internal = True


class DaemonNotRunning(Unavailable):
    """The CoCo service does not run; start it with: coco start --detach."""

    code = "daemon_not_running"


class ModelMissing(Unavailable):
    """The embedding model is not installed."""

    code = "model_missing"


class StoreBroken(Unavailable):
    """The index on disk cannot be opened."""

    code = "store_broken"


class DatabaseIncompatible(Unavailable):
    """The database is not one that server mode can use."""

    code = "database_incompatible"
    retryable = False


class QueryTimeout(Unavailable):
    """The answer took too long, and was given up."""

    code = "query_timeout"
    # The same request would take as long again.
    retryable = False
    internal = False


class CallerLeft(Unavailable):
    """The caller closed the connection before the answer was there."""

    code = "caller_left"
    # As web servers log it; no client ever reads it.
    status = 499
    retryable = False


class RateLimited(Unavailable):
    """Too many requests in too short a time."""

    code = "rate_limited"
    status = 429
    internal = False


class Unreadable(CocoError):
    """The content cannot be read or decoded."""

    code = "unreadable"
    status = 422


class WasmFailed(CocoError):
    """The WebAssembly module failed, or was stopped at one of its limits."""

    code = "wasm_failed"
    status = 422
