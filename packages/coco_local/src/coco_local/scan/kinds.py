"""File exclusion by name: secrets, lock files, minified bundles, binaries."""

from __future__ import annotations

import re
from typing import Final

from coco_local.scan.reasons import Reason

__all__ = ["refuse_noise", "refuse_secret"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Where programs keep passwords and tokens in clear text: logins of ftp and Postgres, of package
# indexes (.npmrc and .pypirc carry upload tokens), git, Docker, Kubernetes, AWS, Vault, htpasswd.
_SECRET_NAMES: Final = _words("""
    .netrc _netrc .pgpass .npmrc .pypirc .htpasswd .git-credentials .dockercfg .dockerconfigjson
    .vault-token .s3cfg .boto .my.cnf kubeconfig credentials credentials.json credentials.csv
    application_default_credentials.json serviceaccountkey.json service-account.json
    service_account.json secrets.yml secrets.yaml secrets.json secrets.toml secrets.env
    master.key token.json .envrc .terraformrc terraform.rc
""")

# Private keys and key stores (PEM, PKCS, Java, PuTTY, KeePass, GnuPG), VPN profiles with keys
# inside, and Terraform state, which repeats every password that it has set.
_SECRET_SUFFIXES: Final = _words("""
    pem key p8 p12 pfx jks keystore bks ppk kdb kdbx gpg pgp ovpn tfstate tfvars agekey
""")

_SECRET_SHAPES: Final = re.compile(
    r"""
    \.env(\..+)?                                  # .env, .env.local, .env.production
    | [\w.-]+\.env                                # production.env
    | id_(rsa|dsa|ecdsa|ed25519)(_sk)?([.\w-]*)   # SSH keys
    | client_secret[\w.-]*\.json                  # OAuth
    | [\w.-]*service[_-]?account[\w-]*\.json
    | .+\.tfstate(\.[\w-]+)?
    | .+\.auto\.tfvars(\.json)?
    """,
    re.VERBOSE,
)

# Shown to be filled in: these hold names and no values. Public keys are public.
_HARMLESS: Final = re.compile(
    r".*[._-](example|examples|sample|template|tmpl|tpl|dist|defaults?|schema|pub)(\.\w+)?"
)

# Written by package managers for themselves; thousands of hashes that no question is about.
_LOCKS: Final = _words("""
    package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb deno.lock
    cargo.lock poetry.lock uv.lock pdm.lock pixi.lock pipfile.lock conda-lock.yml gemfile.lock
    composer.lock go.sum go.work.sum mix.lock pubspec.lock podfile.lock package.resolved
    cartfile.resolved packages.lock.json paket.lock project.assets.json gradle.lockfile flake.lock
    module.bazel.lock .terraform.lock.hcl chart.lock rebar.lock shard.lock stack.yaml.lock
    cabal.project.freeze manifest.lock .package-lock.json buf.lock
""")

_MINIFIED: Final = re.compile(
    r".+([.-]min\.(js|mjs|cjs|css|html|json)|\.(js|mjs|cjs|css|ts)\.map|\.(bundle|chunk)\.(js|css))"
)

# Formats that are never text. Names that are also used for text (.ts, .mod, .dat, .mo) are not
# here: the head of the file decides about those when it is read.
_BINARY: Final = _words("""
    png jpg jpeg gif bmp ico icns tif tiff webp avif heic heif psd ai eps xcf cr2 nef dng jp2 jxl
    mp3 mp4 m4a m4v wav flac ogg oga ogv opus aac wma mov avi mkv webm wmv flv mpg mpeg 3gp aiff mid
    zip gz tgz bz2 xz txz zst lz4 7z rar tar jar war ear whl egg gem nupkg deb rpm apk ipa dmg iso
    img cab msi msix appx crx xpi vsix lzma br cpio
    exe dll so dylib a o obj lib pdb class pyc pyo pyd elc beam wasm node rlib rmeta ko sys ilk
    pdf doc docx xls xlsx ppt pptx odt ods odp rtfd epub mobi djvu
    ttf otf woff woff2 eot pfb pfm
    db sqlite sqlite3 mdb accdb ldb sst parquet orc avro feather arrow lance npy npz mat h5 hdf5
    rds rdata pkl pickle joblib onnx pt pth ckpt safetensors gguf ggml tflite pb caffemodel mlmodel
    keras blend fbx glb stl 3ds unitypackage uasset umap pak swf fla
    bin dex pcap pcapng dmp swp swo gmo tfrecord
""")


def refuse_secret(name: str) -> Reason | None:
    """Return why a file of this name is never read, whatever the rules say."""
    lower = name.lower()
    suffix = lower.rpartition(".")[2]
    if (
        lower in _SECRET_NAMES or suffix in _SECRET_SUFFIXES or _SECRET_SHAPES.fullmatch(lower)
    ) and not _HARMLESS.fullmatch(lower):
        return Reason.SECRET
    return None


def refuse_noise(name: str) -> Reason | None:
    """Return why a file of this name is not worth a place; a rule that asks for it wins."""
    lower = name.lower()
    stem, _, suffix = lower.rpartition(".")
    if stem and suffix in _BINARY:
        return Reason.BINARY
    if lower in _LOCKS:
        return Reason.LOCK
    if _MINIFIED.fullmatch(lower):
        return Reason.MINIFIED
    return None
