"""Loads the application that a command names: its models, its pipelines, its database."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coco_flow.cli.app_target import split_target
from coco_flow.errors import missing_extra
from coco_flow.user_app_loader import AppNotLoaded, load_user_app

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal
    from coco_flow.models.database import Database
    from coco_flow.models.pipeline import PipelineConfig

__all__ = ["ModelApplication", "chosen_database", "is_there", "load_models", "require_engine"]

# Packages of the extra `models`, which an application imports with its row classes.
_PACKAGES = ("sqlmodel", "sqlalchemy", "pandas", "dbos")


@dataclass(frozen=True, slots=True)
class ModelApplication:
    """An application that declares models.

    Attributes:
        target: The file or module.
        name: The pipeline that was named behind it.
    """

    target: str
    name: str | None

    @property
    def pipeline_names(self) -> list[str]:
        """The names of its pipelines; without any, the modules of its models."""
        from coco_flow.models.pipeline import pipelines
        from coco_flow.models.registry import ModelRegistry

        modules = dict.fromkeys(name.rpartition(".")[0] for name in ModelRegistry.names())
        return list(pipelines() or modules)

    def pipeline(self, terminal: Terminal, what: str) -> PipelineConfig:
        """Return the pipeline that is meant, asking on a terminal if there are several.

        Args:
            terminal: Where to ask.
            what: What it is chosen for, such as "to run".

        Raises:
            ModelNotFound: There is none of that name.
            UsageError: None is named, and there are several.
        """
        from coco_flow.models.pipeline import get_pipeline

        if self.name is not None:
            return get_pipeline(self.name)
        names = self.pipeline_names
        if len(names) == 1:
            return get_pipeline(names[0])
        if not terminal.answers or terminal.json:
            raise click.UsageError(
                f"Multiple pipelines found in {self.target!r}: {', '.join(names)}. Say which, "
                f"such as {self.target}:{names[0]}"
            )
        from coco_flow.cli.picker import pick

        return get_pipeline(names[pick(f"Choose what {what}:", names)])


def load_models(target: str) -> ModelApplication:
    """Load ``APP[:PIPELINE]``.

    Raises:
        AppNotLoaded: It cannot be loaded.
        ExtraMissing: A package that models need is not installed.
        UsageError: It declares no model.
    """
    if target.endswith(":"):
        raise click.UsageError(f"{target!r} names no pipeline behind the colon.")
    if target.startswith(":"):
        raise click.UsageError(f"{target!r} names no application: give APP or APP:PIPELINE.")
    app, name = split_target(target)
    try:
        load_user_app(app)
    except AppNotLoaded as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name in _PACKAGES:
            raise missing_extra("A table model", cause.name, "models") from error
        raise
    from coco_flow.models.registry import ModelRegistry

    if not ModelRegistry.names():
        raise click.UsageError(
            f"No models found in {app!r}. Decorate a function with @coco_flow.models.model(…)."
        )
    return ModelApplication(app, name)


def require_engine() -> None:
    """Refuse to go on where runs can be neither started nor read.

    Raises:
        ExtraMissing: DBOS or another package of the extra is not installed.
    """
    for package in _PACKAGES:
        if find_spec(package) is None:
            raise missing_extra("Running a pipeline", package, "models")


def chosen_database(url: str | None) -> Database:
    """Return the database that is meant, and let the models of this process use it.

    Raises:
        DefinitionError: The URL is none of a database for models.
    """
    from coco_flow.models.database import configure, current_database

    if url is not None:
        # Also what a model's own TableReader opens.
        configure(database=url)
    return current_database()


def is_there(database: Database) -> bool:
    """Say whether a database can be looked into: opening an SQLite file would create it."""
    if not database.is_sqlite:
        return True
    path = database.engine.url.database
    return path is not None and Path(path).is_file()
