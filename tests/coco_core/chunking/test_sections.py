"""Documents of every format come down to sections, with places in the file on disk."""

from __future__ import annotations

import pytest

from coco_core.anchors import matches
from coco_core.chunking import ChunkedDocument, chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.types import ChunkKind

MARKDOWN = """\
---
title: The Guide
tags: [a, b]
date: 2024-01-02
---
# Guide to `App`

Intro.

## Usage

Text.

```python
def foo():
    pass

class A:
    def run(self): ...
```

- item
  ```js
  function inner() {}
  ```

### Options

| a | b |
|---|---|
| 1 | 2 |

## Usage

Again.

Setext *one*
------------

> # not a heading

    # nor this
"""

RST = """\
=====
Guide
=====

:author: Me

Intro.

Usage
-----

Use :func:`app.run`.

.. code-block:: python

    def foo():
        pass

Options
~~~~~~~

- one
- two

Next
----

End.
"""

ASCIIDOC = """\
= Guide
:author: Me

Intro.

[[use]]
== Usage

[source,python]
----
def foo():
    pass
----

=== Options

* one

== Next

====
== not a heading
====
"""

HTML = """\
<!DOCTYPE html>
<html><head><title>My page</title></head>
<body>
<h1>Guide</h1>
<p>Intro</p>
<h2 id="use-it">Usage &amp; <b>more</b></h2>
<script>
function foo() { return 1 }
</script>
<h2>Next</h2>
<p>End</p>
</body></html>
"""

NOTEBOOK = """\
{
 "cells": [
  {
   "cell_type": "markdown",
   "source": [
    "# Guide\\n",
    "Intro.\\n",
    "## Usage"
   ]
  },
  {
   "cell_type": "code",
   "outputs": [],
   "source": [
    "def foo(x):\\n",
    "    return x\\n",
    "\\n",
    "class A:\\n",
    "    pass"
   ]
  },
  {
   "cell_type": "markdown",
   "source": "## Next\\ntext"
  }
 ],
 "metadata": {
  "language_info": {"name": "python"}
 },
 "nbformat": 4
}
"""


def chunked(path: str, text: str, size: int = 256, strategy: str = "ast") -> ChunkedDocument:
    document = chunk_document(path, text.encode(), ChunkingConfig(strategy, size))  # type: ignore[arg-type]
    assert document.parsed
    assert "".join(chunk.text for chunk in document.chunks) == text
    return document


def outline(document: ChunkedDocument) -> list[tuple[int, str, tuple[str, ...]]]:
    return [(c.span.start_line, c.fragment, c.heading_trail) for c in document.chunks]


def defined(document: ChunkedDocument) -> dict[str, int]:
    return {
        definition.path: definition.line
        for chunk in document.chunks
        for definition in chunk.definitions
        if definition.kind is not ChunkKind.SECTION
    }


def test_markdown() -> None:
    document = chunked("a.md", MARKDOWN)
    assert outline(document) == [
        (1, "", ()),
        (6, "guide-to-app", ("Guide to App",)),
        (10, "usage", ("Guide to App", "Usage")),
        (33, "usage-1", ("Guide to App", "Usage")),
        (37, "setext-one", ("Guide to App", "Setext one")),
    ]
    assert defined(document) == {"foo": 15, "A": 18, "A.run": 19, "inner": 24}
    assert document.title == "The Guide"
    assert document.metadata == {"title": "The Guide", "tags": ["a", "b"], "date": "2024-01-02"}


def test_both_strategies_use_the_section_model() -> None:
    assert chunked("a.md", MARKDOWN) == chunked("a.md", MARKDOWN, strategy="markdown_header")


def test_headings_inside_a_chunk_are_anchors_too() -> None:
    usage = chunked("a.md", MARKDOWN).chunks[2]
    assert matches("a.md#usage", "a.md", usage)
    assert matches("a.md#options", "a.md", usage)
    assert matches("a.md#guide-to-app", "a.md", usage)
    assert not matches("a.md#setext-one", "a.md", usage)


@pytest.mark.parametrize(
    ("front", "metadata"),
    [
        ('+++\ntitle = "T"\n[extra]\nn = 1\n+++\n', {"title": "T", "extra": {"n": 1}}),
        ("---\n- a\n- b\n---\n", {}),
        ("---\na: [broken\n---\n", {}),
        ("---\na: !!python/object:os.system x\n---\n", {}),
    ],
)
def test_front_matter(front: str, metadata: dict[str, object]) -> None:
    assert chunked("a.md", front + "# H\n\ntext\n").metadata == metadata


def test_a_section_over_size_is_cut_at_deeper_headings_and_blocks() -> None:
    table = "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 4
    fence = "```python\n" + "x = 1\n" * 8 + "```\n"
    items = "- one thing\n- two things\n" * 6
    text = f"# T\n\n## A\n\n{'word ' * 50}\n\n### B\n\n{items}\n{table}\n{fence}\n### C\n\ntext\n"
    document = chunked("a.md", text, size=64)
    assert {c.fragment for c in document.chunks} == {"a", "b", "c"}
    assert all(c.token_count <= 64 for c in document.chunks)
    for block in (table, fence, items):
        assert sum(block in c.text for c in document.chunks) == 1
    kinds = {c.kind for c in document.chunks if c.text.strip() in (table.strip(), fence.strip())}
    assert kinds == {ChunkKind.TABLE, ChunkKind.CODE_BLOCK}


def test_a_block_that_does_not_fit_is_cut_at_its_rows() -> None:
    text = "# T\n\n| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 60
    document = chunked("a.md", text, size=64)
    assert [c.kind for c in document.chunks[1:]] == [ChunkKind.TABLE] * (len(document.chunks) - 1)
    assert all(c.text.endswith("|\n") for c in document.chunks)
    assert all(c.token_count <= 64 for c in document.chunks)


def test_restructured_text() -> None:
    document = chunked("a.rst", RST)
    assert outline(document) == [
        (1, "guide", ("Guide",)),
        (9, "usage", ("Guide", "Usage")),
        (25, "next", ("Guide", "Next")),
    ]
    assert defined(document) == {"foo": 16}
    assert (document.title, document.metadata) == ("Guide", {"author": "Me"})


def test_asciidoc() -> None:
    document = chunked("a.adoc", ASCIIDOC)
    assert outline(document) == [
        (1, "guide", ("Guide",)),
        (7, "use", ("Guide", "Usage")),
        (19, "next", ("Guide", "Next")),
    ]
    assert defined(document) == {"foo": 11}
    assert document.metadata == {"author": "Me"}


def test_html() -> None:
    document = chunked("a.html", HTML)
    assert outline(document) == [
        (1, "", ()),
        (4, "guide", ("Guide",)),
        (6, "use-it", ("Guide", "Usage & more")),
        (10, "next", ("Guide", "Next")),
    ]
    assert defined(document) == {"foo": 8}
    assert document.title == "My page"


def test_notebook() -> None:
    document = chunked("a.ipynb", NOTEBOOK)
    assert outline(document) == [
        (1, "", ()),
        (3, "guide", ("Guide",)),
        (8, "usage", ("Guide", "Usage")),
        (22, "next", ("Guide", "Next")),
    ]
    assert defined(document) == {"foo": 15, "A": 18}
    assert document.title == "Guide"


def test_what_is_no_notebook_is_still_chunked() -> None:
    for text in ('{"cells": 1}', '{"cells": [1, {}]}', "[]", '{"cells": [{"source": "x'):
        document = chunk_document("a.ipynb", text.encode(), ChunkingConfig())
        assert "".join(chunk.text for chunk in document.chunks) == text


@pytest.mark.parametrize(
    ("path", "text", "fragments"),
    [
        ("a.org", "* Guide\nIntro\n** TODO Usage :tag:\ntext\n", ["guide", "usage"]),
        ("a.tex", "\\section{One}\ntext\n\\section*{Two}\nx\n", ["one", "two"]),
        ("a.typ", "= One\ntext\n== Two <label>\nx\n", ["one", "two"]),
        ("a.mediawiki", "== One ==\ntext\n== Two ==\nx\n", ["one", "two"]),
        ("a.textile", "h1. One\n\ntext\n\nh2. Two\n\nx\n", ["one", "two"]),
        ("a.pod", "=head1 One\n\ntext\n\n=head2 Two\n\nx\n", ["one", "two"]),
        ("a.1", ".TH ONE 1\n.SH NAME\none\n.SH TWO\nx\n", ["name", "two"]),
        ("a.texi", "@chapter One\ntext\n@section Two\nx\n", ["one", "two"]),
    ],
)
def test_other_markup(path: str, text: str, fragments: list[str]) -> None:
    assert [chunk.fragment for chunk in chunked(path, text).chunks] == fragments
