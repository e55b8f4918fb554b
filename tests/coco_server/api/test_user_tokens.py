"""User tokens: whom they are believed, and everything that makes them invalid."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from coco_server.auth import key_sets
from tests.api_service import Org, Running, running, settings_for
from tests.coco_server.api.test_allow import ALLOW, TEXTS, ask, seen
from tests.postgres_server import fresh_database
from tests.token_issuer import AUDIENCE, ISSUER, TokenIssuer, token_issuer


@pytest.fixture(scope="module")
def issuer() -> Iterator[TokenIssuer]:
    with token_issuer() as made:
        yield made


@pytest.fixture(scope="module")
def service(issuer: TokenIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = settings_for(
        fresh_database(),
        tmp_path_factory.mktemp("blobs"),
        COCO_OIDC_ISSUER=ISSUER,
        COCO_OIDC_AUDIENCE=AUDIENCE,
        COCO_OIDC_JWKS_URL=issuer.url,
        COCO_OIDC_GROUPS_CLAIM="realm_access.roles",
    )
    with running(settings) as found:
        yield found


@pytest.fixture(scope="module")
def zoo(service: Running) -> Org:
    org = service.org("Zoo").with_project()
    org.build(TEXTS, allow=ALLOW)
    return org


def show(service: Running, org: Org, token: str, user: str = "ann") -> httpx.Response:
    return ask(service, org, user=user, headers={"x-coco-user-token": token})


@pytest.mark.parametrize(
    ("key", "algorithm"), [("rsa-1", "RS256"), ("rsa-1", "PS512"), ("ec-1", "ES256")]
)
def test_a_token_vouches_for_its_user_and_groups(
    service: Running, zoo: Org, issuer: TokenIssuer, key: str, algorithm: str
) -> None:
    alone = issuer.token(key, algorithm)
    assert seen(show(service, zoo, alone)) == {"all.md", "ann.md"}
    grouped = issuer.token(key, algorithm, realm_access={"roles": ["ops"]}, aud=["x", AUDIENCE])
    assert seen(show(service, zoo, grouped)) == {"all.md", "ann.md", "ops.md"}


def test_a_token_narrows_what_a_key_reads(service: Running, zoo: Org, issuer: TokenIssuer) -> None:
    reader = zoo.with_key("query", "read_all")
    assert seen(show(service, reader, issuer.token())) == {"all.md", "ann.md"}


def test_a_token_is_for_the_user_in_the_header(
    service: Running, zoo: Org, issuer: TokenIssuer
) -> None:
    refused = show(service, zoo, issuer.token(), user="bob")
    assert refused.status_code == 403
    both = {"x-coco-user-token": issuer.token(), "x-coco-groups": "ops"}
    backend = zoo.with_key("query", "impersonate")
    assert ask(service, backend, headers=both).status_code == 400


NOW = int(time.time())
WRONG: dict[str, dict[str, Any]] = {
    "expired": {"exp": NOW - 120},
    "without an end": {"exp": None},
    "not yet valid": {"nbf": NOW + 3600},
    "of another issuer": {"iss": "https://evil.example"},
    "without an issuer": {"iss": None},
    "for another service": {"aud": "other"},
    "for no service": {"aud": None},
    "without a user": {"sub": None},
    "with a user that is no text": {"sub": 7},
    "with groups that are none": {"realm_access": {"roles": [1]}},
    "with too many groups": {"realm_access": {"roles": [str(n) for n in range(1001)]}},
    "of a key of another name": {"kid": "ec-1"},
    "of a key that is not announced": {"key": "rsa-2"},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_token_is_refused(
    service: Running, zoo: Org, issuer: TokenIssuer, claims: dict[str, Any]
) -> None:
    refused = show(service, zoo, issuer.token(**claims))
    assert refused.status_code == 401
    assert refused.json()["error"]["message"].startswith("The user token is not valid")


def test_signatures_are_the_issuers_own(service: Running, zoo: Org, issuer: TokenIssuer) -> None:
    head, body, signature = issuer.token().split(".")
    other = issuer.token(sub="ann", realm_access={"roles": ["ops"]}).split(".")
    unsigned = f"{_packed({'alg': 'none', 'kid': 'rsa-1'})}.{body}."
    # The well-known confusion: the public key taken for a shared secret.
    shared = f"{_packed({'alg': 'HS256', 'kid': 'rsa-1'})}.{body}"
    digest = hmac.new(issuer.public_pem("rsa-1"), shared.encode(), hashlib.sha256).digest()
    confused = f"{shared}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    for token in (
        unsigned,
        confused,
        f"{head}.{other[1]}.{signature}",
        f"{head}.{body}.",
        "x.y.z",
        "nothing",
        "a" * 40_000,
    ):
        refused = show(service, zoo, token)
        assert refused.status_code == 401, token[:80]


def _packed(header: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()


def test_a_token_may_leave_the_keys_name_out(
    service: Running, zoo: Org, issuer: TokenIssuer
) -> None:
    assert seen(show(service, zoo, issuer.token("ec-1", "ES256", kid=None))) >= {"ann.md"}


def test_clocks_may_differ_by_seconds(service: Running, zoo: Org, issuer: TokenIssuer) -> None:
    now = int(time.time())
    assert show(service, zoo, issuer.token(exp=now - 20, nbf=now + 20)).status_code == 200


def test_new_keys_are_fetched_and_old_ones_forgotten(
    service: Running, zoo: Org, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(issuer, "announced", ["rsa-2", "ec-1"])
    assert show(service, zoo, issuer.token("rsa-2")).status_code == 200
    # The set that has the new key has the old one no longer.
    assert show(service, zoo, issuer.token("rsa-1")).status_code == 401
    monkeypatch.setattr(issuer, "status", 500)
    assert show(service, zoo, issuer.token("rsa-2")).status_code == 200
    monkeypatch.setattr(issuer, "status", 200)
    monkeypatch.setattr(issuer, "announced", ["rsa-1", "ec-1"])
    assert show(service, zoo, issuer.token("rsa-1")).status_code == 200


def test_made_up_key_names_do_not_flood_the_issuer(
    service: Running, zoo: Org, issuer: TokenIssuer
) -> None:
    assert show(service, zoo, issuer.token()).status_code == 200
    before = issuer.asked
    for number in range(20):
        assert show(service, zoo, issuer.token(kid=f"made-up-{number}")).status_code == 401
    assert issuer.asked - before <= 1


def test_an_org_may_have_an_issuer_of_its_own(service: Running, issuer: TokenIssuer) -> None:
    org = service.org("Own").with_project()
    org.build(TEXTS, allow=ALLOW)
    own = TokenIssuer()
    body = {
        "issuer": "https://own.example",
        "audience": AUDIENCE,
        "jwks": own.key_set(),
        "user_claim": "email",
        "org_claim": "tenant",
    }
    path = f"/v1/sys/orgs/{org.org_id}/sign-in"
    with service.client(service.admin) as admin:
        saved = admin.put(path, json=body)
        assert saved.json()["data"]["sign_in"]["issuer"] == "https://own.example"
        claims = {"iss": "https://own.example", "email": "ann", "tenant": org.org_id}
        token = own.token(**claims, groups=["ops"])
        assert seen(show(service, org, token)) == {"all.md", "ann.md", "ops.md"}
        # The service's own issuer does not speak for this org, nor does a token for another org.
        assert show(service, org, issuer.token()).status_code == 401
        assert show(service, org, own.token(**{**claims, "tenant": "org_x"})).status_code == 403
        wrong = {**body, "jwks_url": "http://id.example/keys", "jwks": None}
        assert admin.put(path, json=wrong).status_code == 400
        assert admin.put(path, json={**body, "jwks": None}).status_code == 400
        assert admin.delete(path).json()["data"]["sign_in"] is None
        assert show(service, org, issuer.token()).status_code == 200


def test_without_keys_the_service_says_so(service: Running) -> None:
    org = service.org("Lost").with_project()
    body = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": "http://127.0.0.1:1/jwks"}
    with service.client(service.admin) as admin:
        admin.put(f"/v1/sys/orgs/{org.org_id}/sign-in", json=body)
    refused = show(service, org, TokenIssuer().token())
    assert refused.status_code == 503
    assert "127.0.0.1" not in refused.text


def test_a_service_without_an_issuer_takes_no_tokens(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running(settings_for(fresh_database(), tmp_path_factory.mktemp("blobs"))) as plain:
        org = plain.org("Plain").with_project()
        refused = show(plain, org, TokenIssuer().token())
    assert refused.status_code == 403
    assert "COCO_OIDC_ISSUER" in refused.json()["error"]["hint"]


def test_groups_that_no_list_can_hold_are_left_out(
    service: Running, zoo: Org, issuer: TokenIssuer
) -> None:
    odd = ["ops", "\0", "a\0", "\ud800", "", "x" * 201]
    assert seen(show(service, zoo, issuer.token(realm_access={"roles": odd}))) == {
        "all.md",
        "ann.md",
        "ops.md",
    }
