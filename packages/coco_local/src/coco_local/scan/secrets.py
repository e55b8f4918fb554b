"""Files with secrets: private keys, passwords and tokens, by what is in them.

A name decides alone only where files of that name hold nothing else. Source code and documentation
are never secrets: what stands in them is read by everyone who reads the repository.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from coco_core.languages import LanguageKind, language_of_extension
from coco_local.scan.reasons import Reason

__all__ = [
    "JUDGED_BYTES",
    "holds_secret",
    "is_private_key",
    "is_published_key",
    "may_hold_secret",
    "refuse_secret",
    "refuse_secret_file",
]

JUDGED_BYTES: Final = 262_144
"""As much of a file as is looked at: what holds a secret, or is minified, shows it before."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Logins of ftp, Postgres, web servers, git, Docker and Vault: nothing else is ever in them.
_SECRET_NAMES: Final = _words("""
    .netrc _netrc .pgpass .htpasswd .git-credentials .dockercfg .dockerconfigjson .vault-token
    id_rsa id_dsa id_ecdsa id_ed25519 id_ecdsa_sk id_ed25519_sk
""")

# Key stores (PKCS, Java, KeePass, PuTTY, age), and Terraform state, which repeats every password
# that it has set.
_SECRET_SUFFIXES: Final = _words("p12 pfx jks keystore bks kdb kdbx ppk agekey tfstate")

_SECRET_SHAPES: Final = re.compile(
    r"id_(rsa|dsa|ecdsa|ed25519)(_sk)?[.-](old|bak|backup|orig|key|pem|priv|private)"
    r"|.+\.tfstate(\.[\w-]+)?"
)

# Names that also harmless files have: the content decides. Logins of package indexes, clouds and
# clusters, OAuth clients and service accounts.
_NAMES: Final = _words("""
    .npmrc .pypirc .s3cfg .boto .my.cnf .envrc .terraformrc terraform.rc kubeconfig credentials
    token.json tokens.json
""")

_SUFFIXES: Final = _words("pem key gpg pgp asc ovpn tfvars")

_SHAPES: Final = re.compile(
    r"""
    \.env(\..+)?                                  # .env, .env.local, .env.production
    | [\w.-]+\.env                                # production.env
    | (secrets?|credentials|application_default_credentials)\.\w+
    | id_(rsa|dsa|ecdsa|ed25519)(_sk)?[.\w-]*
    | client_secret[\w.-]*\.json
    | [\w.-]*service[_-]?account[\w-]*(\.json)?
    | master\.key
    | .+\.auto\.tfvars(\.json)?
    """,
    re.VERBOSE,
)

# In these every value counts, whatever it is called: nothing else is kept in them.
_ALL_VALUES: Final = re.compile(r"\.env(\..+)?|[\w.-]+\.env|secrets?\.\w+")

# Shown to be filled in: these hold names and no values. Public keys are public.
_HARMLESS: Final = re.compile(
    r".*[._-](example|examples|sample|template|tmpl|tpl|dist|defaults?|schema|pub)(\.\w+)?"
)

_READ_BY_ALL: Final = frozenset({LanguageKind.CODE, LanguageKind.DOCS})

_PRIVATE_KEY: Final = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    # A body of base64, also within a JSON string; a mention in a text has none.
    rb"(?:\\[rn]|\s)+(?:[\w-]+: [^\n]*\n|\s)*[A-Za-z0-9+/=]{16}"
    rb"|^PuTTY-User-Key-File-\d|^AGE-SECRET-KEY-1[0-9A-Z]{16}",
    re.MULTILINE,
)

_SIGNS: Final = (b"PRIVATE KEY", b"PuTTY-User-Key-File", b"AGE-SECRET-KEY")

# Certificates and public keys are made to be shown.
_PUBLIC: Final = re.compile(
    r"-----BEGIN ((?:[A-Z0-9]+ )*(?:CERTIFICATE|PUBLIC KEY|PARAMETERS|CERTIFICATE REQUEST"
    r"|PUBLIC KEY BLOCK|SIGNATURE))-----.*?-----END \1-----",
    re.DOTALL,
)

# ``KEY=value``, ``key: value``, ``"key": "value"``; the value ends with the line.
_ASSIGNMENT: Final = re.compile(
    r"""^[\s\-{,]*(?:export\s+|set\s+)?["']?([\w./:@-]*[\w/])["']?\s*[:=]\s*(.*?)[\s,;}]*$""",
    re.MULTILINE,
)
# The same within one line of JSON.
_JSON_MEMBER: Final = re.compile(r'"([^"\\]+)"\s*:\s*"((?:[^"\\]|\\.)*)"')

_SECRET_KEY: Final = re.compile(
    r"pass(word|wd|phrase|code)?$|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key"
    r"|key[-_]?(data|base)|_auth$|credential|cookie|salt|connection[-_]?string|database[-_]?url",
    re.IGNORECASE,
)

# Words that a person replaces, references to other places, and values that are encrypted.
_PLACEHOLDER: Final = re.compile(
    r"|null|none|nil|~|true|false|[x*.\-_ ]+|<.*>|\$.*|%.*%|\{\{.*|\(.*|\[.*|[{|>&*!@].*|ENC\[.*"
    r"|.*(change[-_ ]?(me|it|this)|example|placeholder|your[-_ ]|todo|dummy|replace|insert|fixme).*"
    r"|(process\.env|os\.environ|env|var|secrets|data|local)[.\[(].*",
    re.IGNORECASE | re.DOTALL,
)

# Letters and digits without a space, as long as the shortest tokens are.
_TOKEN: Final = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])[\w+/=.~-]{20,}")


def refuse_secret(name: str) -> Reason | None:
    """Return why a file of this name is never read, whatever is in it and the rules say."""
    lower = name.lower()
    if (
        lower in _SECRET_NAMES
        or lower.rpartition(".")[2] in _SECRET_SUFFIXES
        or _SECRET_SHAPES.fullmatch(lower)
    ) and not _HARMLESS.fullmatch(lower):
        return Reason.SECRET
    return None


def refuse_secret_file(path: str, name: str) -> Reason | None:
    """Return why a regular file is never read; it is opened where its name does not tell.

    Raises:
        OSError: it is gone or cannot be opened.
    """
    refused = refuse_secret(name)
    if refused is not None or not may_hold_secret(name):
        return refused
    with Path(path).open("rb") as file:
        return Reason.SECRET if holds_secret(name, file.read(JUDGED_BYTES)) else None


def may_hold_secret(name: str) -> bool:
    """Whether a file is called like one with secrets, so that only its content tells."""
    lower = name.lower()
    named = lower in _NAMES or lower.rpartition(".")[2] in _SUFFIXES or _SHAPES.fullmatch(lower)
    return bool(named) and not _HARMLESS.fullmatch(lower) and not _is_read_by_all(lower)


def holds_secret(name: str, data: bytes) -> bool:
    """Whether a file that `may_hold_secret` holds a value that is none to show.

    What it is made of must be understood: a file that is neither empty nor settings is a secret.
    """
    if is_private_key(name, data):
        return True
    text = _uncommented(_PUBLIC.sub("", data.decode("utf-8", "replace")))
    values = _values(text)
    if not values:
        return bool(text.strip())
    every = _ALL_VALUES.fullmatch(name.lower()) is not None
    return any(_is_secret(key, value, every) for key, value in values)


def is_private_key(name: str, data: bytes) -> bool:
    """Whether a file is a private key, or holds one and is no source code or documentation."""
    # Of most files this is all that is looked at.
    found = _PRIVATE_KEY.search(data) if any(sign in data for sign in _SIGNS) else None
    if found is None:
        return False
    return not data[: found.start()].strip() or not _is_read_by_all(name.lower())


def is_published_key(data: bytes) -> bool:
    """Whether a file is nothing but certificates and public keys: numbers for programs."""
    if b"-----BEGIN " not in data:
        return False
    text = data.decode("utf-8", "replace")
    rest = _PUBLIC.sub("", text)
    # Of a long file only the beginning may have been read.
    rest = rest.partition("-----BEGIN CERTIFICATE-----")[0]
    return len(rest) < len(text) and not _uncommented(rest).strip()


def _is_read_by_all(lower: str) -> bool:
    language = language_of_extension(lower.rpartition(".")[2]) if "." in lower[1:] else None
    return language is not None and language.kind in _READ_BY_ALL


def _values(text: str) -> list[tuple[str, str]]:
    found = [(match[1], match[2]) for match in _ASSIGNMENT.finditer(text)]
    found += [(match[1], match[2]) for match in _JSON_MEMBER.finditer(text)]
    return [(key, value.strip().strip("\"'").strip()) for key, value in found]


def _uncommented(text: str) -> str:
    return re.sub(r"^\s*[#;].*|\s#\s.*$", "", text, flags=re.MULTILINE)


def _is_secret(key: str, value: str, every: bool) -> bool:
    if _PLACEHOLDER.fullmatch(value):
        # In a file of values a switch is one, too.
        return every and value.lower() in {"true", "false"}
    if every:
        return True
    if _SECRET_KEY.search(key):
        # An address is where a token comes from; one with a login in it is a secret.
        return "://" not in value or re.search(r"://[^/\s]*:[^/\s]*@", value) is not None
    return _TOKEN.fullmatch(value) is not None and not value.startswith(("http", "/"))
