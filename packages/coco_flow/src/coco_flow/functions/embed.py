"""The function that embeds texts with a model behind a provider's API."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coco_core.errors import Unreadable
from coco_flow.auth import TransientAuthEntryReference
from coco_flow.errors import DefinitionError
from coco_flow.functions.vectors import vector_type
from coco_flow.llm.client import EmbeddingClient, deployment_of
from coco_flow.llm.dimensions import known_dimension
from coco_flow.llm.spec import AzureOpenAiConfig, LlmApiType, OpenAiConfig, VertexAiConfig
from coco_flow.op.definition import executor_class
from coco_flow.op.options import ArgRelationship
from coco_flow.op.spec import FunctionSpec

__all__ = ["EmbedText", "EmbedTextExecutor"]

# Split into requests of 64 texts, which are sent in parallel.
_LARGEST_BATCH = 512


class EmbedText(FunctionSpec):
    """Embeds a text with a model behind an API.

    Attributes:
        api_type: The provider.
        model: The provider's name of the model.
        address: Base URL; by default the provider's environment variable, then its own address.
        output_dimension: Length of the vectors that the provider is asked for.
        expected_output_dimension: Length of the vectors that it gives; by default
            `output_dimension`, then what is known of the model.
        task_type: What the vectors are for, in the provider's words.
        api_config: What else the provider needs to know.
        api_key: Entry with the key; by default the provider's environment variable.
    """

    api_type: LlmApiType
    model: str
    address: str | None = None
    output_dimension: int | None = None
    expected_output_dimension: int | None = None
    task_type: str | None = None
    api_config: VertexAiConfig | OpenAiConfig | AzureOpenAiConfig | None = None
    api_key: TransientAuthEntryReference[str] | None = None


@executor_class(
    cache=True,
    behavior_version=1,
    batching=True,
    max_batch_size=_LARGEST_BATCH,
    arg_relationship=(ArgRelationship.EMBEDDING_ORIGIN_TEXT, "text"),
)
class EmbedTextExecutor:
    """Runs `EmbedText`."""

    spec: EmbedText
    _client: EmbeddingClient
    _dimension: int

    def analyze(self) -> Any:
        """Check the spec and return the type of the vectors.

        Raises:
            DefinitionError: The provider has no embeddings, or their length is not known.
        """
        spec = self.spec
        self._client = EmbeddingClient(
            spec.api_type,
            spec.model,
            address=spec.address,
            api_key=spec.api_key,
            api_config=spec.api_config,
        )
        dimension = (
            spec.expected_output_dimension
            or spec.output_dimension
            or known_dimension(spec.api_type, spec.model)
        )
        if dimension is None:
            raise DefinitionError(
                f"The length of the vectors of {spec.model!r} is not known for "
                f"{self._client.provider.title}.",
                hint="Pass expected_output_dimension=N, or output_dimension=N to ask for a length.",
            )
        if dimension < 1:
            raise DefinitionError(
                f"The model {spec.model!r} cannot have vectors of length {dimension}.",
                hint="Give a number above 0.",
            )
        self._dimension = dimension
        return vector_type(dimension)

    def cache_identity(self) -> list[Any]:
        """Return what decides the vectors: no key, and not how long they were expected to be."""
        spec = self.spec
        return [
            spec.api_type.value,
            spec.model,
            spec.address,
            spec.output_dimension,
            spec.task_type,
            deployment_of(spec.api_config),
        ]

    async def __call__(self, text: list[str]) -> list[NDArray[np.float32]]:
        """Return the vectors of the texts.

        Raises:
            Unreadable: The vectors have another length than was declared.
        """
        spec = self.spec
        vectors = await self._client.embed(
            text, output_dimension=spec.output_dimension, task_type=spec.task_type
        )
        for vector in vectors:
            if len(vector) != self._dimension:
                asked = (
                    f"Set output_dimension to {len(vector)}, or leave it out."
                    if spec.output_dimension is not None
                    else f"Set expected_output_dimension to {len(vector)}."
                )
                raise Unreadable(
                    f"{self._client.provider.title} sent a vector of {spec.model!r} with "
                    f"{len(vector)} numbers; {self._dimension} were expected.",
                    hint=asked,
                )
        return vectors
