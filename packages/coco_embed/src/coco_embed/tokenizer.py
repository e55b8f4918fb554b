"""Tokenizer of an embedding model: splits a text as the model was trained to."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from coco_core.errors import Unreadable

__all__ = ["WordPieces", "clean_text"]

# Halves of a surrogate pair: they stand for bytes that could not be decoded.
_SURROGATE = re.compile("[\ud800-\udfff]")
# Characters of a text that can reach the model, for each token of the window: code has three to
# four characters a token. Only blank space or words of hundreds of characters come near this, and
# cutting first keeps a text of a megabyte from costing half a second.
_CHARACTERS_PER_TOKEN = 200


class WordPieces:
    """The tokenizer of a model; it may be used in many threads at once."""

    def __init__(self, path: Path) -> None:
        # The library's own thread pool would fight with our workers, which tokenize in parallel
        # already; whoever sets the variable has decided otherwise.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise Unreadable(
                f"{path} is not a tokenizer: {error}.",
                hint="Install the model again: coco setup",
            ) from error
        # The official file cuts at 128 tokens and pads every text to 128.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._tail = self._special_tokens_behind()

    @classmethod
    def of_vocabulary(cls, words: Sequence[str], special: Sequence[str] = ()) -> WordPieces:
        """Return the tokenizer that has these pieces, by number, and puts nothing around a text.

        Args:
            words: all pieces, in the order of their numbers.
            special: those that are one piece where they stand in a text as they are.
        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

        made = cls.__new__(cls)
        vocabulary = {word: number for number, word in enumerate(words)}
        made._tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
        made._tokenizer.normalizer = normalizers.BertNormalizer()
        made._tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        made._tokenizer.add_special_tokens(list(special))
        made._tail = 0
        return made

    def ids(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        """Return the model's input for each text, cut to ``max_tokens`` with the special tokens."""
        limit = max_tokens * _CHARACTERS_PER_TOKEN
        head = max_tokens - self._tail
        return [
            row if len(row) <= max_tokens else [*row[:head], *row[len(row) - self._tail :]]
            for row in self._encode([text[:limit] for text in texts])
        ]

    def pairs(
        self, query: str, texts: Sequence[str], max_tokens: int
    ) -> list[tuple[list[int], list[int]]]:
        """Return the model's input for the query with each text: ids and segments, equally long.

        Each is cut to ``max_tokens`` with the special tokens: the text's end goes, and of a query
        what is longer than half of the window.
        """
        limit = max_tokens * _CHARACTERS_PER_TOKEN
        room = max_tokens - self._tokenizer.num_special_tokens_to_add(is_pair=True)
        cut = [clean_text(text[:limit]) for text in (query, *texts)]
        # With offsets, unlike the fast call: what is cut must know where it was.
        asked, *read = self._tokenizer.encode_batch(cut, add_special_tokens=False)
        asked.truncate(max(room // 2, 1))
        found: list[tuple[list[int], list[int]]] = []
        for text in read:
            text.truncate(max(room - len(asked.ids), 0))
            pair = self._tokenizer.post_process(asked, text)
            found.append((pair.ids, pair.type_ids))
        return found

    def pieces(self, texts: Sequence[str], most: int) -> list[list[int]]:
        """Return the first ``most`` pieces of each text, special tokens excluded."""
        limit = most * _CHARACTERS_PER_TOKEN
        cut = [clean_text(text[:limit]) for text in texts]
        encodings = self._tokenizer.encode_batch_fast(cut, add_special_tokens=False)
        return [encoding.ids[:most] for encoding in encodings]

    def count(self, text: str) -> int:
        """Return the number of tokens in ``text``, special tokens excluded."""
        # The batch call lets other threads run meanwhile; the call for one text does not.
        [encoding] = self._tokenizer.encode_batch_fast([clean_text(text)], add_special_tokens=False)
        return len(encoding.ids)

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        """Return the half-open character range of every token, in order."""
        encoding = self._tokenizer.encode(clean_text(text), add_special_tokens=False)
        offsets: list[tuple[int, int]] = encoding.offsets
        return offsets

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        encodings = self._tokenizer.encode_batch_fast([clean_text(text) for text in texts])
        return [encoding.ids for encoding in encodings]

    def _special_tokens_behind(self) -> int:
        """Return how many special tokens stand behind every text: one in BERT, none in others."""
        whole = self._tokenizer.encode("a").ids
        plain = self._tokenizer.encode("a", add_special_tokens=False).ids
        for start in range(len(whole) - len(plain) + 1):
            if whole[start : start + len(plain)] == plain:
                return len(whole) - start - len(plain)
        return 0


def clean_text(text: str) -> str:
    """Return ``text`` with lone surrogates, which the library refuses, replaced one for one."""
    return text if text.isascii() else _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
