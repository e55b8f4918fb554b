"""Files with secrets are recognized by what is in them; a name decides where it leaves no doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from coco_local.scan import Reason
from coco_local.scan.secrets import holds_secret, may_hold_secret, refuse_secret
from tests.coco_local.scan.conftest import Scan
from tests.coco_local.scan.trees import put

_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKC\n-----END CERTIFICATE-----\n"
_KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END PRIVATE KEY-----\n"


def _is_secret(name: str, text: str) -> bool:
    named = refuse_secret(name) is not None
    return named or (may_hold_secret(name) and holds_secret(name, text.encode()))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "PORT=3000\n"),
        (".env", "DEBUG=true\n"),
        (".env.production", "# database\nexport DATABASE_URL='postgres://shop'\n"),
        ("prod.env", "A: b"),
        (".npmrc", "//npm.example.org/:_authToken=npm_abcd1234\n"),
        (".pypirc", "[pypi]\nusername = __token__\npassword = pypi-AgEIcHlw\n"),
        ("credentials.json", '{"installed":{"client_id":"1","client_secret":"abc"}}'),
        ("secrets.yml", "database:\n  shop: hunter2\n"),
        ("terraform.tfvars", 'region = "eu"\ndb_password = "hunter2"\n'),
        ("kubeconfig", "users:\n- user:\n    token: abcdef\n"),
        ("token.json", '{"access_token": "ya29.a0"}'),
        ("master.key", "0123456789abcdef0123456789abcdef\n"),
        ("server.pem", _CERTIFICATE + _KEY),
        ("id_rsa_work", _KEY),
        ("id_rsa", "whatever it is"),
        ("id_ed25519.bak", "whatever it is"),
        ("shop.ovpn", "client\nremote vpn 1194\n<key>\n" + _KEY + "</key>\n"),
    ],
)
def test_values_keys_and_tokens_are_secrets(name: str, text: str) -> None:
    assert _is_secret(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "# to be filled in\nPORT=\nTOKEN=<your token>\nHOST=${HOST}\n"),
        (".env.local", ""),
        (".npmrc", "engine-strict=true\nregistry=https://registry.example.org/\n"),
        (".npmrc", "//npm.example.org/:_authToken=${NPM_TOKEN}\n"),
        ("credentials.json", '{"type": "object", "title": "Credentials"}'),
        ("secrets.yml", "shop: ${SHOP_SECRET}\nmail: '{{ vault.mail }}'\n"),
        ("terraform.tfvars", 'region = "us-east-1"\ncount = 3\n'),
        ("token.json", '{"color": {"value": "#fff"}}'),
        ("server.pem", _CERTIFICATE),
        (".envrc", "use flake\nexport PATH=$PWD/bin:$PATH\n"),
        ("credentials.py", "TOKEN = 'abc'\n"),
        ("secrets_test.go", "package secrets\n"),
        ("id_rsa_parser.py", "def parse(): ...\n"),
        (".env.d.ts", "PORT=3000\n"),
        (".env.example", "PORT=3000\n"),
        ("config.json", '{"password": "as any other settings file"}'),
    ],
)
def test_settings_and_sources_are_none(name: str, text: str) -> None:
    assert not _is_secret(name, text)


def test_a_file_becomes_a_secret_with_its_first_value(scan: Scan, root: Path) -> None:
    put(root, {".env": "TOKEN=\n"})
    made = scan()
    assert made.decide(root / ".env").indexed
    put(root, {".env": "TOKEN=a1b2c3\n"})
    assert made.decide(root / ".env").reason == Reason.SECRET
    assert set(made.list_files().files) == set()
