"""A flow that is killed while it writes a graph, and what the next run makes of it."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from coco_flow.targets.ladybug import LadybugFileStore

ROUNDS = 2


def _run(folder: Path, kill_after: float | None = None) -> bool:
    """Run the program; say whether it came to its end."""
    command = [sys.executable, "-m", "tests.coco_flow.graph_targets.killed_graph_flow"]
    arguments = [str(folder / "texts"), str(folder / "state.db"), str(folder / "graph.lbug")]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if kill_after is not None:
            try:
                process.wait(kill_after)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.stdout.read() == "done\n"


def _graph(folder: Path) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    with closing(LadybugFileStore(str(folder / "graph.lbug"))) as store:
        texts = [row[0] for row in store.run("MATCH (n:Text) RETURN n.filename")]
        topics = [row[0] for row in store.run("MATCH (n:Topic) RETURN n.name")]
        about = store.run("MATCH (s)-[r:ABOUT]->(t) RETURN s.filename, t.name, r.topic")
        return sorted(texts), sorted(topics), sorted((row[0], row[1]) for row in about)


def test_a_killed_flow_ends_with_the_graph_of_its_texts(tmp_path: Path) -> None:
    chance = random.Random(11)
    texts = tmp_path / "texts"
    texts.mkdir()
    held: dict[str, set[str]] = {}
    kills = 0
    for _ in range(ROUNDS):
        for _ in range(400):
            name = f"{chance.randrange(600)}.txt"
            if name in held and chance.random() < 0.3:
                (texts / name).unlink()
                del held[name]
                continue
            held[name] = {f"topic {chance.randrange(300)}" for _ in range(5)}
            (texts / name).write_text("\n".join(sorted(held[name])), "utf-8")
        while not _run(tmp_path, chance.uniform(0.0, 0.25)):
            kills += 1
            if kills % 4 == 0:
                assert _run(tmp_path)
                break
        assert _run(tmp_path)
        found_texts, found_topics, found_about = _graph(tmp_path)
        assert found_texts == sorted(held)
        assert found_topics == sorted(set().union(*held.values()))
        assert found_about == sorted((name, topic) for name, all in held.items() for topic in all)
    assert kills
