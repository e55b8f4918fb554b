"""An issuer of user tokens for tests: its keys over HTTP on loopback, and tokens of every kind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.http_server import Handler, served

__all__ = ["AUDIENCE", "ISSUER", "TokenIssuer", "token_issuer"]

ISSUER = "https://id.example"
AUDIENCE = "coco"


class TokenIssuer:
    """Signs tokens, and serves the keys that `announce` names."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.status = 200
        self._private: dict[str, Any] = {
            "rsa-1": new_rsa_key(public_exponent=65_537, key_size=2048),
            "rsa-2": new_rsa_key(public_exponent=65_537, key_size=2048),
            "ec-1": new_ec_key(SECP256R1()),
        }
        self.announced = ["rsa-1", "ec-1"]

    def key_set(self) -> dict[str, Any]:
        """The keys that are announced now (JWKS)."""
        return {"keys": [self._public(name) for name in self.announced]}

    def _public(self, name: str) -> dict[str, Any]:
        algorithm = ECAlgorithm if name.startswith("ec") else RSAAlgorithm
        found = algorithm.to_jwk(self._private[name].public_key())  # type: ignore[attr-defined]  # of both
        return {**json.loads(found), "kid": name, "use": "sig"}

    def public_pem(self, name: str) -> bytes:
        """A public key as a file would hold it."""
        pem: bytes = (
            self._private[name]
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        return pem

    def token(
        self, key: str = "rsa-1", algorithm: str = "RS256", *, kid: str | None = "", **claims: Any
    ) -> str:
        """Sign a token; a claim that is None is left out, and so is the key's name."""
        now = int(time.time())
        given: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "ann",
            "exp": now + 300,
            "iat": now,
            **claims,
        }
        body = {name: value for name, value in given.items() if value is not None}
        headers = {} if kid is None else {"kid": kid or key}
        return jwt.encode(body, self._private[key], algorithm, headers=headers)


@contextmanager
def token_issuer() -> Iterator[TokenIssuer]:
    """Serve an issuer's keys until the end of the block."""
    issuer = TokenIssuer()

    class Answering(Handler):
        def respond(self) -> None:
            issuer.asked += 1
            self.answer(issuer.status, issuer.key_set())

    with served(Answering) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}/jwks"
        yield issuer
