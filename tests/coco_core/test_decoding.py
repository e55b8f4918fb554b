from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core.decoding import decode, is_binary

FRENCH = "Voilà l'été, où le garçon préféré mange des crêpes brûlées à Noël.\n" * 4
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю.\n" * 6
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n" * 6


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        (b"plain", "plain", "utf-8"),
        ("é".encode(), "é", "utf-8"),
        (codecs.BOM_UTF8 + b"x", "x", "utf-8"),
        (codecs.BOM_UTF16_LE + "aé\n".encode("utf-16-le"), "aé\n", "utf-16-le"),
        (codecs.BOM_UTF16_BE + "aé\n".encode("utf-16-be"), "aé\n", "utf-16-be"),
        (codecs.BOM_UTF32_LE + "aé".encode("utf-32-le"), "aé", "utf-32-le"),
        ("hello world\n".encode("utf-16-le"), "hello world\n", "utf-16-le"),
        (FRENCH.encode("cp1252"), FRENCH, "cp1252"),
        (b"caf\xe9 \x81", "caf\xe9 \x81", "latin-1"),
        (b"", "", "utf-8"),
    ],
)
def test_decode(data: bytes, text: str, encoding: str) -> None:
    source = decode(data)
    assert (source.text, source.encoding) == (text, encoding)


@pytest.mark.parametrize(
    ("text", "encoding"), [(RUSSIAN, "cp1251"), (JAPANESE, "shift_jis"), (JAPANESE, "euc_jp")]
)
def test_other_alphabets_are_detected(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


def test_a_few_broken_bytes_do_not_spoil_utf8() -> None:
    data = JAPANESE.encode() + b"broken \xff here\nend\n"
    source = decode(data)
    assert source.text.startswith(JAPANESE)
    lines = source.lines()
    assert data[lines.disk[-2] :] == b"end\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", False),
        (b"text\n", False),
        (b"\x00\x01\x02binary", True),
        (codecs.BOM_UTF16_LE + "text".encode("utf-16-le"), False),
        ("a long enough text".encode("utf-16-be"), False),
        (b"%PDF-1.7 looks like text", True),
        (bytes(range(1, 32)) * 10, True),
        ("naïve café".encode("latin-1"), False),
    ],
)
def test_is_binary(data: bytes, expected: bool) -> None:
    assert is_binary(data) is expected


@given(st.binary())
def test_anything_decodes_and_its_lines_cover_the_file(data: bytes) -> None:
    source = decode(data)
    lines = source.lines()
    assert lines.chars[0] == 0
    assert lines.chars[-1] == len(source.text)
    assert lines.disk[0] == (source.mark if source.text else lines.disk[0])
    assert lines.disk[-1] == len(data)
    assert lines.disk == sorted(lines.disk)
    assert len(lines.chars) == len(lines.utf8) == len(lines.disk)


TEXT = st.text(st.sampled_from("ab\n\r\té漢😀"), max_size=60)


@given(TEXT, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]), st.data())
def test_places_lead_back_to_the_file(text: str, encoding: str, data: st.DataObject) -> None:
    raw = text.encode(encoding)
    source = decode(raw)
    assert source.text == text
    offset = data.draw(st.integers(0, len(text)))
    line, byte = source.position(offset)
    bare = source.encoding
    assert raw[byte:].decode(bare) == text[offset:]
    if offset < len(text):
        assert line == text.count("\n", 0, offset) + 1
    index = source.lines()
    assert index.char_of_utf8(len(text[:offset].encode())) == offset


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text", ["第一行\nint total;\n", "你好世界\n", "Привет, мир\n", "こんにちは 世界\n"]
)
def test_wide_text_of_other_scripts_needs_no_mark(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    assert not is_binary(data)
    assert decode(data).text == text
