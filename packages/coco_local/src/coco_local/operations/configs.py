"""Indexing configs: configs, config and add_config."""

from __future__ import annotations

from coco_local.operations.context import FUNCTIONS, Context
from coco_local.operations.serializers import config_body
from coco_protocol.base import EmptyRequest
from coco_protocol.configs import ConfigBody, ConfigIdRequest, ConfigList, ConfigRequest
from coco_protocol.local import LocalService


@FUNCTIONS.answers(LocalService.configs)
def configs(context: Context, _: EmptyRequest) -> ConfigList:
    """Return all indexing configs, oldest first."""
    return ConfigList(configs=[config_body(stored) for stored in context.configs.all()])


@FUNCTIONS.answers(LocalService.config)
def config(context: Context, request: ConfigIdRequest) -> ConfigBody:
    """Return one indexing config."""
    return config_body(context.configs.get(request.config_id))


@FUNCTIONS.answers(LocalService.add_config)
def add_config(context: Context, request: ConfigRequest) -> ConfigBody:
    """Register an indexing config, if there is such a model."""
    added = request.to_config()
    context.models.dimension(added.embedding)
    return config_body(context.configs.add(added))
