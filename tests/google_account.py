"""A service account of Google for tests: its key file, and the check of what it signs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

__all__ = ["EMAIL", "GoogleAccount"]

EMAIL = "coco@tests.iam.gserviceaccount.com"


class GoogleAccount:
    """One account with a key of its own."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def write_key(self, path: Path, **more: str) -> str:
        """Write the file that the console gives; `more` leads to other servers than Google's."""
        private = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        key = {
            "type": "service_account",
            "project_id": "tests",
            "private_key_id": "1",
            "private_key": private.decode(),
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": "https://oauth2.googleapis.com/token",
        }
        path.write_text(json.dumps(key | more), encoding="utf-8")
        return str(path)

    def signed(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token that this account signed, else None."""
        try:
            claims = jwt.decode(
                token, self._key.public_key(), algorithms=["RS256"], options={"verify_aud": False}
            )
        except jwt.InvalidTokenError:
            return None
        return dict(claims) if claims.get("iss") == EMAIL else None
