from __future__ import annotations

from collections.abc import Iterator

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
