from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from coco_flow.auth import add_auth_entry
from coco_flow.targets.coco_server import CocoServerConnection
from coco_server.dev.stack import DevStack
from tests.coco_flow.coco_targets.server_flows import DIMENSION
from tests.embedding_server import embedding_server
from tests.flow_parts import flow_state, rows_of


@pytest.fixture(scope="module")
def stack() -> Iterator[DevStack]:
    with embedding_server(dimension=DIMENSION) as embeddings:
        environ = {
            "COCO_EMBED_URL": embeddings.url,
            "COCO_EMBED_DIMENSION": str(DIMENSION),
            "COCO_RATE_LIMIT_PER_MIN": "1000000",
            "COCO_RATE_LIMIT_BURST": "1000000",
            "COCO_WORKER_POLL_SECONDS": "1",
        }
        with DevStack(environ=environ) as running:
            assert running.access is not None
            config = {
                "config_id": "hashed",
                "embedding": {"model_name": "hashing", "max_tokens": 64},
                "dimension": DIMENSION,
            }
            headers = {
                "Authorization": f"Bearer {running.access.admin_key}",
                "x-coco-org-id": running.access.org_id,
            }
            answer = httpx.post(
                f"{running.access.url}/v1/sys/configs", json=config, headers=headers
            )
            assert answer.is_success, answer.text
            yield running


@pytest.fixture
def state(tmp_path: Path) -> Iterator[None]:
    rows_of("pages").texts.clear()
    with flow_state(tmp_path):
        yield


@pytest.fixture
def connection(stack: DevStack, request: pytest.FixtureRequest) -> Any:
    access = stack.access
    assert access is not None
    return add_auth_entry(
        f"server of {request.node.name}",
        CocoServerConnection(
            access.url, access.api_key, access.org_id, access.user_id, access.admin_key
        ),
    )


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """A project that no other test uses."""
    name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "")
    return f"kb:{name[:90]}"
