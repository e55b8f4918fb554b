from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from coco_core.plain_words import is_plain_word

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "word",
    ["request", "requests", "handling", "separately", "asynchronous", "fallback", "websocket",
     "lifecycle", "unsubscribed", "middleware", "goroutines"],
)  # fmt: skip
def test_words_that_people_use(word: str) -> None:
    assert is_plain_word(word)


@pytest.mark.parametrize("word", ["qzxnumbat", "vlorptang", "wibblesnarf", "zorblax", "xqzv"])
def test_made_up_words(word: str) -> None:
    assert not is_plain_word(word)


@pytest.mark.slow
def test_the_list_is_what_the_script_writes() -> None:
    command = [sys.executable, "scripts/plain_words.py", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
