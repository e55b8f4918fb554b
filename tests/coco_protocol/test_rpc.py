from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from coco_protocol.rpc.version import RPC_VERSION, RpcVersion, mismatch

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_stubs_say_what_the_proto_files_say() -> None:
    stale = runpy.run_path(str(ROOT / "scripts" / "generate_rpc.py"))["stale"]
    assert stale() == [], "run: python scripts/generate_rpc.py"


@pytest.mark.parametrize("text", ["", "1", "1.", "1.0.0", "-1.0", "a.b", "1.0 ", "9" * 20 + ".0"])
def test_what_is_no_version_is_not_read_as_one(text: str) -> None:
    assert RpcVersion.parse(text) is None


def test_a_version_reads_what_it_writes() -> None:
    assert RpcVersion.parse(str(RPC_VERSION)) == RPC_VERSION


def test_only_the_major_version_decides() -> None:
    own = RpcVersion(3, 1)
    assert mismatch(own, RpcVersion(3, 9), who="The worker") is None
    for other in (RpcVersion(2, 1), RpcVersion(4, 1), None):
        reason = mismatch(own, other, who="The worker at host:1")
        assert reason is not None
        assert reason.startswith("The worker at host:1 speaks ")
        assert "version 3.1" in reason
