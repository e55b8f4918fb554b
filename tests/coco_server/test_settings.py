"""Settings come from where the documentation says, and what means nothing is told."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from coco_core.errors import InvalidConfig
from coco_server.database_urls import with_tls
from coco_server.settings import FIELDS, Settings, explain_settings, load_settings

BASE = {
    "COCO_META_DB": "postgresql://coco:secret@127.0.0.1/coco",
    "COCO_BLOB_URL": "file:///tmp/blobs",
    "COCO_ADMIN_KEY": "0123456789abcdef",
    "COCO_HOST": "127.0.0.1",
}
DOCS = Path(__file__).parents[2] / "docs" / "server.md"


def load(flags: dict[str, object] | None = None, **environ: str) -> Settings:
    return load_settings(flags, environ={**BASE, **environ}, insecure_dev=True)


def test_every_field_is_a_setting() -> None:
    own = {"embedding", "insecure_dev", "warnings"}
    names = {each.name for each in dataclasses.fields(Settings)}
    assert names - own == {field.name for field in FIELDS}


def test_every_setting_is_documented() -> None:
    documented = set(re.findall(r"`(COCO_[A-Z_]+)`", DOCS.read_text(encoding="utf-8")))
    assert {field.variables[0] for field in FIELDS} <= documented


def test_a_flag_wins_over_the_environment() -> None:
    assert load({"port": 1234}, COCO_PORT="99").port == 1234
    assert load({"port": None}, COCO_PORT="99").port == 99
    assert load().port == 3456


def test_aliases_are_read_and_the_mode_is_ignored() -> None:
    environ = {name: value for name, value in BASE.items() if name != "COCO_META_DB"}
    environ |= {"COCO_DB_URL": "postgresql://other/db", "COCO_MODE": "server"}
    settings = load_settings(environ=environ, insecure_dev=True)
    assert settings.meta_db == "postgresql://other/db"
    assert settings.warnings == ()


def test_an_unknown_name_is_told_with_what_was_meant() -> None:
    (warning,) = load(COCO_RATE_LIMIT_PER_MINUTE="5").warnings
    assert "COCO_RATE_LIMIT_PER_MINUTE" in warning
    assert "Did you mean COCO_RATE_LIMIT_PER_MIN?" in warning


def test_limits_and_sizes() -> None:
    settings = load(COCO_ORG_MAX_DOCUMENTS="10", COCO_ORG_MAX_STORAGE_BYTES="2GiB")
    assert settings.org_max_documents == 10
    assert settings.org_max_storage_bytes == 2 << 30
    assert settings.org_max_chunks is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COCO_PORT", "many"),
        ("COCO_RATE_LIMIT_BURST", "0"),
        ("COCO_ORG_MAX_STORAGE_BYTES", "10 parsecs"),
        ("COCO_WORKER_ADDR", "nowhere"),
        ("COCO_BLOB_URL", "ftp://x"),
        ("COCO_TLS_CERT", "/no/such/file"),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_is_accepted(name: str, value: str) -> None:
    with pytest.raises(InvalidConfig) as refusal:
        load(**{name: value})
    assert f"env {name}" in refusal.value.message
    assert refusal.value.hint is not None
    assert refusal.value.hint.startswith("Accepted: ")


def test_secrets_are_never_shown() -> None:
    shown = {each.name: each.value for each in explain_settings(environ=BASE)}
    assert shown["admin_key"] == shown["meta_db"] == "(set)"
    assert shown["port"] == 3456
    with pytest.raises(InvalidConfig) as refusal:
        load(COCO_ADMIN_KEY="too-short")
    assert "too-short" not in str(refusal.value)


def test_a_broken_address_of_a_database_is_said_without_its_password() -> None:
    with pytest.raises(InvalidConfig, match="COCO_META_DB is not valid") as refused:
        with_tls({"meta_db": "postgresql://coco:secret@[::1/coco"})
    assert "secret" not in refused.value.message
