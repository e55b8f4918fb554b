"""Programs and their runs: a copy of the program, its environment, and commands in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.postgres_server import running_postgres

__all__ = [
    "COCOINDEX",
    "Program",
    "Run",
    "copied",
    "program",
    "programs",
    "register_model",
    "stand_in",
]

_COMPAT = Path(__file__).parents[1]
_STAND_INS = Path(__file__).parent / "stand_ins"
_SECONDS = 300


@dataclass(frozen=True)
class Program:
    """A public program and the function that runs and judges it.

    Attributes:
        version: `v0` or `v1`, the API that it is written for.
        name: Its folder below CocoIndex's `examples`, or a path in another repository.
        check: Runs it and raises AssertionError where its target is not as it should be.
        doubled: What of its world is a double here, in a few words.
        repository: Where it is from, as `owner/name`.
    """

    version: str
    name: str
    check: Callable[[Run], None]
    doubled: str
    repository: str


COCOINDEX = "cocoindex-io/cocoindex"
"""CocoIndex's own repository."""

programs: dict[tuple[str, str, str], Program] = {}
"""By repository, version and name."""


def program(
    version: str, name: str, *, doubled: str = "", repository: str = COCOINDEX
) -> Callable[[Callable[[Run], None]], Callable[[Run], None]]:
    """Register the function as the driver of a program."""

    def register(check: Callable[[Run], None]) -> Callable[[Run], None]:
        found = Program(version, name, check, doubled, repository)
        programs[repository, version, name] = found
        return check

    return register


@dataclass
class Run:
    """One run of a program in a copy of its folder.

    Attributes:
        checkout: The repository that the program is from.
        folder: The program's folder, in a copy with the same neighbors that it reads.
        environment: What its processes get beside the variables of this process.
    """

    version: str
    checkout: Path
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    modules: list[Path] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)

    def cocoindex(self, *words: str, typed: str = "", code: int = 0) -> str:
        """Run the command line of the API's name; return what it prints."""
        return self.python("-m", "cocoindex.cli", *words, typed=typed, code=code)

    def python(self, *words: str, typed: str = "", code: int | None = 0) -> str:
        """Run Python in the folder, with lines typed in; return what it prints.

        The exit code must be `code`, if it is not None.
        """
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=self._environment(),
            input=typed,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        output = done.stdout + done.stderr
        if code is not None and done.returncode != code:
            raise AssertionError(f"{' '.join(words)} ended with {done.returncode}:\n{output}")
        return output

    @contextmanager
    def started(self, *words: str) -> Iterator[Path]:
        """Run Python in the folder until the block ends, as Ctrl-C would end it; yields its log."""
        log = self.folder / f"log-{uuid.uuid4().hex[:8]}.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            yield log
            assert process.poll() is None, f"ended by itself:\n{log.read_text('utf-8')}"
        except BaseException:
            print(log.read_text("utf-8"), file=sys.stderr)
            raise
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
        text = log.read_text("utf-8")
        assert "Traceback" not in text.replace("KeyboardInterrupt", ""), text

    def own_database(self, variable: str = "COCOINDEX_DATABASE_URL") -> str:
        """Make an empty database and name it in the environment."""
        url = running_postgres().create_database(f"program_{uuid.uuid4().hex[:12]}")
        self.environment[variable] = url
        return url

    def rows(self, statement: str, url: str | None = None) -> list[Any]:
        """Ask the database."""
        import psycopg

        with psycopg.connect(url or self.environment["COCOINDEX_DATABASE_URL"]) as connection:
            return connection.execute(statement.encode()).fetchall()

    def write(self, name: str, text: str) -> None:
        """Write a file of the program's folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def _environment(self) -> dict[str, str]:
        from tests.model_fixture import installed_model

        modules = [_COMPAT / self.version, _STAND_INS, *self.modules]
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("COCO", "OPENAI"))},
            # The model is built before the first program runs, and never fetched by one.
            "COCO_EMBED_MODEL_DIR": str(installed_model().directory.parents[1]),
            "COCO_OFFLINE": "1",
            "COMPAT_ADDRESSES": " ".join(f"{a}={b}" for a, b in self.addresses.items()),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "PYTHONPATH": os.pathsep.join(map(str, modules)),
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            **self.environment,
        }


def register_model(run: Run, *names: str) -> None:
    """Let the built-in embedding model stand in for others."""
    from tests.model_fixture import installed_model

    file = run.folder.parent / "models.toml"
    path = installed_model().directory
    tables = [f'[models."{name}"]\npath = "{path}"\n' for name in names]
    file.write_text("\n".join(tables), "utf-8")
    run.environment["COCO_MODELS_FILE"] = str(file)


def stand_in(name: str) -> Path:
    """Return the folder of modules that stand in for packages that cannot be had."""
    return _STAND_INS / name


def copied(checkout: Path, program: Program, scratch: Path) -> Path:
    """Copy a program to an empty folder; return its own folder in the copy.

    Of CocoIndex's repository its folder alone is copied, to the same place; others are copied
    as a whole.
    """
    repository = scratch / "repository"
    if program.repository != COCOINDEX:
        shutil.copytree(checkout, repository, ignore=shutil.ignore_patterns(".git"))
        return repository / program.name
    # A name may go on with a file, where a folder has two programs.
    folder = repository / "examples" / program.name.partition("/")[0]
    source = checkout / "examples" / folder.name
    if not source.is_dir():
        raise SystemExit(f"{checkout} has no examples/{folder.name}: is it of that version?")
    shutil.copytree(source, folder)
    return folder
