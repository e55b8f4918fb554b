"""Query parser: literal phrases, symbol names, and keywords of a query's text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from coco_core.file_names import NamedFile, named_files
from coco_core.header import split_identifiers
from coco_core.intent import SearchIntent
from coco_core.languages import detect_language
from coco_core.stopwords import ASKS_DOCS, ASKS_EXAMPLES, ASKS_TESTS, STOPWORDS, word_set
from coco_core.tokens import analyze, composed, spaceless, words
from coco_core.wording import Wording

__all__ = ["Query", "QueryShape", "parse_query"]

QueryShape: TypeAlias = Literal["symbol", "mixed", "sentence"]

# Weight of the vectors by shape. A name is found by its letters; a sentence by its meaning
# (published for other tools: .3 for symbols, a plateau from .55 to .70 for sentences).
ALPHA: dict[QueryShape, float] = {"symbol": 0.3, "mixed": 0.5, "sentence": 0.6}

# Words in another script than the code's are rare in it: where they stand is what was meant.
_OTHER_SCRIPT_ALPHA = 0.3
_LAST_LATIN = "\u024f"

_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”')
_ONLY_QUOTED = re.compile(r'(?:\s*(?:"[^"]+"|“[^”]+”))+\s*')
# What no language claims and is a file's name all the same.
_TEXT_FILES = (".txt", ".log", ".csv")

# Signs that code is written with and sentences are not.
_OPERATOR = re.compile(r"[=+*&|^~%$#@\\/<>\[\](){};]|\?\?|!")
# Words of an expression such as `i++;` or `a[i]`, too short to be looked up.
_SHORT_WORD = 2
_BACKTICKED = re.compile(r"`([^`]+)`")
# Names joined by the separators of any language: a.b, A::b, a->b, A#b, a\b, a/b, Foo.bar().
_NAME = re.compile(r"[@$]?[^\W\d]\w*[!?]?(?:(?:\.|::|->|#|\\|/|:)[^\W\d]\w*[!?]?)*(?:\(\))?")
_SEPARATOR = re.compile(r"::|->|[.#\\/:]")
# Words that announce a name in a two-word query: `class Foo`, `def handle_request`.
_ANNOUNCERS = word_set(
    "class def fn func function fun interface struct enum trait type method module const var let"
    " macro impl protocol object package namespace sub proc"
)
# Of 641 questions to code none speaks so, of 181 to documents 27. "We" is left out: who asks "where
# do we check the token" works on the code; so is "how to", which both ask.
_AS_USER = re.compile(r"\b(?:I|[Mm]y|me)\b(?![./])")
# From this many words on, a query without any identifier is a sentence.
_SENTENCE_WORDS = 3
# The same in characters of Chinese, Japanese and other scripts that put no spaces between words.
_SPACELESS_SENTENCE = 6


@dataclass(frozen=True, slots=True)
class Query:
    """A query as the stages and the ranking see it."""

    text: str
    terms: tuple[str, ...]
    """Analyzed keywords, without repetitions and without filling words, in order."""
    phrases: tuple[str, ...]
    """Strings that must occur literally: the query is made of quoted strings and nothing else, or
    holds no word that could be looked up."""
    symbols: tuple[str, ...]
    """Dotted names worth looking up among the definitions, as written."""
    shape: QueryShape
    wants_tests: bool
    wants_examples: bool
    wants_docs: bool
    asks_as_user: bool
    """Speaks of "I" and "my": about using the thing, not about how it is made."""
    alpha: float
    """Weight of the vectors that fits this shape."""
    name: str
    """The term of the whole name, if the query is nothing but a name; else empty."""
    embed_text: str
    words: tuple[str, ...]
    """Lower-case words for evidence in paths, without filling words."""
    wording: Wording
    """All words as written and in order, to be found standing so."""
    files: tuple[NamedFile, ...]
    """What may be names of files with their suffix."""
    is_file: bool
    """Is the name of a file, perhaps with its directory and a line, and nothing else."""
    other_script: bool
    """Most of its letters are not Latin."""

    def without_phrases(self) -> Query:
        """Return the same question, whose quoted strings need not occur."""
        return replace(self, phrases=())


def parse_query(intent: SearchIntent) -> Query:
    """Read the query of an intent."""
    text = composed(intent.query).strip()
    # A quoted run in a longer text is part of what was pasted: JSON, a log line, a message.
    bare = text.strip('"“”`').strip()
    files = named_files(text)
    is_file = len(files) == 1 and not bare.count(" ") and _is_known_file(files[0])
    symbols = () if is_file else _symbols(text, bare)
    terms = _terms(text)
    shape = _shape(bare, symbols)
    letters = [char for char in text if char.isalpha()]
    other_script = 2 * sum(char > _LAST_LATIN for char in letters) > len(letters)
    lowered = {word.lower() for word in words(text)}
    return Query(
        text=text,
        terms=terms,
        phrases=_phrases(intent.query, terms),
        symbols=symbols,
        shape=shape,
        wants_tests=not lowered.isdisjoint(ASKS_TESTS),
        wants_examples=not lowered.isdisjoint(ASKS_EXAMPLES),
        wants_docs=not lowered.isdisjoint(ASKS_DOCS),
        asks_as_user=_AS_USER.search(bare) is not None,
        alpha=_OTHER_SCRIPT_ALPHA if other_script else ALPHA[shape],
        name=_whole_name(symbols[0]) if shape == "symbol" else "",
        embed_text=split_identifiers(text),
        words=_path_words(text),
        wording=Wording.of(text),
        files=files,
        is_file=is_file,
        other_script=other_script,
    )


def _phrases(text: str, terms: tuple[str, ...]) -> tuple[str, ...]:
    if _ONLY_QUOTED.fullmatch(text):
        # Elsewhere a quoted run is part of what was pasted: JSON, a log line, a message.
        return tuple(a or b for a, b in _QUOTED.findall(text))
    short = all(len(word) <= _SHORT_WORD and word.isascii() for word in words(text))
    if not terms or (short and _OPERATOR.search(text)):
        return (text.strip(),)
    return ()


def _is_known_file(file: NamedFile) -> bool:
    """Tell a file's name from a dotted one: `query.py`, not `App.run`."""
    return file.name.endswith(_TEXT_FILES) or detect_language(file.name) != "text"


def _whole_name(symbol: str) -> str:
    # The analyzer puts the whole before its parts; of a dotted path the last name counts.
    terms = analyze(symbol.rpartition(".")[2])
    return terms[0] if terms else ""


def _terms(text: str) -> tuple[str, ...]:
    kept = [word for word in words(text) if word.lower() not in STOPWORDS]
    # A query of nothing but filling words means them: `with`, `the who`.
    source = " ".join(kept) if kept else text
    return tuple(dict.fromkeys(term for word in words(source) for term in _terms_of(word)))


def _terms_of(word: str) -> list[str]:
    """Return the terms of a word; of a run of characters the pairs, which say more than each."""
    runs = spaceless(word)
    single = {char for run in runs if len(run) > 1 for char in run}
    return [term for term in analyze(word) if term not in single]


def _path_words(text: str) -> tuple[str, ...]:
    pieces = split_identifiers(text).lower()
    found = [word for word in re.findall(r"[^\W_]+", pieces) if word not in STOPWORDS]
    return tuple(dict.fromkeys(found))


def _shape(bare: str, symbols: tuple[str, ...]) -> QueryShape:
    tokens = bare.split()
    without_spaces = sum(map(len, spaceless(bare)))
    if without_spaces >= _SPACELESS_SENTENCE:
        return "sentence"
    if without_spaces:
        return "mixed"
    if len(tokens) == 1 or (len(tokens) == 2 and tokens[0].lower() in _ANNOUNCERS):
        return "symbol" if symbols else "mixed"
    if len(tokens) >= _SENTENCE_WORDS and not any(_is_identifier(name) for name in symbols):
        return "sentence"
    return "mixed"


def _symbols(text: str, bare: str) -> tuple[str, ...]:
    """Find names worth a look-up: the whole query, what is in backticks, what is no plain word."""
    tokens = bare.split()
    if len(tokens) == 2 and tokens[0].lower() in _ANNOUNCERS:
        tokens = tokens[1:]
    if len(tokens) == 1:
        whole = _NAME.fullmatch(tokens[0])
        return (_dotted(whole.group()),) if whole else ()
    names = [
        _dotted(name) for quoted in _BACKTICKED.findall(text) for name in _NAME.findall(quoted)
    ]
    for match in _NAME.finditer(text):
        name = match.group()
        if _is_identifier(name) or (match.start() > 0 and _is_capitalized(name)):
            names.append(_dotted(name))
    return tuple(dict.fromkeys(name for name in names if name))


def _is_identifier(name: str) -> bool:
    """Whether a name cannot be a plain word of a sentence."""
    if name.endswith("()") or name[:1] in "@$":
        return True
    inner = name.rstrip(".:")
    if _SEPARATOR.search(inner):
        # `read/write` and `e.g.` are prose; `os.path` and `Vec::new` are not.
        return "/" not in inner and all(len(part) > 1 for part in _SEPARATOR.split(inner) if part)
    return "_" in inner.strip("_") or (inner != inner.upper() and inner[1:] != inner[1:].lower())


def _is_capitalized(name: str) -> bool:
    return name[:1].isupper() and name[1:].islower() and name.lower() not in STOPWORDS


def _dotted(name: str) -> str:
    plain = name.removesuffix("()").lstrip("@$").rstrip(".:#/\\")
    return ".".join(part for part in _SEPARATOR.split(plain) if part)
