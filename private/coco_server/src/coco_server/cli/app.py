"""The command line of server mode; every error is a line on standard error, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer
from pydantic import ValidationError

from coco_core.errors import CocoError
from coco_server.cli.audit import audit
from coco_server.cli.backup import backup, restore
from coco_server.cli.config import config
from coco_server.cli.dev import dev
from coco_server.cli.doctor import doctor
from coco_server.cli.document import document
from coco_server.cli.erase import erase
from coco_server.cli.job import job
from coco_server.cli.key import key
from coco_server.cli.migrate import migrate
from coco_server.cli.org import org
from coco_server.cli.project import project
from coco_server.cli.prune import prune
from coco_server.cli.rule import rule
from coco_server.cli.serve import serve
from coco_server.cli.usage import usage
from coco_server.secret_files import adopt_secret_files, secret_variables
from coco_server.settings import FIELDS

__all__ = ["app", "run"]

app = typer.Typer(
    name="coco-server",
    help="CoCo's server mode: the API service and its administration.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(dev)
app.command()(migrate)
app.add_typer(org, name="org")
app.add_typer(key, name="key")
app.add_typer(project, name="project")
app.add_typer(document, name="document")
app.add_typer(config, name="config")
app.add_typer(rule, name="rule")
app.command()(audit)
app.add_typer(job, name="job")
app.add_typer(erase, name="erase")
app.command()(usage)
app.command()(prune)
app.command()(backup)
app.command()(restore)
app.command()(doctor)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        adopt_secret_files(os.environ, secret_variables(FIELDS))
        result = app(list(arguments), standalone_mode=False)
    except ValidationError as error:
        # Arguments become the same requests that the API takes, and are refused for the same.
        for problem in error.errors(include_url=False):
            where = ".".join(str(part) for part in problem["loc"])
            print(f"coco-server: {where}: {problem['msg']}", file=sys.stderr)  # noqa: T201
        return 2
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            # Its message is the page itself, which was asked for by saying nothing.
            print(error.format_message())  # noqa: T201
        else:
            print(f"coco-server: {error.format_message()}", file=sys.stderr)  # noqa: T201
        return 2
    except CocoError as error:
        print(f"coco-server: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except typer.Abort:
        return 130
    except typer.Exit as stop:
        return stop.exit_code
    return result if isinstance(result, int) else 0
