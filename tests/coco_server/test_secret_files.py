"""Secrets from files, in both programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from coco_core.errors import InvalidConfig
from coco_server.secret_files import adopt_secret_files, secret_variables
from coco_server.settings import FIELDS, load_settings

NAMES = secret_variables(FIELDS)


def test_every_secret_may_come_from_a_file(tmp_path: Path) -> None:
    assert {"COCO_META_DB", "COCO_DB_URL", "COCO_META_DB_REPLICA", "COCO_LISTEN_DB",
            "COCO_ADMIN_KEY", "COCO_API_KEY", "COCO_METRICS_KEY", "COCO_REDIS_URL",
            "COCO_VECTOR_DB_API_KEY", "COCO_EMBED_API_KEY"} <= set(NAMES)  # fmt: skip
    environ = {}
    for name in NAMES:
        place = tmp_path / name
        place.write_text(f"the secret of {name}\n", encoding="utf-8")
        environ[f"{name}_FILE"] = str(place)
    adopt_secret_files(environ, NAMES)
    assert environ == {name: f"the secret of {name}" for name in NAMES}


def test_a_file_counts_as_its_variable(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a-key-of-the-administrator\r\n", encoding="utf-8")
    environ = {
        "COCO_META_DB": "postgresql://u:p@h/d",
        "COCO_BLOB_URL": "file:///blobs",
        "COCO_ADMIN_KEY_FILE": str(tmp_path / "key"),
    }
    adopt_secret_files(environ, NAMES)
    settings = load_settings({"host": "127.0.0.1"}, environ=environ, insecure_dev=True)
    assert settings.admin_key == "a-key-of-the-administrator"
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"COCO_ADMIN_KEY": "x", "COCO_ADMIN_KEY_FILE": "full"}, "are both set"),
        ({"COCO_ADMIN_KEY_FILE": "missing"}, "cannot be read"),
        ({"COCO_ADMIN_KEY_FILE": "."}, "cannot be read"),
        ({"COCO_ADMIN_KEY_FILE": "empty"}, "is empty"),
        ({"COCO_ADMIN_KEY_FILE": "binary"}, "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").write_text("secret", encoding="utf-8")
    (tmp_path / "empty").write_text(" \n", encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidConfig, match=said) as caught:
        adopt_secret_files(environ, NAMES)
    assert "secret" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "command", [("coco_server.cli", "doctor"), ("coco_worker", "run")], ids=["server", "worker"]
)
def test_the_programs_read_them(tmp_path: Path, command: tuple[str, str]) -> None:
    # Refused for what the file holds, which shows that it was read.
    (tmp_path / "url").write_text("sqlite:///somewhere.db\n", encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COCO_")}
    environ = {
        **kept,
        "COCO_META_DB_FILE": str(tmp_path / "url"),
        "COCO_ADMIN_KEY": "a-key-of-the-administrator",
        "COCO_BLOB_URL": tmp_path.as_uri(),
        "COCO_OFFLINE": "1",
    }
    module, verb = command
    done = subprocess.run(
        [sys.executable, "-m", module, verb], env=environ, capture_output=True, check=False
    )
    assert done.returncode == 1
    said = (done.stdout + done.stderr).decode()
    assert "sqlite:///somewhere.db" in said
    assert "server mode keeps its data in PostgreSQL" in said
