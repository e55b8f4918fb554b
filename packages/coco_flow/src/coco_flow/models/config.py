"""The settings of a model: declared with bounds, given by file, environment or command line."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticUndefined

from coco_flow.errors import InvalidSetting

__all__ = ["ConfigParam", "ModelConfig", "Overrides", "read_config_file"]

_Config = TypeVar("_Config", bound="ModelConfig")

CONFIG_FILE = "coco_models.toml"
_ENVIRONMENT = "COCO_FLOW_MODEL"


def ConfigParam(  # noqa: N802 - declares a field, as pydantic's Field does
    default: Any = PydanticUndefined,
    *,
    fallback: str | None = None,
    description: str = "",
    ge: float | None = None,
    le: float | None = None,
    gt: float | None = None,
    lt: float | None = None,
) -> Any:
    """Declare a setting of a model.

    Args:
        default: Its value when nothing else gives one; without it, something must.
        fallback: A setting shared by models: its name in the file's `[shared]` table, or an
            environment variable.
        description: What it does, for `coco-flow models docs`.
        ge: The least value.
        le: The greatest value.
        gt: A bound that the value must exceed.
        lt: A bound that the value must stay below.
    """
    return Field(
        default=default, description=description or None, ge=ge, le=le, gt=gt, lt=lt,
        json_schema_extra={"fallback": fallback} if fallback else None,
    )  # fmt: skip


class ModelConfig(BaseModel):
    """Base class of a model's settings; see `ConfigParam`.

    A value comes from the first that gives one: `--set MODEL.NAME=VALUE`, the environment
    variable ``COCO_FLOW_MODEL__MODULE_MODEL__NAME``, the file's table ``[module.model]``, the
    setting's fallback, its default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @classmethod
    def load(cls: type[_Config], model_name: str, overrides: Overrides | None = None) -> _Config:
        """Return the settings of a model from all places.

        Raises:
            InvalidSetting: A value is out of bounds or of another type, a name is unknown, or a
                setting without a default has no value; the message says where it was given.
        """
        overrides = overrides or Overrides()
        values: dict[str, Any] = {}
        places: dict[str, str] = {}
        for name, field in cls.model_fields.items():
            fallback = (field.json_schema_extra or {}).get("fallback")  # type: ignore[union-attr]
            found = overrides.find(model_name, name, fallback)  # type: ignore[arg-type]
            if found is not None:
                values[name], places[name] = _parsed(found[0], field.annotation), found[1]
        overrides.check_names(model_name, cls.model_fields)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _as_setting_error(model_name, error, places) from error


def _parsed(value: Any, annotation: Any) -> Any:
    """Return a list or mapping that is given as text: --set and the environment have only text."""
    if isinstance(value, str) and get_origin(annotation) in (list, tuple, set, dict):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _as_setting_error(
    model_name: str, error: ValidationError, places: Mapping[str, str]
) -> InvalidSetting:
    reasons = []
    for detail in error.errors(include_url=False):
        name = str(detail["loc"][0]) if detail["loc"] else "?"
        place = f" ({places[name]})" if name in places else " (its default)"
        if detail["type"] == "missing":
            reasons.append(f"{model_name}.{name} has no value and no default")
        else:
            reasons.append(
                f"{model_name}.{name} = {detail['input']!r}{place}: {_lowered(detail['msg'])}"
            )
    return InvalidSetting(
        "; ".join(reasons) + ".",
        hint=f"Give another value with --set {model_name}.NAME=VALUE, in the environment or in "
        f"{CONFIG_FILE}.",
    )


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


class Overrides:
    """Values of settings from outside the program.

    Args:
        given: Values by ``module.model.name``, as `--set` gives them.
        file: The content of a configuration file: a table for each model and `[shared]`.
        file_name: Its name, for messages.
    """

    def __init__(
        self,
        given: Mapping[str, Any] | None = None,
        file: Mapping[str, Any] | None = None,
        file_name: str = CONFIG_FILE,
    ) -> None:
        self.given = dict(given or {})
        self.file = dict(file or {})
        self.file_name = file_name
        self._tables = _tables_of(self.file)

    def find(self, model_name: str, name: str, fallback: str | None) -> tuple[Any, str] | None:
        """Return a setting's value and where it is from, or None."""
        full = f"{model_name}.{name}"
        if full in self.given:
            return self.given[full], "given by --set"
        variable = "__".join((_ENVIRONMENT, re.sub(r"\W", "_", model_name), name)).upper()
        if variable in os.environ:
            return os.environ[variable], f"from the environment variable {variable}"
        table = self._tables.get(model_name, {})
        if name in table:
            return table[name], f"from {self.file_name}"
        if fallback is None:
            return None
        shared = self._tables.get("shared", {})
        if fallback in shared:
            return shared[fallback], f"{fallback} from {self.file_name}"
        if fallback in os.environ:
            return os.environ[fallback], f"from the environment variable {fallback}"
        return None

    def check_names(self, model_name: str, known: Mapping[str, Any]) -> None:
        """Refuse settings of this model that it does not have."""
        prefix = f"{model_name}."
        names = {full[len(prefix) :]: "--set" for full in self.given if full.startswith(prefix)}
        names |= dict.fromkeys(self._tables.get(model_name, {}), self.file_name)
        for name, place in names.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                guess = f" Did you mean {near[0]!r}?" if near else ""
                raise InvalidSetting(
                    f"{place} sets {prefix}{name}, and model {model_name!r} has no setting "
                    f"{name!r}.{guess}",
                    hint=f"Its settings: {', '.join(known) or 'none'}.",
                )

    def check_models(self, model_names: list[str]) -> None:
        """Refuse `--set` values that belong to none of these models."""
        for full in self.given:
            if not any(full.startswith(f"{name}.") for name in model_names):
                raise InvalidSetting(
                    f"--set {full}: no model of this pipeline is meant.",
                    hint=f"Write MODEL.NAME=VALUE with one of: {', '.join(model_names)}.",
                )


def _tables_of(file: Mapping[str, Any], prefix: str = "") -> dict[str, Mapping[str, Any]]:
    """Return the tables of a file by name: `[module.model]` means the same as `["module.model"]`.

    TOML reads the first as a table in a table.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for name, value in file.items():
        if isinstance(value, Mapping):
            full = f"{prefix}{name}"
            found = {**_tables_of(value, f"{full}."), **found, full: value}
    return found


def read_config_file(path: Path | None = None) -> Overrides:
    """Read a configuration file; without a path, `coco_models.toml` if it is there.

    Raises:
        InvalidSetting: It cannot be read, or is no TOML document.
    """
    chosen = path or Path(CONFIG_FILE)
    if path is None and not chosen.exists():
        return Overrides()
    try:
        content = tomllib.loads(chosen.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidSetting(
            f"The file {str(chosen)!r} cannot be read: {error}",
            hint="Correct it, or give another one.",
        ) from error
    for name, value in content.items():
        if not isinstance(value, dict):
            raise InvalidSetting(
                f"{chosen.name} sets {name!r} outside a table.",
                hint="Write the settings of a model under [module.model], those that models share "
                "under [shared].",
            )
    return Overrides(file=content, file_name=chosen.name)
