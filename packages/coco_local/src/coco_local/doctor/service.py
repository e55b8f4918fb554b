"""Checks of the daemon, its port and its version."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from importlib import metadata
from urllib.parse import urlsplit

import coco_local
from coco_local.doctor.check_result import Finding
from coco_local.doctor.context import Situation

__all__ = ["check_service", "check_versions"]

_PACKAGES = ("coco-core", "coco-protocol", "coco-embed", "coco-local")


def check_service(situation: Situation) -> Iterator[Finding]:
    """Say whether it runs; when it does not, whether it could."""
    if situation.stats is not None:
        health = situation.stats.health
        yield Finding.ok("service", f"it listens at {situation.address} (PID {health.pid})")
        return
    if situation.refusal is not None:
        refusal = situation.refusal
        fix = refusal.hint or "Start it again: coco restart"
        yield Finding.fail("service", refusal.message, fix)
        return
    lock = situation.settings.home.lock
    if lock.exists():
        yield Finding.warn(
            "service",
            f"It does not run, and left its lock {lock} behind.",
            "Start it again, which clears that away: coco start",
        )
    else:
        yield Finding.ok("service", "it does not run; start it with: coco start")
    yield _judge_port(situation)


def _judge_port(situation: Situation) -> Finding:
    port, host = situation.settings.port, urlsplit(situation.settings.base_url).hostname or ""
    if port == 0:
        return Finding.ok("port", "the system will choose one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the daemon does: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Finding.fail(
                "port",
                f"Port {port} of {host} cannot be used: {error.strerror or error}.",
                "Choose another: coco start --port PORT, or COCO_PORT",
            )
    return Finding.ok("port", f"port {port} of {host} is free")


def check_versions(situation: Situation) -> Iterator[Finding]:
    """Packages and daemon come from one release."""
    versions = {name: metadata.version(name) for name in _PACKAGES}
    if len(set(versions.values())) > 1:
        told = ", ".join(f"{name} {version}" for name, version in versions.items())
        yield Finding.fail(
            "versions",
            f"CoCo's packages are of different releases: {told}.",
            f"Install one release: pip install --upgrade {' '.join(_PACKAGES)}",
        )
        return
    own = coco_local.__version__
    if situation.stats is not None and situation.stats.health.version != own:
        yield Finding.warn(
            "versions",
            f"The service is version {situation.stats.health.version}, this program {own}.",
            "Bring both together: coco restart",
        )
        return
    yield Finding.ok("versions", f"everything is version {own}")
