from __future__ import annotations

import random
from collections import Counter

import pytest

from coco_core.anchors import matches
from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.types import Chunk, DocumentKey
from coco_experiments import generate_questions

SETTINGS = b'''\
"""Settings."""


def read_config(path):
    """Merge the defaults with what the user wrote in their home directory.

    More of it.
    """
    return path


class SettingsStore:
    """Keeps the values of the user between two starts of the program."""

    def _guess(self, name):
        """Return the nearest word that somebody might have misspelled."""
        return name


def load():
    """Read."""


def open_file():
    """TODO: say what happens when the disk is nearly full of rubbish."""
'''

SERVER = b"""\
package server

// HandleRequest answers a browser with the cached page where it is fresh.
func HandleRequest(w int) {}

// Listen waits for connections on every network interface of the machine.
//
// Deprecated: no.
func (s *Server) Listen() {}
"""

PARSER = b"""\
/**
 * Turns a stream of bytes into the tree that the compiler walks.
 *
 * @param {string} text
 */
export function parseSource(text) { return text }

export function undocumented(text) { return text }
"""

GUIDE = b"""\
# Guide

Everything that a newcomer has to know before the first evening.

## Installing

Run `pip install` in a fresh environment, then [log in](http://x.example/login).

```bash
pip install x
```

## Listed

- one
- two

## Continued

This section explains what was meant above.

## Rotating keys

Old secrets stay valid for one hour after their replacement.
"""

TEST = b'''\
def test_reading():
    """Check that the newest of two values wins over the older one."""
'''

FILES = {
    "app/settings.py": SETTINGS,
    "net/server.go": SERVER,
    "web/parser.js": PARSER,
    "docs/guide.md": GUIDE,
    "tests/test_settings.py": TEST,
    "LICENSE.md": b"# License\n\nYou may copy this work as often as you like to.\n",
}

Documents = list[tuple[DocumentKey, tuple[Chunk, ...]]]


def chunked(files: dict[str, bytes], config: ChunkingConfig | None = None) -> Documents:
    used = config or ChunkingConfig()
    return [(name, chunk_document(name, data, used).chunks) for name, data in files.items()]


def proposed(documents: Documents, limit: int = 100, **options: object) -> dict[str, str]:
    questions = generate_questions(documents, limit, **options)  # type: ignore[arg-type]
    return {each.expected[0].anchor: each.query for each in questions}


def test_docstrings_in_several_languages() -> None:
    assert proposed(chunked(FILES), kinds=["docstring"]) == {
        "app/settings.py#read_config": (
            "merge the defaults with what the user wrote in their home directory"
        ),
        "app/settings.py#SettingsStore": (
            "keeps the values of the user between two starts of the program"
        ),
        "app/settings.py#SettingsStore._guess": (
            "the nearest word that somebody might have misspelled"
        ),
        "net/server.go#HandleRequest": "answers a browser with the cached page where it is fresh",
        "net/server.go#Server.Listen": (
            "waits for connections on every network interface of the machine"
        ),
        "web/parser.js#parseSource": (
            "turns a stream of bytes into the tree that the compiler walks"
        ),
    }


def test_sections_ask_by_their_first_sentence() -> None:
    assert proposed(chunked(FILES), kinds=["heading"]) == {
        "docs/guide.md#guide": "everything that a newcomer has to know before the first evening",
        # Without a form of the heading's word.
        "docs/guide.md#installing": "run pip in a fresh environment, then log in",
        "docs/guide.md#rotating-keys": (
            "old secrets stay valid for one hour after their replacement"
        ),
    }


def test_names_are_looked_up_where_only_one_place_defines_them() -> None:
    twice = {**FILES, "other/parser.js": PARSER.replace(b"undocumented", b"another")}
    found = proposed(chunked(twice), kinds=["symbol"])
    assert found["web/parser.js#undocumented"] == "undocumented"
    assert found["other/parser.js#another"] == "another"
    assert "parseSource" not in found.values()
    # Neither private nor short.
    assert not {"_guess", "load"} & set(found.values())


def test_questions_name_their_kind_and_language() -> None:
    questions = generate_questions(chunked(FILES), 100)
    assert len({each.question_id for each in questions}) == len(questions)
    kinds = {each.tags for each in questions}
    assert kinds == {("docstring",), ("heading",), ("symbol",)}
    (go,) = [each for each in questions if each.query == "HandleRequest"]
    assert (go.language, go.tags) == ("go", ("symbol",))


@pytest.mark.parametrize(
    "config",
    [
        ChunkingConfig(),
        ChunkingConfig("fixed_token", 64, 16),
        ChunkingConfig("recursive_char", 200, 0, "chars"),
    ],
)
def test_the_expected_anchors_exist_under_every_chunking(config: ChunkingConfig) -> None:
    proposals = generate_questions(chunked(FILES), 100)
    documents = dict(chunked(FILES, config))
    for each in proposals:
        (expected,) = each.expected
        name = expected.anchor.partition("#")[0]
        assert any(matches(expected.anchor, name, chunk) for chunk in documents[name])


def test_the_order_of_documents_does_not_matter_and_the_seed_does() -> None:
    documents = chunked(FILES)
    first = generate_questions(documents, 6, seed=3)
    random.Random(1).shuffle(documents)
    assert generate_questions(documents, 6, seed=3) == first
    assert len({generate_questions(documents, 6, seed=seed) for seed in range(8)}) > 1


def test_kinds_and_directories_take_turns() -> None:
    questions = generate_questions(chunked(FILES), 9)
    assert Counter(each.tags[0] for each in questions) == {
        "docstring": 3,
        "heading": 3,
        "symbol": 3,
    }
    directories = {
        each.expected[0].anchor.split("/")[0] for each in questions if each.tags[0] == "docstring"
    }
    assert directories == {"app", "net", "web"}


def test_nothing_of_nothing() -> None:
    assert generate_questions([], 10) == ()
    assert generate_questions(chunked(FILES), 0) == ()
