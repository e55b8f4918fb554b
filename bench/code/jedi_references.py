"""Jedi's references of a sample of definitions, one JSON object a line.

python jedi_references.py DIRECTORY ROOT COUNT < FILES
"""

from __future__ import annotations

import ast
import json
import os
import random
import sys
from pathlib import Path


def main() -> None:
    """Choose definitions by `ast`, and ask Jedi about each."""
    directory, root, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    sys.path.insert(0, directory)
    import jedi
    import jedi.inference.references as limits

    # Jedi stops after 30 files that it parses; all that hold the name are wanted.
    limits._PARSED_FILE_LIMIT = limits._OPENED_FILE_LIMIT = 1_000_000
    project = jedi.Project(
        root, added_sys_path=[str(root / "src")] if (root / "src").is_dir() else []
    )
    files = sys.stdin.read().splitlines()
    definitions = [each for path in files if not is_apart(path) for each in listed(root, path)]
    random.Random(1).shuffle(definitions)
    for path, line, column, name in definitions[:count]:
        script = jedi.Script(path=root / path, project=project)
        try:
            found = script.get_references(line, column, include_builtins=False)
        except Exception as error:  # noqa: BLE001 - Jedi fails on some files; they are not compared
            print(f"{path}:{line}: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        places = [
            [os.path.relpath(each.module_path, root), each.line, each.column + 1]
            for each in found
            if each.module_path is not None and each.module_path.is_relative_to(root)
        ]
        answer = {"path": path, "line": line, "column": column + 1, "name": name}
        print(json.dumps({**answer, "references": places}), flush=True)


def is_apart(path: str) -> bool:
    """Whether a file is a test or an example: what it defines is used there only."""
    return any(part.startswith(("test", "example", "doc")) for part in path.split("/"))


def listed(root: Path, path: str) -> list[tuple[str, int, int, str]]:
    """Return path, line, column and name of all functions, classes, methods and constants."""
    try:
        text = (root / path).read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (SyntaxError, ValueError, UnicodeDecodeError):
        return []
    lines = text.split("\n")
    found: list[tuple[str, int, int, str]] = []
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            column = lines[node.lineno - 1].find(node.name, node.col_offset)
            if column >= 0 and not node.name.startswith("__"):
                found.append((path, node.lineno, column, node.name))
            if isinstance(node, ast.ClassDef):
                pending += node.body
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            target = node.targets[0]
            if not target.id.startswith("__"):
                found.append((path, target.lineno, target.col_offset, target.id))
    return found


main()
