"""The session of docs/server.md, as it is written, against everything that `dev` starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.model_fixture import installed_model

ROOT = Path(__file__).parents[3]


def test_the_documented_session() -> None:
    model = installed_model()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COCO")}
    environ |= {"PYTHON": sys.executable, "COCO_EMBED_MODEL_DIR": str(model.directory.parent)}
    done = subprocess.run(
        [ROOT / "scripts" / "server_session"],
        env=environ,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.rstrip().endswith("== done")
