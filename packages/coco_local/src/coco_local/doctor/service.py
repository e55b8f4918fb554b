"""Checks of the daemon, its port and its version."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from importlib import metadata
from urllib.parse import urlsplit

import coco_local
from coco_local.client.transport import START
from coco_local.doctor.check_result import CheckResult
from coco_local.doctor.context import DoctorContext

__all__ = ["check_service", "check_versions"]

_PACKAGES = ("coco-core", "coco-protocol", "coco-embed", "coco-local")


def check_service(context: DoctorContext) -> Iterator[CheckResult]:
    """Say whether it runs; when it does not, whether it could."""
    if context.stats is not None:
        health = context.stats.health
        yield CheckResult.ok("service", f"it listens at {context.address} (PID {health.pid})")
        return
    if context.refusal is not None:
        refusal = context.refusal
        fix = refusal.hint or "Start it again: coco restart"
        yield CheckResult.fail("service", refusal.message, fix)
        return
    lock = context.settings.home.lock
    if lock.exists():
        yield CheckResult.warn(
            "service",
            f"It does not run, and left its lock {lock} behind.",
            f"Start it again, which replaces the lock: {START}",
        )
    else:
        yield CheckResult.ok("service", f"it does not run; start it with: {START}")
    yield _judge_port(context)


def _judge_port(context: DoctorContext) -> CheckResult:
    port, host = context.settings.port, urlsplit(context.settings.base_url).hostname or ""
    if port == 0:
        return CheckResult.ok("port", "the system will choose one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the daemon does: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return CheckResult.fail(
                "port",
                f"Port {port} of {host} cannot be used: {error.strerror or error}.",
                f"Choose another: {START} --port PORT, or COCO_PORT",
            )
    return CheckResult.ok("port", f"port {port} of {host} is free")


def check_versions(context: DoctorContext) -> Iterator[CheckResult]:
    """Packages and daemon come from one release."""
    versions = {name: metadata.version(name) for name in _PACKAGES}
    if len(set(versions.values())) > 1:
        text = ", ".join(f"{name} {version}" for name, version in versions.items())
        yield CheckResult.fail(
            "versions",
            f"CoCo's packages are of different releases: {text}.",
            f"Install one release: pip install --upgrade {' '.join(_PACKAGES)}",
        )
        return
    own = coco_local.__version__
    if context.stats is not None and context.stats.health.version != own:
        yield CheckResult.warn(
            "versions",
            f"The service is version {context.stats.health.version}, this program {own}.",
            "Restart it in this version: coco restart",
        )
        return
    yield CheckResult.ok("versions", f"everything is version {own}")
