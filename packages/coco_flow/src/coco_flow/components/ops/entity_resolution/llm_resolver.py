"""The resolver that asks a language model."""

from __future__ import annotations

from typing import Any

import pydantic

from coco_flow import components as coco
from coco_flow.components import deadline
from coco_flow.components.ops.entity_resolution.resolution import CanonicalSide, PairDecision
from coco_flow.errors import missing_extra

try:
    import instructor
    import litellm
except ImportError as error:
    raise missing_extra("LlmPairResolver", "instructor", "litellm") from error

__all__ = ["LlmPairResolver"]

_PROMPT = """\
You decide whether names mean the same thing{kind}. You get one new name and a list of candidates, \
which are names already known.

Answer with JSON:
- "matched": the candidate that means the same as the new name, written exactly as in the list, or \
null if none does. If you are not sure, answer null.
- "canonical": only if there is a match. "new" if the new name is the better one to keep (clearer, \
the usual full form), else "matched".
"""


class Answer(pydantic.BaseModel):
    """What the model answers."""

    matched: str | None = None
    canonical: CanonicalSide = CanonicalSide.MATCHED


class _NotACandidate(Exception):
    """The model named something that it was not offered."""


class LlmPairResolver:
    """Asks a language model through instructor and litellm; answers are memoized across runs."""

    def __init__(
        self,
        *,
        model: str,
        entity_type: str | None = None,
        extra_guidance: str | None = None,
        retries: int = 2,
    ) -> None:
        """Choose the model and its instruction.

        Args:
            model: The model as litellm names it.
            entity_type: What the names are names of, such as "person".
            extra_guidance: Rules of the domain, added to the prompt.
            retries: How often the request is repeated if the answer names none of the candidates.
        """
        self._model = model
        self._retries = retries
        kind = f" of type {entity_type!r}" if entity_type else ""
        guidance = f"\nAdditional guidance:\n{extra_guidance}" if extra_guidance else ""
        self._system_prompt = _PROMPT.format(kind=kind) + guidance
        self._client: Any = None

    def __coco_memo_key__(self) -> object:
        """Identify the model and its instruction."""
        return (self._model, self._system_prompt)

    def __getstate__(self) -> dict[str, Any]:
        # A client holds connections; another process makes its own.
        return {**self.__dict__, "_client": None}

    @coco.fn(memo=True, logic_tracking="self")
    async def __call__(self, entity: str, candidates: list[str]) -> PairDecision:
        """Return the decision; none if the model keeps naming what it was not offered."""
        listed = "\n".join(f"- {candidate!r}" for candidate in candidates)
        messages = [
            {"role": "system", "content": self._system_prompt},
            {"role": "user", "content": f"New name: {entity!r}\n\nCandidates:\n{listed}"},
        ]

        async def ask() -> PairDecision:
            answer: Answer = await self._get_client().chat.completions.create(
                model=self._model, response_model=Answer, messages=messages
            )
            if answer.matched is None or answer.matched in candidates:
                return PairDecision(answer.matched, answer.canonical)
            complaint = (
                f"{answer.matched!r} is not one of the candidates {candidates!r}: "
                'name one of them as "matched", or null.'
            )
            messages.append({"role": "assistant", "content": answer.model_dump_json()})
            messages.append({"role": "user", "content": complaint})
            raise _NotACandidate(complaint)

        try:
            return await deadline.retry_transient(
                ask,
                retry_on=(_NotACandidate,),
                max_attempts=1 + self._retries,
                backoff=lambda _attempt: 0.0,
            )
        except _NotACandidate:
            return PairDecision()

    def _get_client(self) -> Any:
        if self._client is None:
            self._client = instructor.from_litellm(litellm.acompletion, mode=instructor.Mode.JSON)
        return self._client
