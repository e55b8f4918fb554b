from __future__ import annotations

import pytest

from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.types import Chunk, Definition
from coco_experiments.docstrings import definition_paragraph, section_paragraph


def found(path: str, source: str, name: str) -> tuple[Chunk, Definition]:
    chunks = chunk_document(path, source.encode(), ChunkingConfig()).chunks
    (pair,) = [
        (chunk, definition)
        for chunk in chunks
        for definition in chunk.definitions
        if name in {definition.name, definition.title}
    ]
    return pair


PYTHON = '''\
def run(
    a: int,  # first:
) -> None:
    r"""Go
    on.

    No."""
'''

PYTHON_CLASS = '''\
class Job:
    """Go on.

    Args:
        x: no.
    """
    x = 1
'''

C = """\
/*!
 * \\brief Goes on
 * here.
 * @param x no
 */
static int
run(int x)
{
  return x;
}
"""

CSHARP = """\
class A {
    /// <summary>
    /// Goes on.
    /// </summary>
    /// <param name="x">no</param>
    [Pure]
    public void Run(int x) {}
}
"""

JAVA = """\
class A {
    /** Goes on. */
    @Override
    public void run() {}
}
"""

ELIXIR = '''\
defmodule A do
  @doc """
  Goes on.

  No.
  """
  @spec run(integer) :: integer
  def run(x), do: x
end
'''


@pytest.mark.parametrize(
    ("path", "source", "name", "paragraph"),
    [
        ("a.py", PYTHON, "run", "Go on."),
        ("a.py", "def run():\n    '''Go on.'''\n", "run", "Go on."),
        ("a.py", PYTHON_CLASS, "Job", "Go on."),
        ("a.py", "# No docstring.\ndef run():\n    return '''no'''\n", "run", ""),
        ("a.rs", "/// Goes on.\n///\n/// No.\n#[inline]\npub fn run() {}\n", "run", "Goes on."),
        ("a.c", C, "run", "Goes on here."),
        ("a.cs", CSHARP, "Run", "<summary> Goes on. </summary>"),
        ("a.java", JAVA, "run", "Goes on."),
        ("a.rb", "# Goes on\n# here.\ndef run\nend\n", "run", "Goes on here."),
        ("a.lua", "--- Goes on.\nfunction run() end\n", "run", "Goes on."),
        ("a.hs", "-- | Goes on.\nrun :: Int\nrun = 1\n", "run", "Goes on."),
        ("a.ex", ELIXIR, "run", "Goes on."),
        ("a.go", "var x = 1 // no\n\nfunc Run() {}\n", "Run", ""),
        ("a.js", "// Goes on.\n\nfunction run() {}\n", "run", ""),
    ],
)
def test_what_documents_a_definition(path: str, source: str, name: str, paragraph: str) -> None:
    assert definition_paragraph(*found(path, source, name)) == paragraph


@pytest.mark.parametrize(
    ("path", "source", "paragraph"),
    [
        ("a.md", "# Top\n\nFirst line,\nsecond line.\n\nNext.\n", "First line, second line."),
        ("a.md", "# Top\n\n```\ncode\n```\n\nText.\n", ""),
        ("a.md", "# Top\nBefore a list:\n- one\n", "Before a list:"),
        ("a.md", "# Top\n\n## Below\n\nNot mine.\n", ""),
        ("a.md", "Top\n===\n\nText.\n", "Text."),
        ("a.rst", "Top\n---\n\nText\nruns on.\n", "Text runs on."),
        ("a.rst", "Top\n---\n\n.. note:: no\n\nText.\n", ""),
        ("a.adoc", "= Top\n\nText.\n", "Text."),
    ],
)
def test_the_first_paragraph_of_a_section(path: str, source: str, paragraph: str) -> None:
    assert section_paragraph(*found(path, source, "Top")) == paragraph
