"""What each vector tier finds, and whether answers get worse while the model's vectors arrive.

    python -m bench.retrieval.tiers QUESTIONS CHECKOUTS --cache DIR --models DIR [--orders 3]

Keywords alone; the static table's documents with the table's own query and with the model's; then
the same with a growing share of the files upgraded to the model's vectors, in random orders. With
``--raw`` the table's vectors are not calibrated, to show what that is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench.retrieval.codesearch import Repository
from bench.retrieval.corpus import Corpus
from bench.retrieval.inmemory import Scores, Variant, evaluate, load, parser, print_row
from coco_core.header import split_identifiers
from coco_core.metrics import average
from coco_core.types import FloatMatrix, FloatVector
from coco_embed.static import StaticEmbedder

_SHARES = (0.1, 0.5, 0.9)


def with_vectors(
    loaded: Sequence[tuple[Repository, Corpus]],
    vectors: Mapping[str, FloatMatrix],
    queries: Mapping[str, dict[str, FloatVector]],
) -> Scores:
    """Ask all questions with other vectors."""
    for repository, corpus in loaded:
        corpus.vectors = vectors[repository.name]
        corpus.query_vectors = queries[repository.name]
    return evaluate(loaded, Variant())


def upgraded(
    corpus: Corpus, static: FloatMatrix, model: FloatMatrix, share: float, seed: int
) -> FloatMatrix:
    """Return static vectors, and the model's for a share of the files, as they are embedded."""
    files = sorted({chunk.doc_id for chunk in corpus.metadata})
    drawn = np.random.default_rng(seed).random(len(files))
    done = {file for file, number in zip(files, drawn, strict=True) if number < share}
    rows = np.array([chunk.doc_id in done for chunk in corpus.metadata])
    return np.where(rows[:, None], model, static)


def main() -> None:
    program = parser(__doc__)
    program.add_argument("--orders", type=int, default=3, help="random orders of the files")
    program.add_argument("--raw", action="store_true", help="leave the calibration out")
    arguments = program.parse_args()
    if arguments.models is None:
        program.error("--models is needed: the tiers are compared with the model")
    loaded = load(arguments)
    table = StaticEmbedder()
    static: dict[str, FloatMatrix] = {}
    model: dict[str, FloatMatrix] = {}
    asked_model = {repository.name: corpus.query_vectors for repository, corpus in loaded}
    asked_static = {
        name: {text: table.embed_query(split_identifiers(text)) for text in questions}
        for name, questions in asked_model.items()
    }
    for repository, corpus in loaded:
        assert corpus.vectors is not None
        model[repository.name] = corpus.vectors
        own = table.embed_documents(corpus.embedding_texts)
        static[repository.name] = own if arguments.raw else table.calibrated(own)

    keywords = evaluate(loaded, Variant("fts"))
    print_row("keywords", keywords, keywords)
    print_row("static, own query", with_vectors(loaded, static, asked_static), keywords)
    print_row("static, model's query", with_vectors(loaded, static, asked_model), keywords)
    for share in _SHARES:
        means = []
        for seed in range(arguments.orders):
            mixed = {
                repository.name: upgraded(
                    corpus, static[repository.name], model[repository.name], share, seed
                )
                for repository, corpus in loaded
            }
            scores = with_vectors(loaded, mixed, asked_model)
            means.append(scores.headline)
            print_row(f"{share:.0%} upgraded, {seed}", scores, keywords)
        print(f"{share:.0%} upgraded: mean {average(means):.4f}", flush=True)
    print_row("model", with_vectors(loaded, model, asked_model), keywords)


if __name__ == "__main__":
    main()
