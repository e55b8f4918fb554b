"""Fit the static table from public repositories, teacher and all, and write it.

    python -m bench.static.fit_static --clones FOLDER --models FOLDER --cache FOLDER [--out FILE]

CLONES holds a bare git repository ``<owner>+<name>/repo`` for every entry of ``sources.json``;
MODELS is the models folder of a CoCo home; CACHE keeps the model's vectors, so that a run that was
ended goes on where it stopped. Needs scipy. The recipe stands in docs/static-tier.md.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.static.corpus import corpus, languages, read_sources
from bench.static.ridge import calibration, fit, quantized
from bench.static.teacher import taught
from coco_embed.onnx import OnnxEmbedder
from coco_embed.static import TABLE_PATH, StaticEmbedder
from coco_embed.store import ModelStore
from coco_embed.tokenizer import WordPieces

# Texts that the fit never sees: the last of the order, a fair sample like any.
_HELD_OUT = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clones", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=TABLE_PATH)
    parser.add_argument("--per-repository", type=int, default=1_000)
    parser.add_argument("--texts", type=int, help="take the first so many texts of the corpus")
    arguments = parser.parse_args()
    sources = read_sources(Path(__file__).with_name("sources.json"))
    texts = corpus(sources, arguments.clones, arguments.per_repository)[: arguments.texts]
    print(f"{len(texts)} texts of {len(sources)} repositories: {languages(texts).most_common(25)}")

    model = ModelStore(arguments.models).require()
    embedder = OnnxEmbedder(model)
    targets = taught(embedder, [text.text for text in texts], arguments.cache)
    embedder.close()

    vocabulary = _vocabulary(model.tokenizer)
    words = WordPieces.of_vocabulary(vocabulary)
    # The same window as the teacher's, less its two special tokens.
    bags = words.pieces([text.text for text in texts], embedder.max_tokens - 2)
    learned = len(texts) - _HELD_OUT
    rows, mean = fit(bags[:learned], len(vocabulary), targets[:learned])
    table = quantized(vocabulary, rows, mean, model.name)
    table.save(arguments.out)

    unseen, real = [text.text for text in texts[learned:]], targets[learned:]
    own = StaticEmbedder(arguments.out).embed_documents(unseen)
    spread, shift = calibration(own, real)
    replace(table, spread=spread, shift=shift).save(arguments.out)
    cosine = np.sum(own * real, axis=1)
    print(f"{table.name}: {len(table.pieces)} pieces, {arguments.out.stat().st_size:,} bytes")
    print(f"cosine to the model on {len(unseen)} unseen texts: mean {cosine.mean():.4f}")


def _vocabulary(tokenizer: Path) -> list[str]:
    known = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    return sorted(known, key=known.__getitem__)


if __name__ == "__main__":
    main()
