from __future__ import annotations

import pytest

from coco_local.scan import Reason, refuse_content


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.py", b"x = 1\n", None),
        ("empty.py", b"", None),
        ("a.txt", b"a\0b" * 100, Reason.BINARY),
        ("a.js", b"/*! license */\n" + b"a=b;" * 2000, Reason.MINIFIED),
        ("a.css", b".a{b:c}" * 1000, Reason.MINIFIED),
        ("a.js", b"a=b;" * 100, None),
        ("a.js", b"const a = b;\n" * 2000, None),
        ("data.csv", b"1,2," * 3000, None),
        ("app.map", b'{"version":3,"sources":[]}', Reason.MINIFIED),
        ("level.map", b"#####\n#...#\n", None),
        ("utf16.txt", "hällo\n".encode("utf-16"), None),
    ],
)
def test_what_the_head_says(name: str, content: bytes, reason: Reason | None) -> None:
    assert refuse_content(name, content) == reason
