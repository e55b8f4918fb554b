r"""Translation of regular expressions from the syntax of Rust's `regex` to that of Python's `re`.

Programs written for CocoIndex use flags in the middle of a pattern, `\z`, `(?<name>…)` and POSIX
classes, a `$` that is only the end, and an `\s` that is Unicode's white space. These are rewritten
so that the same text matches. What `re` cannot do is an error that says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from coco_flow.errors import DefinitionError
from coco_flow.text.chunks import Span

__all__ = ["WHITE_SPACE", "compile_pattern", "matches"]

WHITE_SPACE = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""Unicode's white space; `str.isspace` has four control characters more."""

_SPACE_SET = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

_NO_SPACE_SET = (
    r"\x00-\x08\x0e-\x1f!-\x84\x86-\x9f\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e"
    r"\u2030-\u205e\u2060-\u2fff\u3001-\U0010ffff"
)

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t-\r ",
    "upper": "A-Z",
    "word": r"0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}

_FLAGS = re.compile(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])")
_CODE_POINT = re.compile(r"\\[xuU]\{([0-9A-Fa-f]+)\}")
_POSIX_CLASS = re.compile(r"\[:(\w+):\]")


def compile_pattern(pattern: str, where: str, *, multiline: bool = False) -> re.Pattern[str]:
    """Compile a pattern.

    Args:
        pattern: the pattern as the user wrote it.
        where: what the pattern is, for error messages.
        multiline: let `^` and `$` match at every line.

    Raises:
        DefinitionError: the pattern is not valid, or needs what `re` has not.
    """
    try:
        return re.compile(_Translation(pattern, multiline).result())
    except (re.error, ValueError) as error:
        raise DefinitionError(
            f"{where} is not a valid regular expression: {pattern!r}: {error}.",
            hint="Write it in the syntax of Python's `re` module.",
        ) from error


def matches(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    """Yield the spans of the matches; there is no empty one right after another match."""
    at, last = 0, -1
    while at <= len(text):
        match = pattern.search(text, at)
        if match is None:
            return
        start, end = match.span()
        if start == end == last:
            at += 1
            continue
        yield start, end
        at = last = end


class _Translation:
    """Rewrites one pattern, from left to right."""

    def __init__(self, pattern: str, multiline: bool) -> None:
        self.pattern = pattern
        self.at = 0
        self.out: list[str] = []
        # Flags that were set in the middle of the group, one entry for each open group.
        self.open_flags: list[list[str]] = [[]]
        self.multiline = [multiline]

    def result(self) -> str:
        """Return the pattern for `re`."""
        while self.at < len(self.pattern):
            self._next()
        self.out.append(")" * len(self.open_flags[0]))
        return ("(?m)" if self.multiline[0] else "") + "".join(self.out)

    def _next(self) -> None:
        char = self.pattern[self.at]
        if char == "\\":
            self.out.append(self._escape("[{}]"))
        elif char == "[":
            self._char_class()
        elif char == "(":
            self._group()
        else:
            self.at += 1
            self.out.append(self._plain(char))

    def _plain(self, char: str) -> str:
        flags = self.open_flags[-1]
        if char == "$" and not self.multiline[-1]:
            return r"\Z"
        if char == "|" and flags:
            # A flag set in one branch holds in the next ones too.
            return ")" * len(flags) + "|" + "".join(flags)
        if char == ")" and len(self.open_flags) > 1:
            self.multiline.pop()
            return ")" * (len(self.open_flags.pop()) + 1)
        return char

    def _group(self) -> None:
        flags = _FLAGS.match(self.pattern, self.at)
        if flags is None:
            named = self.pattern.startswith("(?<", self.at)
            named = named and not self.pattern.startswith(("(?<=", "(?<!"), self.at)
            self.out.append("(?P<" if named else "(")
            self.at += 3 if named else 1
            self._open(self.multiline[-1])
            return
        self.at = flags.end()
        on, off = set(flags[1]) - {"u"}, set(flags[2] or "")
        if (on | off) - set("imsx"):
            unknown = ", ".join(sorted((on | off) - set("imsx")))
            raise ValueError(f"the flag {unknown} is not supported")
        multiline = (self.multiline[-1] or "m" in on) and "m" not in off
        wanted = "".join(sorted(on)) + ("-" + "".join(sorted(off)) if off else "")
        self.out.append(f"(?{wanted}:")
        if flags[3] == ":":
            self._open(multiline)
        else:
            self.open_flags[-1].append(f"(?{wanted}:")
            self.multiline[-1] = multiline

    def _open(self, multiline: bool) -> None:
        self.open_flags.append([])
        self.multiline.append(multiline)

    def _escape(self, as_class: str) -> str:
        """Rewrite what follows a backslash; `as_class` makes a character class of a set."""
        code_point = _CODE_POINT.match(self.pattern, self.at)
        if code_point is not None:
            self.at = code_point.end()
            return f"\\U{int(code_point[1], 16):08x}"
        escape = self.pattern[self.at : self.at + 2]
        self.at += 2
        if escape in (r"\p", r"\P"):
            raise ValueError(f"{escape} is not supported; list the characters in brackets")
        if escape == r"\s":
            return as_class.format(_SPACE_SET)
        if escape == r"\S":
            return as_class.format(_NO_SPACE_SET)
        return r"\Z" if escape == r"\z" else escape

    def _char_class(self) -> None:
        pattern = self.pattern
        end = self.at + (2 if pattern.startswith("[^", self.at) else 1)
        self.out.append(pattern[self.at : end])
        self.at = end
        # A closing bracket in the first place is one of the characters.
        first = True
        while self.at < len(pattern) and (first or pattern[self.at] != "]"):
            first = False
            posix = _POSIX_CLASS.match(pattern, self.at)
            if posix is not None and posix[1] in _POSIX:
                self.out.append(_POSIX[posix[1]])
                self.at = posix.end()
            elif pattern[self.at] == "\\":
                self.out.append(self._escape("{}"))
            elif pattern[self.at] == "[" or pattern.startswith(("&&", "--", "~~"), self.at):
                raise ValueError("sets inside of a character class are not supported")
            else:
                # Python warns of doubled ones, which may get a meaning one day.
                char = pattern[self.at]
                self.out.append("\\" + char if char in "|&~" else char)
                self.at += 1
        if self.at >= len(pattern):
            raise ValueError("a character class has no end")
        self.out.append("]")
        self.at += 1
