"""Keyword analyzer: the terms of documents and queries, the same for every store.

A word gives the terms by which someone may look for it:

- an identifier as a whole, lower-cased and without its separators, so that ``userName``,
  ``user_name`` and ``user-name`` are one term (``username``);
- its parts (camelCase, snake_case, kebab-case, digits), lightly stemmed;
- runs of scripts that put no spaces between words (Chinese, Japanese, Korean, Thai, …) as pairs of
  neighboring characters, and as single characters, so that ``令`` is found in ``命令行``.

Text is composed first (Unicode's form C): ``é`` is one letter, however a file or a keyboard wrote
it. What has no composed form keeps its marks, which belong to the word.

Everything is looked up per distinct word: a repository repeats its words endlessly, so indexing
costs one regular expression and one dictionary access per word.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from coco_core.stems import stem

__all__ = ["analyze", "composed", "identifier_parts", "spaceless", "term_id", "term_ids", "words"]

# Marks that are written on or after a letter: of Latin, Cyrillic, Hebrew, Arabic, the scripts of
# India, Thai. Python's ``\w`` takes them for punctuation.
_MARKS = (
    r"\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    r"\u0900-\u0963\u0966-\u0dff\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u3099\u309a"
)
# Kebab-case is taken only between letters of at least two: ``a-b`` and ``n-1`` are subtractions.
_WORD = re.compile(r"[^\W\d_]{2,}(?:-[^\W\d_]{2,})+|\w+")
_MARKED_WORD = re.compile(rf"[^\W\d_]{{2,}}(?:-[^\W\d_]{{2,}})+|\w[\w{_MARKS}]*")
_BETWEEN_PARTS = re.compile(rf"[^\w{_MARKS}]+|_+")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
# Han, Hiragana, Katakana, Hangul, Thai, Lao, Burmese, Khmer; written without spaces, or with them
# but inflected.
_SPACELESS = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f]+"
)

# A longer "word" is a blob (base64, minified data): nobody searches for its pieces.
_LONGEST_WORD = 64

# About 20 MB of words and ids; a process that meets more starts its tables afresh.
_MOST_CACHED = 100_000

_terms_of: dict[str, tuple[str, ...]] = {}
_ids_of: dict[str, tuple[int, ...]] = {}
_id_of: dict[str, int] = {}


def analyze(text: str) -> list[str]:
    """Return the terms of ``text`` in order, repetitions included."""
    terms: list[str] = []
    for word in words(text):
        known = _terms_of.get(word)
        terms.extend(_remember_terms(word) if known is None else known)
    return terms


def term_id(term: str) -> int:
    """Return the stable unsigned 64-bit number that stands for a term in every store."""
    known = _id_of.get(term)
    if known is not None:
        return known
    if len(_id_of) >= _MOST_CACHED:
        _id_of.clear()
    digest = hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    number = int.from_bytes(digest, "little")
    _id_of[term] = number
    return number


def term_ids(word: str) -> tuple[int, ...]:
    """Return the ids of one word's terms."""
    known = _ids_of.get(word)
    if known is not None:
        return known
    if len(_ids_of) >= _MOST_CACHED:
        _ids_of.clear()
    ids = tuple(term_id(term) for term in _split(word))
    _ids_of[word] = ids
    return ids


def words(text: str) -> list[str]:
    """Return the words of ``text`` before they are analyzed, in order."""
    if text.isascii():
        return _WORD.findall(text)
    return _MARKED_WORD.findall(composed(text))


def composed(text: str) -> str:
    """Return the text with every accent joined to its letter (Unicode's form C)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def spaceless(text: str) -> list[str]:
    """Return the runs of scripts that put no spaces between words."""
    return [] if text.isascii() else _SPACELESS.findall(text)


def identifier_parts(word: str) -> list[str]:
    """Return the parts of an identifier as written (``HTTPServer2`` gives HTTP, Server, 2)."""
    if word.isascii():
        return _PART.findall(word)
    return [part for part in _BETWEEN_PARTS.split(word) if part]


def _remember_terms(word: str) -> tuple[str, ...]:
    if len(_terms_of) >= _MOST_CACHED:
        _terms_of.clear()
    terms = _split(word)
    _terms_of[word] = terms
    return terms


def _split(word: str) -> tuple[str, ...]:
    if not word.isascii():
        return _split_unicode(word)
    if len(word) > _LONGEST_WORD:
        return (word.lower(),)
    if word.isalpha() and (word.islower() or word[1:].islower() or word.isupper()):
        return (stem(word.lower()),)
    parts = [part.lower() for part in _PART.findall(word)]
    if not parts:
        # Only underscores: a placeholder in most languages.
        return ()
    if len(parts) == 1:
        return (stem(parts[0]),)
    # A single letter or digit says nothing without its neighbors.
    stems = [stem(part) for part in parts if len(part) > 1]
    return (stem("".join(parts)), *stems)


def _split_unicode(word: str) -> tuple[str, ...]:
    folded = unicodedata.normalize("NFKC", word)
    if folded.isascii() and folded != word:
        return tuple(term for piece in _WORD.findall(folded) for term in _split(piece))
    terms: list[str] = []
    rest = 0
    for run in _SPACELESS.finditer(folded):
        terms.extend(_folded_parts(folded[rest : run.start()]))
        terms.extend(_pairs(run.group()))
        rest = run.end()
    terms.extend(_folded_parts(folded[rest:]))
    return tuple(terms)


def _pairs(run: str) -> list[str]:
    return [*(run[i : i + 2] for i in range(len(run) - 1)), *run]


def _folded_parts(text: str) -> list[str]:
    """Lower-case and cut at separators; accents are dropped so that ``Größe`` meets ``grosse``."""
    terms: list[str] = []
    for piece in _BETWEEN_PARTS.split(text):
        plain = "".join(
            char
            for char in unicodedata.normalize("NFD", piece.casefold())
            if not unicodedata.combining(char)
        )
        if plain:
            terms.append(stem(plain) if plain.isascii() else plain[:_LONGEST_WORD])
    return terms
