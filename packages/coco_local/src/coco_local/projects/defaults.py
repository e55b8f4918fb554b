"""The defaults of a project: its active index, and what queries take for what they leave out."""

from __future__ import annotations

import json
from dataclasses import replace

from coco_core.errors import InvalidInput
from coco_embed.reranking.rerankers import Rerankers
from coco_local.projects.indexes import ProjectIndexes
from coco_local.projects.registry import ProjectRegistry
from coco_local.store.indexes import StoredDefaults
from coco_protocol.defaults import DefaultsBody, DefaultsRequest
from coco_protocol.docs import RetrievalBody

__all__ = ["ProjectDefaults", "default_retrieval"]

# The states of an index in which nothing is left to do.
_COMPLETE = frozenset({"ready", "empty"})


class ProjectDefaults:
    """Reads and changes the defaults of all projects; thread-safe."""

    def __init__(self, registry: ProjectRegistry, rerankers: Rerankers) -> None:
        self._registry = registry
        self._rerankers = rerankers

    def defaults(self, project_id: str) -> DefaultsBody:
        """Return what a project's queries take when they say nothing else."""
        return _body(self._registry.get(project_id))

    def adopt(self, project_id: str, request: DefaultsRequest) -> DefaultsBody:
        """Change the defaults; what the request leaves out stays as it is.

        An index that is not complete is built; until it is, the one before stays active.

        Raises:
            ConfigNotFound: there is no such indexing config.
            InvalidInput: a name without a retrieval config, or a reranker that is not registered.
        """
        if request.retrieval_config is not None and request.retrieval_config.reranker is not None:
            self._rerankers.seconds(request.retrieval_config.reranker.model_name)
        project = self._registry.get(project_id)
        retrieval = _retrieval(project.defaults, request)
        with self._registry.changing():
            project.set_defaults(retrieval)
            if request.indexing_config_id is not None:
                self._take(project, request.indexing_config_id)
        return _body(project)

    def activate_completed(self) -> None:
        """Make every pending default the active index, if it is complete by now."""
        for project in self._registry.all():
            if project.defaults.pending_config_id is not None:
                with self._registry.changing():
                    _activate_if_complete(project)

    def _take(self, project: ProjectIndexes, config_id: str) -> None:
        known = project.find(config_id)
        indexer = known or project.add(config_id)
        project.set_defaults(replace(project.defaults, pending_config_id=config_id))
        if indexer is project.active:
            project.activate(config_id)
        elif known is None:
            self._registry.index_job(indexer)
        else:
            _activate_if_complete(project)


def default_retrieval(project: ProjectIndexes) -> RetrievalBody | None:
    """Return what the project's queries take for what they leave out."""
    text = project.defaults.retrieval
    return RetrievalBody.model_validate_json(text) if text is not None else None


def _activate_if_complete(project: ProjectIndexes) -> None:
    config_id = project.defaults.pending_config_id
    indexer = project.find(config_id) if config_id is not None else None
    if config_id is not None and indexer is not None and indexer.state in _COMPLETE:
        project.activate(config_id)


def _retrieval(adopted: StoredDefaults, request: DefaultsRequest) -> StoredDefaults:
    name, given = request.query_config_id, request.retrieval_config
    if given is not None:
        kept = given.model_dump(mode="json", exclude_unset=True)
        # An empty config and none at all mean the same; nothing has no name.
        return replace(
            adopted,
            query_config_id=name if kept else None,
            retrieval=json.dumps(kept) if kept else None,
        )
    if name is None:
        return adopted
    if adopted.retrieval is None:
        raise InvalidInput(
            f"There is no retrieval config that could be named {name!r}.",
            hint="Send retrieval_config with query_config_id.",
        )
    return replace(adopted, query_config_id=name)


def _body(project: ProjectIndexes) -> DefaultsBody:
    return DefaultsBody(
        project_id=project.project.project_id,
        indexing_config_id=project.project.config_id,
        pending_indexing_config_id=project.defaults.pending_config_id,
        query_config_id=project.defaults.query_config_id,
        retrieval_config=default_retrieval(project),
    )
