"""The function that has a language model fill a value of a Python type."""

from __future__ import annotations

from typing import Any

from coco_flow.llm.client import GenerationClient, deployment_of
from coco_flow.llm.spec import LlmSpec
from coco_flow.llm.structured import StructuredGenerator
from coco_flow.op.definition import executor_class
from coco_flow.op.spec import FunctionSpec

__all__ = ["ExtractByLlm", "ExtractByLlmExecutor"]


class ExtractByLlm(FunctionSpec):
    """Extracts a value from a text, an image or both with a language model.

    Attributes:
        llm_spec: The model.
        output_type: The type of the value. The docstrings of its classes, the names of fields and
            Pydantic's descriptions of them instruct the model.
        instruction: Further instructions for the model.
    """

    llm_spec: LlmSpec
    output_type: type
    instruction: str | None = None


@executor_class(cache=True, behavior_version=1)
class ExtractByLlmExecutor:
    """Runs `ExtractByLlm`."""

    none_of_nothing = True

    spec: ExtractByLlm
    _generator: StructuredGenerator

    def analyze(self) -> Any:
        """Prepare the requests and return the output type.

        Raises:
            DefinitionError: The provider does not generate, or the type has no JSON schema.
        """
        llm = self.spec.llm_spec
        client = GenerationClient(
            llm.api_type,
            llm.model,
            address=llm.address,
            api_key=llm.api_key,
            api_config=llm.api_config,
        )
        self._generator = StructuredGenerator(client, self.spec.output_type, self.spec.instruction)
        return self.spec.output_type

    def cache_identity(self) -> list[Any]:
        """Return what decides the values: the model, the instruction and the schema, but no key."""
        llm = self.spec.llm_spec
        return [
            llm.api_type.value,
            llm.model,
            llm.address,
            deployment_of(llm.api_config),
            self.spec.instruction,
            self._generator.schema,
        ]

    async def __call__(self, text: str | None = None, image: bytes | None = None) -> Any:
        """Return what the model finds; None if there is neither a text nor an image.

        Raises:
            CocoError: See `coco_flow.llm.structured.StructuredGenerator.generate`.
        """
        if text is None and image is None:
            return None
        return await self._generator.generate(text, image)
