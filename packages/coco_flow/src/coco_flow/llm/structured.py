"""Structured generation: a model's answer as a value of a Python type, corrected if invalid."""

from __future__ import annotations

import json
from typing import Any

from coco_core.errors import InvalidInput, Unreadable
from coco_flow.llm.answers import InvalidAnswer, read_answer
from coco_flow.llm.client import GenerationClient
from coco_flow.llm.json_schema import build_schema
from coco_flow.llm.protocol import Answer, Correction, GenerateRequest

__all__ = ["StructuredGenerator"]

_TASK = (
    "You turn an input, which is a text, an image or both, into structured data. Take everything "
    "from the input and invent nothing. Answer with JSON of the required form and nothing else: "
    "no explanation and no code fence."
)
_SCHEMA = "The JSON schema of the answer:"
_EMPTY = "(The input is empty.)"
# A model that has not corrected its answer after two tries rarely does later.
_CORRECTIONS = 2
# Words with which servers refuse a structured mode that they do not have.
_STRUCTURE_WORDS = ("response_format", "json_schema", "schema", "format", "tool")
_REFUSED = frozenset({400, 422, 501})
_SHOWN = 2000


class StructuredGenerator:
    """A model, an instruction, and the type of its answers; usable from any event loop."""

    def __init__(
        self, client: GenerationClient, output_type: Any, instruction: str | None = None
    ) -> None:
        """Prepare the requests.

        Raises:
            DefinitionError: The type has no JSON schema.
        """
        self._client = client
        self._type = output_type
        self._schema = build_schema(output_type, client.dialect)
        self._structured = True
        self._system = "\n\n".join(part for part in (_TASK, instruction) if part)

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the answers."""
        return self._schema.document

    async def generate(self, text: str | None, image: bytes | None = None) -> Any:
        """Return the value that the model makes of a text, an image or both.

        Raises:
            Unreadable: No answer was valid; the details have the last one.
            CocoError: The provider cannot be asked; see `coco_flow.llm.http.post`.
        """
        prompt = text if text and text.strip() else "" if image is not None else _EMPTY
        corrections: tuple[Correction, ...] = ()
        while True:
            answer = await self._ask(prompt, image, corrections)
            try:
                return read_answer(answer.text, self._type, json_as_text=self._schema.json_as_text)
            except InvalidAnswer as error:
                if answer.cut:
                    raise self._invalid(
                        answer, ["the answer was cut at the model's longest output"], 1
                    ) from error
                if len(corrections) == _CORRECTIONS:
                    raise self._invalid(answer, error.problems, 1 + _CORRECTIONS) from error
                corrections = (*corrections, _correction(answer, error.problems))

    async def _ask(
        self, prompt: str, image: bytes | None, corrections: tuple[Correction, ...]
    ) -> Answer:
        structured = self._structured
        try:
            return await self._client.generate(
                self._request(prompt, image, corrections, structured)
            )
        except InvalidInput as error:
            said = error.message.lower()
            if (
                not structured
                or error.details.get("status") not in _REFUSED
                or not any(word in said for word in _STRUCTURE_WORDS)
            ):
                raise
            # A server without a structured mode: from now on the prompt alone has the schema.
            answer = await self._client.generate(self._request(prompt, image, corrections, False))
            self._structured = False
            return answer

    def _request(
        self,
        prompt: str,
        image: bytes | None,
        corrections: tuple[Correction, ...],
        structured: bool,
    ) -> GenerateRequest:
        system = self._system
        if self._client.dialect.in_prompt or not structured:
            schema = json.dumps(self._schema.document, ensure_ascii=False)
            system = f"{system}\n\n{_SCHEMA}\n{schema}"
        return GenerateRequest(
            self._client.model, system, prompt, self._schema, image, corrections, structured
        )

    def _invalid(self, answer: Answer, problems: list[str], attempts: int) -> Unreadable:
        times = "its answer" if attempts == 1 else f"{attempts} answers"
        return Unreadable(
            f"The model {self._client.model!r} of {self._client.provider.title} gave no valid "
            f"value in {times}: {'; '.join(problems)}.",
            hint="Simplify the output type, improve the instruction, or use a stronger model.",
            details={"answer": answer.text[:_SHOWN], "problems": problems},
        )


def _correction(answer: Answer, problems: list[str]) -> Correction:
    listed = "\n".join(f"- {problem}" for problem in problems)
    return Correction(
        answer.text.strip() or "(nothing)",
        f"That answer is not valid:\n{listed}\n"
        "Answer again with the complete, corrected JSON and nothing else.",
    )
