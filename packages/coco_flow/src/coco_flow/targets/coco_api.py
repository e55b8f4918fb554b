"""Calls to a CoCo service, local daemon or server: envelopes, errors, jobs to be followed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast
from urllib.parse import quote

from coco_core.errors import CocoError, Unavailable
from coco_flow.auth import resolve_auth_entry
from coco_flow.errors import FlowError, missing_extra
from coco_flow.targets.http_service import HttpService, Response

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["CocoApi", "local_daemon", "segment"]

A = TypeVar("A", bound="BaseModel")

# Waits between two polls of a job grow from the first to the second of these, in seconds.
_POLL_SECONDS = (0.05, 2.0)
_DEFAULT_PORT = 3456

_FINAL_STATES = frozenset({"succeeded", "failed", "cancelled"})


class CocoApi:
    """One CoCo service as typed Python.

    Args:
        url: Where it answers.
        headers: Sent with every request: key, org, user, project.
        name: What it is, for messages.
        retry_seconds: How long it may be unreachable.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], *, name: str, retry_seconds: float = 30.0
    ) -> None:
        try:
            import coco_protocol.envelope  # noqa: F401 - only whether it is there
        except ImportError as error:
            raise missing_extra(f"Calling {name}", "coco-protocol", "coco") from error
        self._name = name
        # An import is counted before it is answered, which takes a while for a large one.
        self._service = HttpService(
            name, url, headers=headers, timeout=600.0, retry_seconds=retry_seconds
        )
        self.url = self._service.url

    def get(self, kind: type[A], path: str) -> A:
        """Return the answer to a GET of `path`."""
        return self._read(kind, self._service.get(path))

    def post(self, kind: type[A], path: str, body: BaseModel | None = None) -> A:
        """Send a request; fields that were not set stay unsent."""
        sent = {} if body is None else body.model_dump(mode="json", exclude_unset=True)
        return self._read(kind, self._service.post(path, sent))

    def delete(self, kind: type[A], path: str) -> A:
        """Remove what is at `path`."""
        return self._read(kind, self._service.post(path, {}, method="DELETE"))

    def upload(
        self,
        kind: type[A],
        path: str,
        open_body: Callable[[], BinaryIO],
        *,
        content_type: str,
        size: int,
        options: Mapping[str, object],
    ) -> A:
        """Send a file."""
        answer = self._service.upload(path, open_body, content_type, size, options)
        return self._read(kind, answer)

    def follow(self, kind: type[A], job_id: str, seconds: float) -> A:
        """Return a job, a model with `state`, once it has ended.

        Raises:
            FlowError: It has not ended in time.
        """
        path = f"/v1/jobs/{segment(job_id)}"
        return self.wait(
            lambda: self.get(kind, path),
            # Every kind of job has a state.
            lambda job: cast(Any, job).state in _FINAL_STATES,
            seconds,
            what=f"the job {job_id!r}",
        )

    def wait(
        self, look: Callable[[], A], done: Callable[[A], bool], seconds: float, *, what: str
    ) -> A:
        """Poll until something is done, and return the last answer.

        Raises:
            FlowError: It is not done in time.
        """
        deadline = time.monotonic() + seconds
        pause, longest = _POLL_SECONDS
        while not done(found := look()):
            if time.monotonic() > deadline:
                raise FlowError(
                    f"{self._name} at {self.url} needs more than {seconds:g} s for {what}.",
                    hint="It continues with it; update the flow again to wait for it.",
                )
            time.sleep(pause)
            pause = min(pause * 2, longest)
        return found

    def _read(self, kind: type[A], response: Response) -> A:
        from pydantic import ValidationError

        answer = response.json()
        if not isinstance(answer, dict):
            raise self._foreign(response)
        if not response.is_success:
            raise self._refused(answer.get("error"), response)
        try:
            return kind.model_validate(answer.get("data"))
        except ValidationError as error:
            raise Unavailable(
                f"{self._name} at {self.url} answers in a form that this version of coco-flow "
                f"does not read ({error.error_count()} differences).",
                hint="Install the same release of both.",
            ) from error

    def _refused(self, body: object, response: Response) -> CocoError:
        from pydantic import ValidationError

        from coco_protocol.envelope import ErrorBody
        from coco_protocol.errors import to_error

        try:
            return to_error(ErrorBody.model_validate(body), response.status)
        except ValidationError:
            return self._foreign(response)

    def _foreign(self, response: Response) -> Unavailable:
        return Unavailable(
            f"What answers at {self.url} is not {self._name}: {response.status} "
            f"{response.shown()[:200]!r}",
            hint="Check the address.",
        )


def local_daemon(url: str | None, api_key: str | None) -> CocoApi:
    """Return the local daemon: by default this home's, with the key that COCO_API_KEY holds.

    Args:
        url: Where it answers, if not where it says itself.
        api_key: The name of an auth entry with its key.
    """
    key = resolve_auth_entry(api_key) if api_key else os.environ.get("COCO_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return CocoApi(url or _daemon_url(), headers, name="CoCo's local daemon", retry_seconds=5.0)


def _daemon_url() -> str:
    """Return where the daemon of this home says that it listens, else what the settings say."""
    home = Path(os.environ.get("COCO_HOME") or "~/.coco").expanduser()
    host = os.environ.get("COCO_HOST") or "127.0.0.1"
    port: object = os.environ.get("COCO_PORT") or _DEFAULT_PORT
    try:
        lock = json.loads((home / "service.lock").read_text("utf-8"))
        host, port = str(lock["host"]), int(lock["port"])
    except (OSError, ValueError, KeyError, TypeError):
        # No daemon, or one that just starts: the settings are the best guess.
        pass
    # A wildcard address is reached through the loopback address.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def segment(text: str) -> str:
    """Return a text as one part of a path."""
    return quote(text, safe="")
