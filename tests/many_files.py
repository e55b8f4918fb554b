"""Projects of many files that differ from each other, as work for a daemon that is disturbed."""

from __future__ import annotations

import random
from pathlib import Path

_WORDS = (  # noqa: SIM905 - a list of single words is three times as long
    "account balance cache client cursor document engine event filter graph header index job key "
    "ledger message node order parser query record schema session signal table token user value"
).split()


def write_many(root: Path, count: int, seed: int = 1) -> list[Path]:
    """Write ``count`` Python modules of some ten functions each; the same seed, the same bytes."""
    rng = random.Random(seed)
    paths = []
    for number in range(count):
        path = root / f"package_{number % 17}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(module_text(rng, number), encoding="utf-8")
        paths.append(path)
    return paths


def module_text(rng: random.Random, number: int) -> str:
    """Return a module whose functions stand nowhere else."""
    parts = [f'"""Module {number}."""\n']
    for serial in range(rng.randint(4, 14)):
        first, second, third = rng.sample(_WORDS, 3)
        body = "".join(
            f"    {rng.choice(_WORDS)}_{line} = {rng.choice(_WORDS)}({rng.randint(0, 10**9)})\n"
            for line in range(rng.randint(2, 12))
        )
        parts.append(
            f"\n\ndef {first}_{second}_{number}_{serial}({third}):\n"
            f'    """Bring the {first} of a {third} to its {second}."""\n{body}'
            f"    return {third}\n"
        )
    return "".join(parts)


def edit_some(rng: random.Random, paths: list[Path]) -> None:
    """Change a file as people and tools do: new lines, other text, gone, back, renamed."""
    path = rng.choice(paths)
    kind = rng.choice(["above", "below", "replace", "delete", "rename"])
    if kind == "delete":
        path.unlink(missing_ok=True)
        return
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if kind == "rename" and path.exists():
        target = path.with_name(f"renamed_{rng.randint(0, 10**9)}.py")
        path.rename(target)
        paths[paths.index(path)] = target
    elif kind == "above":
        path.write_text(f"import module_{rng.randint(0, 10**9)}\n\n{text}", encoding="utf-8")
    elif kind == "below":
        path.write_text(text + module_text(rng, rng.randint(0, 10**9)), encoding="utf-8")
    else:
        path.write_text(module_text(rng, rng.randint(0, 10**9)), encoding="utf-8")
