"""The plain executor: looks at every chunk, one after the other. It judges the fast ones."""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np

from coco_core.bm25 import CorpusStats, TermVector, term_scores
from coco_core.file_names import file_name
from coco_core.filters import matches
from coco_core.query import Query
from coco_core.search.ports import SearchExecutor
from coco_core.search.promising import Promising, promising_chunks
from coco_core.search.request import SearchRequest
from coco_core.tokens import term_id
from coco_core.types import Candidate, CandidateSet, FloatVector
from tests.conformance.corpus import Document


class PlainExecutor:
    """Answers from documents in a list; of some, the vectors may be missing."""

    def __init__(self, documents: Sequence[Document], without_vectors: frozenset[str]) -> None:
        self.documents = documents
        self.without_vectors = without_vectors
        lengths = np.array([t.lengths for d in documents for t in d.terms], np.float32)
        self.stats = CorpusStats(len(lengths), lengths.mean(axis=0))

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        intent, query, limits = request.intent, request.query, request.limits
        passing: list[Candidate] = []
        for document in self.documents:
            for facts, terms, own in zip(
                document.facts, document.terms, document.vectors, strict=True
            ):
                if matches(intent.filters, facts, changed_at=document.changed_at):
                    has_vector = document.doc_id not in self.without_vectors
                    known = query_vector is not None and limits.vector and has_vector
                    vector = float(own @ query_vector) if known else None
                    named = bool(query.name) and np.uint64(term_id(query.name)) in terms.ids
                    score = self.keyword(query, terms)
                    passing.append(Candidate(facts, score, vector, exact_name_match=named))
        found = sorted(passing, key=lambda c: -(c.keyword or 0.0))[: limits.keyword]
        found = [each for each in found if each.keyword]
        embedded = [each for each in passing if each.vector is not None]
        found += sorted(embedded, key=lambda c: -(c.vector or 0.0))[: limits.vector]
        names = {name.casefold() for name in limits.definitions}
        for each in passing:
            if names & {p.rpartition(".")[2].casefold() for p in each.metadata.definitions}:
                found.append(each)
        found += [c for c in passing if file_name(c.metadata.doc_id) in limits.files]
        promising = self.promising(query, {each.metadata.key for each in passing})
        found += [each for each in passing if each.metadata.key in promising.rows]
        covered = sum(c.metadata.doc_id not in self.without_vectors for c in passing)
        return CandidateSet(
            list({each.metadata.key: each for each in found}.values()),
            vector_coverage=covered / len(passing) if passing else 0.0,
            total=self.stats.chunks,
            filtered=len(passing),
            frequencies=promising.frequencies,
            promising=promising.rows,
        )

    def promising(self, query: Query, passing: Set[int]) -> Promising:
        """Keys that are worth reading; rows are keys here."""
        every = [
            (facts.key, terms)
            for document in self.documents
            for facts, terms in zip(document.facts, document.terms, strict=True)
        ]
        size = max((key for key, _ in every), default=-1) + 1
        allowed, keyword = np.zeros(size, np.bool_), np.zeros(size, np.float32)
        allowed[list(passing)] = True
        for key, terms in every:
            keyword[key] = self.keyword(query, terms)
        holding = {
            term: np.array([key for key, own in every if np.uint64(term_id(term)) in own.ids], int)
            for term in query.wording.terms
        }
        return promising_chunks(query.wording, holding, keyword, allowed, len(every))

    def keyword(self, query: Query, terms: TermVector) -> float:
        score = 0.0
        for term in query.terms:
            number = np.uint64(term_id(term))
            place = np.flatnonzero(terms.ids == number)
            if place.size:
                frequency = sum(
                    bool((other.ids == number).any())
                    for document in self.documents
                    for other in document.terms
                )
                lengths = np.array([terms.lengths], np.float32)
                score += float(
                    term_scores(self.stats, frequency, terms.frequencies[place], lengths)[0]
                )
        return score


_: type[SearchExecutor] = PlainExecutor
