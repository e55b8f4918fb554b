"""`coco-server config`: the service's settings, and the indexing configs of orgs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from coco_core.errors import InvalidConfig
from coco_embed.resolver import Embedders, EmbeddingSettings
from coco_protocol.base import Answer
from coco_protocol.server.configs import ConfigList, ConfigRequest
from coco_server.cli.connection import act, opened
from coco_server.cli.output import AsJson, show
from coco_server.domain.configs import register_config
from coco_server.domain.serializers import config_body
from coco_server.settings import explain_settings
from coco_server.store import audit, configs, orgs

__all__ = ["config"]

config = typer.Typer(help="Settings, and indexing configs of orgs.", no_args_is_help=True)


class _Setting(Answer):
    name: str
    value: str | None
    origin: str


class _Settings(Answer):
    settings: list[_Setting]


@config.command("settings")
def settings(as_json: AsJson = False) -> None:
    """Show every setting with what decided it; a secret only says that it is set."""
    found = [
        _Setting(
            name=each.name,
            value=None if each.value is None else str(each.value),
            origin=each.origin,
        )
        for each in explain_settings(environ=os.environ)
    ]
    show(_Settings(settings=found), [each.model_dump() for each in found], as_json=as_json)


@config.command("list")
def list_configs(org_id: str, as_json: AsJson = False) -> None:
    """List an org's indexing configs."""
    with opened() as database, database.tenant(org_id) as session:
        orgs.get(session, org_id)
        found = [config_body(each) for each in configs.list_all(session)]
    rows = [
        {
            "config_id": each.config_id,
            "strategy": each.chunking.strategy_name,
            "chunk_size": each.chunking.chunk_size,
            "model": each.embedding.model_name,
            "dimension": each.dimension,
        }
        for each in found
    ]
    show(ConfigList(configs=found), rows, as_json=as_json)


@config.command("add")
def add(
    org_id: str,
    file: Annotated[Path, typer.Argument(help="JSON, as POST /v1/sys/configs takes it.")],
    as_json: AsJson = False,
) -> None:
    """Register an indexing config for an org."""
    try:
        request = ConfigRequest.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InvalidConfig(f"{str(file)!r} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        problem = json.dumps(error.errors(include_url=False, include_input=False)[:5], default=str)
        raise InvalidConfig(f"{str(file)!r} is no indexing config: {problem}.") from error
    wanted = request.to_config()
    dimension = request.dimension or Embedders(
        EmbeddingSettings.from_environment(os.environ)
    ).dimension(wanted.embedding)
    with opened() as database, database.tenant(org_id) as session:
        orgs.get(session, org_id)
        found = config_body(register_config(session, wanted, dimension))
        audit.record(session, act("config.register", org_id, target=found.config_id))
    show(found, [found.model_dump()], as_json=as_json)
