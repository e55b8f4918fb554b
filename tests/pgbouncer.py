"""A real PgBouncer in transaction mode before the tests' PostgreSQL, with TLS or without."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from coco_server.dev.children import free_port, spawn, stop
from coco_server.dev.temporary import TemporaryFolder
from coco_server.rpc.tls import RpcTls
from tests.waiting import until

__all__ = ["needs_pgbouncer", "pgbouncer"]

needs_pgbouncer = pytest.mark.skipif(
    shutil.which("pgbouncer") is None,
    reason="there is no pgbouncer on PATH; install it with: apt-get install pgbouncer",
)

# Fewer than the clients, so that transactions of one client are given different connections.
_SERVER_CONNECTIONS = 3


@contextmanager
def pgbouncer(url: str, *, tls: RpcTls | None = None) -> Iterator[str]:
    """Run it before the server of ``url``; yields the URL that goes through it.

    With ``tls`` clients must show a certificate of the same authority.
    """
    address = urlsplit(url)
    folder = TemporaryFolder("pgbouncer")
    port = free_port()
    files = _copied(tls, folder.path)
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": folder.path / "users",
        "pool_mode": "transaction",
        "default_pool_size": _SERVER_CONNECTIONS,
        "max_client_conn": 200,
        **files,
    }
    if os.geteuid() == 0:
        # As root it refuses to run.
        settings["user"] = "nobody"
    (folder.path / "users").write_text(
        f'"{address.username}" "{address.password}"\n', encoding="utf-8"
    )
    (folder.path / "config").write_text(
        f"[databases]\n* = host={address.hostname} port={address.port}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in settings.items()),
        encoding="utf-8",
    )
    folder.path.chmod(0o755)
    log = folder.path / "log"
    with log.open("wb") as output:
        process = spawn(["pgbouncer", folder.path / "config"], output=output)
    through = url.replace(f":{address.port}/", f":{port}/")
    try:
        until(lambda: "process up" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield through
    finally:
        # At once: clients that are still connected are none of its business.
        stop(process)
        folder.remove()


def _copied(tls: RpcTls | None, folder: Path) -> dict[str, object]:
    """Put the files where another user may read them."""
    if tls is None:
        return {}
    names = {"ca": tls.ca, "cert": tls.cert, "key": tls.key}
    for name, source in names.items():
        assert source is not None
        (folder / name).write_bytes(source.read_bytes())
    return {
        "client_tls_sslmode": "verify-full",
        **{f"client_tls_{name}_file": folder / name for name in names},
    }
