"""Entry point of the background daemon, which `coco_local.daemon.lifecycle.detach` starts.

Standard input brings the request; standard output takes back one line that says whether the daemon
answers or why it does not, and then becomes the log.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from coco_core.errors import CocoError, InvalidInput

__all__ = ["main"]


def main() -> int:
    """Serve what the request asks for."""
    from coco_local.daemon.serve import end, serve
    from coco_local.settings import load_settings

    try:
        flags, paths = _request()
        settings = load_settings(flags, environ=os.environ)
        code = serve(settings, paths, False, flags=flags, on_up=_report_up, log_style="none")
    except CocoError as error:
        _report_error(error)
        return 1
    return end(code)


def _request() -> tuple[dict[str, object], list[Path]]:
    try:
        request = json.loads(sys.stdin.buffer.read())
        flags = dict(request["flags"])
        paths = [Path(path) for path in request["paths"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            "This starts the background service for `coco start --detach`, nothing else.",
            hint="Use: coco start --detach",
        ) from error
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return flags, paths


def _report_up() -> None:
    _say({"pid": os.getpid()})


def _report_error(error: CocoError) -> None:
    from coco_protocol.errors import error_envelope

    body = error_envelope(error, "").error.model_dump(mode="json")
    _say({"error": {"body": body, "status": error.status}})


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
    # The log: whatever a library still writes to standard output belongs there.
    os.dup2(2, 1)


if __name__ == "__main__":
    sys.exit(main())
