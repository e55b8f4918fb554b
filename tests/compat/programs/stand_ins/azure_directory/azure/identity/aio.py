"""Stands in for azure-identity, which asks a directory of Microsoft."""

from __future__ import annotations

import os
import time
from typing import Any

from azure.core.credentials import AccessToken, AccessTokenInfo


class DefaultAzureCredential:
    """Has the token that the environment names."""

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken(os.environ["AZURE_TEST_TOKEN"], int(time.time()) + 3600)

    async def get_token_info(self, *scopes: str, **_: Any) -> AccessTokenInfo:
        return AccessTokenInfo(os.environ["AZURE_TEST_TOKEN"], int(time.time()) + 3600)

    async def close(self) -> None:
        """Has nothing to close."""
