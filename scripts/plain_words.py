"""Writes `coco_core/plain_words.txt`: the stems of everyday words, from the built-in vocabulary.

    scripts/plain_words.py [--check]

The words are the whole words among the word pieces of all-MiniLM-L6-v2 (those of BERT, from the
English Wikipedia and books). A word of a query that is none of them is a name or was made up.
"""

from __future__ import annotations

import sys
from pathlib import Path

from coco_core.stems import stem
from coco_embed.static import TABLE_PATH, StaticTable

_TARGET = Path("packages/coco_core/src/coco_core/plain_words.txt")

_SHORTEST = 3

# What programmers say in sentences, and no encyclopedia does.
_COMPUTING = """
    allocator args async asynchronous backend boolean bool callback codebase config cors cron csrf
    debounce deserialize dropdown enum env endpoint frontend goroutine hostname idempotent init
    iterator jwt kwargs linter localhost memoize metadata middleware mutex namespace oauth param
    parser plugin polyfill preprocessor pubsub queue regex regexp runtime serialize serializer
    singleton stderr stdin stdout struct subclass subprocess synchronous templating throttle
    timestamp tokenizer tooltip tuple unmarshal upsert validator varargs webhook websocket
"""


def main() -> int:
    """Write the file, or say whether it is current."""
    vocabulary = StaticTable.load(TABLE_PATH).vocabulary
    words = [word for word in vocabulary if word.isascii() and word.isalpha() and word.islower()]
    words += _COMPUTING.split()
    stems = sorted({stem(word) for word in words if len(word) >= _SHORTEST})
    text = "\n".join(stems) + "\n"
    if "--check" in sys.argv:
        return 0 if _TARGET.read_text(encoding="utf-8") == text else 1
    _TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
