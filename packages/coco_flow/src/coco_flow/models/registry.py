"""The models that the program has declared, by name."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar

from coco_flow.errors import DefinitionError, ModelNotFound

if TYPE_CHECKING:
    from coco_flow.models.declaration import Model

__all__ = ["ModelRegistry"]


class ModelRegistry:
    """The models of the process; `@model` puts them in."""

    _models: ClassVar[dict[str, Model]] = {}

    @classmethod
    def register(cls, declared: Model) -> None:
        """Add a model; one from the same place replaces the one before, as a notebook needs.

        Raises:
            DefinitionError: Another function has the name, or another model writes the table.
        """
        before = cls._models.get(declared.name)
        if before is not None and _place(before) != _place(declared):
            raise DefinitionError(
                f"Two models have the name {declared.name!r}: {_place(before)} and "
                f"{_place(declared)}.",
            )
        for other in cls._models.values():
            if other.name != declared.name and other.table.name == declared.table.name:
                raise DefinitionError(
                    f"Models {other.name!r} and {declared.name!r} both write the table "
                    f"{declared.table.name!r}; each needs its own.",
                )
        cls._models[declared.name] = declared

    @classmethod
    def get(cls, name: str) -> Model:
        """Return a model.

        Raises:
            ModelNotFound: There is none of that name; the message names the nearest.
        """
        found = cls._models.get(name)
        if found is None:
            near = difflib.get_close_matches(name, cls._models, n=1)
            guess = f" Did you mean {near[0]!r}?" if near else ""
            raise ModelNotFound(
                f"There is no model {name!r}.{guess}",
                hint=f"Models here: {', '.join(cls.names()) or 'none'}. Import the module that "
                "declares it.",
            )
        return found

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all models, sorted."""
        return sorted(cls._models)

    @classmethod
    def all(cls) -> list[Model]:
        """Return all models, by name."""
        return [cls._models[name] for name in cls.names()]

    @classmethod
    def of_table(cls, table_name: str) -> Model | None:
        """Return the model that writes a table."""
        return next((one for one in cls._models.values() if one.table.name == table_name), None)

    @classmethod
    def resolve(cls, reference: str) -> Model | None:
        """Return the model that a reference means, by its name or its table's."""
        return cls._models.get(reference) or cls.of_table(reference)

    @classmethod
    def clear(cls) -> None:
        """Forget all models."""
        cls._models.clear()


def _place(declared: Model) -> str:
    function = declared.function
    module = getattr(function, "__module__", "?")
    # A process that runs models imports the main program under another name.
    module = "__main__" if module == "__mp_main__" else module
    return f"{module}.{getattr(function, '__qualname__', repr(function))}"
