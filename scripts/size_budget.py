"""Hold the size budget: no module above 400 lines, no function body above 60.

A signature is not counted: the options of a command line verb are data, one line each.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

MODULE_LINES = 400
FUNCTION_LINES = 60


def violations(path: Path) -> list[str]:
    """Return what in one module is too long."""
    source = path.read_text(encoding="utf-8")
    lines = source.count("\n")
    found = [f"{path}: {lines} lines (at most {MODULE_LINES})"] if lines > MODULE_LINES else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.body[0].lineno + 1
            if length > FUNCTION_LINES:
                found.append(
                    f"{path}:{node.lineno}: {node.name} has {length} lines "
                    f"(at most {FUNCTION_LINES})"
                )
    return found


def main() -> int:
    """Print all violations; the exit status says whether there are any."""
    root = Path(__file__).resolve().parent.parent
    places = ("packages/*/src/**/*.py", "private/*/src/**/*.py", "scripts/*.py")
    found_modules = sorted(path for place in places for path in root.glob(place))
    # Generated stubs are nobody's reading.
    modules = [path for path in found_modules if not path.stem.endswith(("_pb2", "_pb2_grpc"))]
    found = [line for path in modules for line in violations(path)]
    print("\n".join(found) or f"{len(modules)} modules are within the size budget")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
