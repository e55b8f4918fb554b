"""Credentials and signed requests of Amazon Web Services, by botocore."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from coco_flow.errors import FlowError, missing_extra

__all__ = ["AwsSession"]

# How long credentials are used before they are taken again from botocore, which renews them.
_CREDENTIALS_SECONDS = 600


class AwsSession:
    """AWS's default chain of credentials: environment, profile, role of the machine."""

    def __init__(self, user: str) -> None:
        """Open a session for a source named `user` in messages.

        Raises:
            ExtraMissing: botocore is not installed.
        """
        try:
            import botocore.session
        except ImportError as error:
            raise missing_extra(user, "botocore", "cloud") from error
        self._session = botocore.session.get_session()
        self._credentials: Any = None

    @property
    def region(self) -> str | None:
        """The region that environment or profile names."""
        found = os.environ.get("AWS_REGION") or self._session.get_config_variable("region")
        return None if found is None else str(found)

    @property
    def endpoint(self) -> str | None:
        """The endpoint of S3 that the environment names instead of Amazon's."""
        names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
        return next((os.environ[name] for name in names if os.environ.get(name)), None)

    def credentials(self) -> Any:
        """Return the credentials of now; calls the network where a role has them.

        Raises:
            FlowError: There are none.
        """
        if self._credentials is None:
            self._credentials = self._session.get_credentials()
        if self._credentials is None:
            raise FlowError(
                "There are no AWS credentials.",
                hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for a "
                "public bucket set AWS_SKIP_SIGNATURE=true.",
            )
        return self._credentials.get_frozen_credentials()

    def for_obstore(self) -> dict[str, Any]:
        """Return the credentials as obstore takes them."""
        found = self.credentials()
        expiry = datetime.now(UTC) + timedelta(seconds=_CREDENTIALS_SECONDS)
        return {
            "access_key_id": found.access_key,
            "secret_access_key": found.secret_key,
            "token": found.token,
            "expires_at": expiry,
        }

    def signed(
        self, service: str, region: str, url: str, target: str, body: Mapping[str, Any]
    ) -> tuple[bytes, dict[str, str]]:
        """Return content and headers of a request in the protocol AWS JSON 1.0."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": target}
        request = AWSRequest(method="POST", url=url, data=content, headers=headers)
        SigV4Auth(self.credentials(), service, region).add_auth(request)
        return content, dict(request.headers.items())
