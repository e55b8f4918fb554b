"""File exclusion by name: lock files and binaries."""

from __future__ import annotations

from typing import Final

from coco_local.scan.reasons import Reason

__all__ = ["refuse_noise"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Written by package managers for themselves; thousands of hashes that no question is about.
_LOCKS: Final = _words("""
    package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb deno.lock
    cargo.lock poetry.lock uv.lock pdm.lock pixi.lock pipfile.lock conda-lock.yml gemfile.lock
    composer.lock go.sum go.work.sum mix.lock pubspec.lock podfile.lock package.resolved
    cartfile.resolved packages.lock.json paket.lock project.assets.json gradle.lockfile flake.lock
    module.bazel.lock .terraform.lock.hcl chart.lock rebar.lock shard.lock stack.yaml.lock
    cabal.project.freeze manifest.lock .package-lock.json buf.lock
""")

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


def refuse_noise(name: str) -> Reason | None:
    """Return why a file of this name is not worth a place; a rule that asks for it wins."""
    lower = name.lower()
    stem, _, suffix = lower.rpartition(".")
    if stem and suffix in _BINARY:
        return Reason.BINARY
    if lower in _LOCKS:
        return Reason.LOCK
    return None
