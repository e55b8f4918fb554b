"""The function that splits a document with CoCo's own chunkers."""

from __future__ import annotations

from typing import Any

from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig, SizeUnit, StrategyName
from coco_core.errors import InvalidConfig
from coco_core.types import Chunk
from coco_flow.errors import DefinitionError
from coco_flow.functions.chunk_table import chunk_rows, chunk_table_type
from coco_flow.op.definition import executor_class
from coco_flow.op.options import ArgRelationship
from coco_flow.op.spec import FunctionSpec
from coco_flow.text.chunks import locate
from coco_flow.types.schema import (
    BasicValueType,
    EnrichedValueType,
    FieldSchema,
    VectorTypeSchema,
)

__all__ = ["ChunkDocument", "ChunkDocumentExecutor"]

_TEXT = BasicValueType("Str")
_TEXTS = BasicValueType("Vector", vector=VectorTypeSchema(_TEXT, None))

_FIELDS = (
    FieldSchema("kind", EnrichedValueType(_TEXT), "function, class, method, section, table…"),
    FieldSchema("language", EnrichedValueType(_TEXT), "language of the chunk"),
    FieldSchema("symbol", EnrichedValueType(_TEXT), "dotted path of the definition, or empty"),
    FieldSchema("signature", EnrichedValueType(_TEXT), "head of the definition, or empty"),
    FieldSchema("heading_trail", EnrichedValueType(_TEXTS), "headings above, outermost first"),
    FieldSchema("fragment", EnrichedValueType(_TEXT), "what follows # in a link to the chunk"),
    FieldSchema("token_count", EnrichedValueType(BasicValueType("Int64")), "estimated tokens"),
)


class ChunkDocument(FunctionSpec):
    """Splits a document along its definitions or headings, and describes each chunk.

    The table has the fields of `SplitRecursively`, and kind, language, symbol, signature,
    heading_trail, fragment and token_count.

    Attributes:
        chunk_size: Upper bound of a chunk, in `unit`.
        chunk_overlap: What neighbors share, in `unit`.
        unit: Tokens (an estimate of word pieces) or characters.
        strategy_name: How documents are split; "ast" follows each language's structure.
    """

    chunk_size: int = 256
    chunk_overlap: int = 0
    unit: SizeUnit = "tokens"
    strategy_name: StrategyName = "ast"


@executor_class(behavior_version=1, arg_relationship=(ArgRelationship.CHUNKS_BASE_TEXT, "content"))
class ChunkDocumentExecutor:
    """Runs `ChunkDocument`."""

    spec: ChunkDocument
    returns_engine_values = True
    _config: ChunkingConfig

    def analyze(self) -> EnrichedValueType:
        """Check the sizes and return the type of the table."""
        try:
            self._config = ChunkingConfig(
                strategy_name=self.spec.strategy_name,
                chunk_size=self.spec.chunk_size,
                chunk_overlap=self.spec.chunk_overlap,
                unit=self.spec.unit,
            )
        except InvalidConfig as error:
            raise DefinitionError(error.message, hint=error.hint) from error
        return chunk_table_type(*_FIELDS)

    def __call__(self, content: str, filename: str) -> list[Any]:
        """Return the table of chunks.

        Args:
            content: the document's text.
            filename: its name or path, which decides the language.
        """
        data = content.encode()
        chunks = chunk_document(filename, data, self._config).chunks
        starts = locate(data, [chunk.span.start_byte for chunk in chunks])
        ends = locate(data, [chunk.span.end_byte for chunk in chunks])
        rows = chunk_rows(content, zip(starts, ends, strict=True))
        facts = {
            (start[1], end[1]): _facts(chunk)
            for chunk, start, end in zip(chunks, starts, ends, strict=True)
        }
        return [[*row, *facts[row[0]]] for row in rows]


def _facts(chunk: Chunk) -> list[Any]:
    return [
        str(chunk.kind),
        chunk.language,
        chunk.symbol,
        chunk.signature,
        list(chunk.heading_trail),
        chunk.fragment,
        chunk.token_count,
    ]
