"""Generate the gRPC stubs of coco_protocol from its .proto files; `--check` only compares.

Needs grpcio-tools and mypy-protobuf (scripts/requirements-dev.txt).
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import grpc_tools  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent / "packages" / "coco_protocol"
PROTO = ROOT / "proto"
SOURCE = ROOT / "src"


def generate(target: Path) -> list[Path]:
    """Write the stubs below ``target``; return their paths relative to it."""
    protos = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    plugin = Path(sysconfig.get_path("scripts")) / "protoc-gen-mypy_grpc"
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python", "mypy_grpc")]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--proto_path={PROTO}",
            f"--proto_path={Path(grpc_tools.__file__).parent / '_proto'}",
            f"--plugin=protoc-gen-mypy_grpc={plugin}",
            *outputs,
            *protos,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return sorted(_stubs(target))


def stale() -> list[str]:
    """Return the committed stubs that differ from what the .proto files say."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        made = generate(fresh)
        kept = _stubs(SOURCE)
        changed = [path for path in made if path not in kept or not _equal(fresh, path)]
        return [str(path) for path in sorted({*changed, *(kept - set(made))})]


def _stubs(root: Path) -> set[Path]:
    # Compiled files of the same names lie in `__pycache__`.
    return {
        path.relative_to(root)
        for ending in ("py", "pyi")
        for path in root.rglob(f"*_pb2*.{ending}")
    }


def _equal(fresh: Path, path: Path) -> bool:
    return (fresh / path).read_bytes() == (SOURCE / path).read_bytes()


def main() -> int:
    """Generate, or say what is stale."""
    if "--check" not in sys.argv[1:]:
        print("\n".join(str(path) for path in generate(SOURCE)))
        return 0
    found = stale()
    print("\n".join(f"stale: {path}" for path in found) or "the stubs are current")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
