from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Callable, Iterator

import pytest

from coco_flow.llm import LlmApiType
from coco_flow.llm.providers import provider_of
from tests.llm_server import LlmServer, llm_server


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with llm_server() as running:
        yield running


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove keys and addresses that the environment of the tests may have."""
    for api_type in LlmApiType:
        provider = provider_of(api_type)
        for name in (*provider.address_variables, *provider.key_variables):
            monkeypatch.delenv(name, raising=False)


@pytest.fixture
def without_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that makes a package fail to import, as if it were not installed."""

    def hide(name: str) -> None:
        for loaded in [each for each in sys.modules if each.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, loaded)
        find = importlib.machinery.PathFinder.find_spec

        def find_others(fullname: str, *args: object) -> object:
            return None if fullname.partition(".")[0] == name else find(fullname, *args)

        monkeypatch.setattr(importlib.machinery.PathFinder, "find_spec", find_others)

    return hide
