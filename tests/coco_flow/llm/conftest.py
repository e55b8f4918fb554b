from __future__ import annotations

from collections.abc import Iterator

import pytest

from coco_flow.llm import LlmApiType, RequestLimits, set_request_limits
from coco_flow.llm.providers import provider_of
from tests.coco_flow.llm.calls import FAST
from tests.llm_server import LlmServer, llm_server


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with llm_server() as running:
        yield running


@pytest.fixture
def fast_retries() -> Iterator[None]:
    """Wait a millisecond before the first retry."""
    for api_type in LlmApiType:
        set_request_limits(api_type, FAST)
    yield
    for api_type in LlmApiType:
        set_request_limits(api_type, RequestLimits())


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove keys and addresses that the environment of the tests may have."""
    for api_type in LlmApiType:
        provider = provider_of(api_type)
        for name in (*provider.address_variables, *provider.key_variables):
            monkeypatch.delenv(name, raising=False)
