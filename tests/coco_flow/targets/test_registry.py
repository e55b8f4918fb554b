"""The registry of target connectors and the lazy names of `coco_flow.targets`."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from coco_flow import targets
from coco_flow.errors import DefinitionError
from coco_flow.op.spec import TargetSpec
from coco_flow.targets.registry import (
    connector_by_kind,
    connector_of,
    kind_of,
    register_target,
)


def spec_class(name: str, module: str = __name__) -> Any:
    return type(TargetSpec)(name, (TargetSpec,), {"__module__": module, "__annotations__": {}})


def test_a_registered_connector_is_found_by_spec_and_by_kind() -> None:
    first, connector = spec_class("Shelf"), object()
    register_target(first, connector)  # type: ignore[arg-type]  # a bare object will do here
    assert connector_of(first()) is connector
    assert connector_by_kind("Shelf") is connector
    assert kind_of(first()) == "Shelf"


def test_a_spec_that_derives_from_another_is_served_by_its_connector() -> None:
    parent, connector = spec_class("Parent"), object()
    register_target(parent, connector)  # type: ignore[arg-type]  # a bare object will do here
    child = type("Child", (parent,), {"__module__": __name__})
    assert connector_of(child()) is connector
    assert kind_of(child()) == "Parent"


def test_redefinition_replaces_and_a_namesake_elsewhere_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    old, new = spec_class("Again"), spec_class("Again")
    register_target(old, "old")  # type: ignore[arg-type]  # a bare object will do here
    with caplog.at_level(logging.WARNING):
        register_target(new, "new")  # type: ignore[arg-type]  # a bare object will do here
        assert not caplog.records
        register_target(spec_class("Again", "elsewhere"), "other")  # type: ignore[arg-type]
    assert "elsewhere" in caplog.text
    assert (connector_of(old()), connector_of(new())) == ("old", "new")
    assert connector_by_kind("Again") == "other"


def test_a_class_named_as_a_built_in_one_has_a_kind_of_its_own() -> None:
    mine = spec_class("Postgres")
    register_target(mine, "mine")  # type: ignore[arg-type]  # a bare object will do here
    assert kind_of(mine()) == "custom:Postgres"
    assert connector_by_kind("custom:Postgres") == "mine"


def test_what_is_unknown_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DefinitionError, match="Import the module"):
        connector_by_kind("Nowhere")
    with pytest.raises(DefinitionError, match=r"op\.target_connector"):
        connector_of(spec_class("Unserved")())


def test_every_public_name_can_be_imported() -> None:
    for name in targets.__all__:
        assert getattr(targets, name) is not None
    assert set(targets.__all__) <= set(dir(targets))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = targets.nothing_like_it
