"""What only the content shows: binaries, private keys, and code that a program packed."""

from __future__ import annotations

import pytest

from coco_local.scan import Reason, refuse_content

_WORKER = b"self.onmessage = (event) => {\n  postMessage(TABLE[event.data]);\n};\n"
_PAGE = b"<html>\n<body>\n<h1>Shop</h1>\n<p>Pay here.</p>\n%s\n</body>\n</html>\n"
_BODY = b"MIIEpAIBAAKCAQEA1234567890abcdefghij\n"
_KEY = b"-----BEGIN RSA PRIVATE KEY-----\n" + _BODY + b"-----END RSA PRIVATE KEY-----\n"
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n" + _BODY + b"-----END CERTIFICATE-----\n"
_SVG = b'<img src="data:image/svg+xml;utf8,<svg ' + b"a(b);" * 2000 + b'">'
_ACCOUNT = b'{"private_key": "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhki"}'
_PACKED = b'!function(t,e){for(var n=0;n<e.length;n++)t.push(e[n].call(t,{k:"v"}))}(a,b);'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.py", b"x = 1\n"),
        ("empty.py", b""),
        ("a.js", b"a=b;" * 100),
        ("a.js", b"const a = b;\n" * 2000),
        ("data.csv", b"1,2," * 3000),
        ("level.map", b"#####\n#...#\n"),
        ("utf16.txt", "hällo\n".encode("utf-16")),
        ("app.bundle.js", b"export { pay } from './pay.js';\nexport { cart } from './cart.js';\n"),
        (
            "index.html",
            _PAGE % (b'<img src="data:image/png;base64,' + b"iVBORw0KGgo" * 800 + b'">'),
        ),
        ("index.html", _PAGE % (_SVG)),
        ("worker.js", b"const TABLE = [" + b"17,42," * 1500 + b"0];\n" + _WORKER),
        ("worker.js", b'const TABLE = "' + b"a(b);{c}" * 1200 + b'";\n' + _WORKER),
        (
            "style.css",
            b"a {\n  background: url(data:image/png;base64," + b"iVBO" * 3000 + b");\n}\n",
        ),
        ("helper.js", _WORKER * 60 + _PACKED * 40 + b"\n"),
        (
            "page.html",
            b"<p>" + b"The parcel leaves the warehouse on <b>Monday</b>. " * 300 + b"</p>\n",
        ),
        ("parse.py", b"if line == '-----BEGIN RSA PRIVATE KEY-----':\n    pass\n"),
        ("tls_test.go", b"const key = `" + _KEY + b"`\n"),
        ("README.md", b"Keys look like this:\n\n" + _KEY),
    ],
)
def test_source_and_text_are_indexed(name: str, content: bytes) -> None:
    assert refuse_content(name, content) is None


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"a\0b" * 100, Reason.BINARY),
        ("a.js", b"/*! license */\n" + b"a=b;" * 2000, Reason.MINIFIED),
        ("a.css", b".a{b:c}" * 1000, Reason.MINIFIED),
        ("a.js", b"/*!\n" + b" * license\n" * 900 + b" */\n" + _PACKED * 200, Reason.MINIFIED),
        ("a.js", (_PACKED * 7 + b"\n") * 30, Reason.MINIFIED),
        ("a.js", (b"var css=`\n.a {\n  b: c;\n}\n`;" + _PACKED * 60 + b"\n") * 9, Reason.MINIFIED),
        ("searchindex.js", b"Search.setIndex({" + b'"page":12,' * 900 + b"})", Reason.MINIFIED),
        ("index.html", b"<html><body>" + b"<div class=a><i id=b></i></div>" * 300, Reason.MINIFIED),
        ("app.map", b'{"version":3,"sources":[]}', Reason.MINIFIED),
        (
            "app.js.map",
            b'{\n "version": 3,\n "file": "a.js",\n "mappings": "AAAA"\n}',
            Reason.MINIFIED,
        ),
        ("ca.crt", b"# Root of trust\n" + _CERTIFICATE * 3, Reason.MINIFIED),
        ("deploy", _KEY, Reason.SECRET),
        ("notes.txt", b"The key of the server:\n" + _KEY, Reason.SECRET),
        ("key.md", _KEY, Reason.SECRET),
        ("shop.json", _ACCOUNT, Reason.SECRET),
        (
            "backup.asc",
            b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n" + _BODY,
            Reason.SECRET,
        ),
        ("login", b"PuTTY-User-Key-File-2: ssh-rsa\n", Reason.SECRET),
    ],
)
def test_what_only_programs_read_and_what_is_a_key_is_left_out(
    name: str, content: bytes, reason: Reason
) -> None:
    assert refuse_content(name, content) == reason
