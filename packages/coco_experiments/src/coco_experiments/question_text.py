"""Question texts made of documentation: a first sentence, plain, without given words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from coco_core.stopwords import STOPWORDS, word_set
from coco_core.tokens import analyze

__all__ = ["QuestionText", "question_text_of"]

# Markup and what it becomes; in this order.
_MARKUP: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"!\[[^\]]*\]\([^)]*\)", ""),
        (r"\[([^\]]+)\]\([^)]*\)", r"\1"),
        (r"\[([^\]]+)\]\[[^\]]*\]", r"\1"),
        (r"(?:link|xref|https?):[^\s\[\]]*\[([^\]]+)\]", r"\1"),
        (r"<<[^,>]+,\s*([^>]+)>>", r"\1"),
        (r"\{@\w+\s+([^}]*)\}", r"\1"),
        (r":[\w:+-]+:`~?([^`<]+?)\s*(?:<[^>`]*>)?`", r"\1"),
        (r"`([^`<]+?)\s*<[^>`]*>`_{0,2}", r"\1"),
        (r"<\w+\s+\w+=\"(?:\w:)?([^\"]*)\"\s*/>", r"\1"),
        (r"</?[A-Za-z][^<>]*>", ""),
        (r"`+([^`]*)`+_{0,2}", r"\1"),
        (r"(?<!\w)\[([^\]\[]+)\]", r"\1"),
        (r"(?<!\w)(\*\*|__|\*|_)(?=\S)(.+?)(?<=\S)\1(?!\w)", r"\2"),
    )
)

# What is left of markup, code, a table or a template: no sentence.
_NOT_PROSE = re.compile(r"https?://|[{}|<>\\`=…$#]|\.\.|::|(?:^|\s)--?\w|\w!?\((?!s\))|^[\W\d_]")

_END = re.compile(r"[.!?](?=\s|$)")
_ABBREVIATED = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|resp|approx|[A-Z])|\.\w)\.$")

# A sentence that begins so leans on what stands before it.
_DEPENDENT = word_set(
    """
    this these that those it its they he she here there see note warning example examples however
    also then but and or so such otherwise instead therefore deprecated copyright license licensed
    same like as first second finally usage
    """
)

# Whoever says this speaks to the reader, or of the text.
_ADDRESSES_READER = re.compile(
    r"\b(?:we|our|us|let's|we're|we've|above|below|following|TODO|FIXME|XXX|HACK)\b"
    r"|\bthis (?:section|page|document|chapter|guide|article|file|directory|repo|repository)\b",
    re.IGNORECASE,
)

_RETURNS = re.compile(
    r"^(?:(?:is|are)\s+|(?:returns?|yields?|gets?)\s+"
    r"(?=(?:the|a|an|whether|if|all|every|how|what|which)\b))",
    re.IGNORECASE,
)

_ARTICLES = word_set("a an the")
_PREPOSITIONS = word_set("of in for to with from by on at into as")

_FEWEST_WORDS, _MOST_WORDS = 4, 28
# Words that say something; fewer than this find anything.
_FEWEST_CONTENT_WORDS = 4

# With more of its words gone, a sentence no longer says what it said.
_MOST_TAKEN = 1 / 3


@dataclass(frozen=True, slots=True)
class QuestionText:
    """A question, and how many words were taken out of it: none reads best."""

    text: str
    taken: int


def question_text_of(
    paragraph: str, names: Iterable[str], *, whole: bool = False
) -> QuestionText | None:
    """Return a paragraph's first sentence without the words of ``names``, if it can stand alone.

    Args:
        paragraph: the text, with its markup.
        names: what the question must not give away.
        whole: take no sentence without an end.
    """
    sentence = _first_sentence(_plain(paragraph))
    text = _RETURNS.sub("", sentence.rstrip(".!").strip())
    words = text.split()
    if not words or (whole and sentence == text):
        return None
    dependent = words[0].lower().rstrip(",;:") in _DEPENDENT or words[0].endswith(":")
    if dependent or _ADDRESSES_READER.search(text) or _NOT_PROSE.search(text) or _halved(text):
        return None
    return _without(words, names)


def _plain(text: str) -> str:
    for pattern, plain in _MARKUP:
        text = pattern.sub(plain, text)
    return " ".join(text.split())


def _first_sentence(text: str) -> str:
    """Return the first sentence, or all when there is no end; nothing of what only leads on."""
    for match in _END.finditer(text):
        if not _ABBREVIATED.search(text[: match.end()]):
            return text[: match.end()]
    return "" if text.endswith((":", ",", ";")) else text


def _halved(text: str) -> bool:
    """Whether brackets or quotes lack their other half."""
    pairs = (("(", ")"), ("[", "]"), ("“", "”"))
    uneven = any(text.count(opening) != text.count(closing) for opening, closing in pairs)
    return uneven or text.count('"') % 2 == 1


def _without(words: list[str], names: Iterable[str]) -> QuestionText | None:
    """Take the words of names out; nothing when too little would be left, or too much gone."""
    own = {term for name in names for term in analyze(name)} - STOPWORDS
    kept = _mended(words, own)
    before, after = sum(map(_is_content_word, words)), sum(map(_is_content_word, kept))
    if not _FEWEST_WORDS <= len(kept) <= _MOST_WORDS or after < _FEWEST_CONTENT_WORDS:
        return None
    if before - after > before * _MOST_TAKEN:
        return None
    first, _, rest = " ".join(kept).strip(" ,;:-—").partition(" ")
    if first == "A" or first[1:].islower():
        first = first.lower()
    return QuestionText(f"{first} {rest}", before - after)


def _is_content_word(word: str) -> bool:
    return any(term not in STOPWORDS for term in analyze(word))


def _mended(words: list[str], own: set[str]) -> list[str]:
    """Leave words out, and the articles and prepositions that stood for them."""
    kept: list[str] = []
    gap = ""
    for word in words:
        if not own.isdisjoint(analyze(word)):
            # A mark after the word ends what stood before it.
            gap = word[-1] if word[-1] in ",;:" else " "
            continue
        if gap and (gap != " " or word.lower() in _PREPOSITIONS):
            _close(kept)
            if kept and gap != " ":
                kept[-1] += gap
        gap = ""
        kept.append(word)
    if gap:
        _close(kept)
    return kept


def _close(kept: list[str]) -> None:
    while kept and kept[-1].lower() in _ARTICLES | _PREPOSITIONS:
        kept.pop()
