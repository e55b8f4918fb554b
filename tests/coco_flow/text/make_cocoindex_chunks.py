"""Records the chunks that CocoIndex makes of the samples, in `cocoindex_chunks.json`.

Run it with a Python that has cocoindex 1.0.26: python tests/coco_flow/text/make_cocoindex_chunks.py
"""

from __future__ import annotations

import json
from pathlib import Path

from cocoindex.ops.text import RecursiveSplitter, detect_code_language

HERE = Path(__file__).parent
FOLDERS = (HERE / "samples", HERE.parent.parent / "coco_core" / "chunking" / "samples")
SIZES = (
    {"chunk_size": 100},
    {"chunk_size": 200, "chunk_overlap": 40},
    {"chunk_size": 300, "min_chunk_size": 60, "chunk_overlap": 30},
    {"chunk_size": 60, "min_chunk_size": 0},
    {"chunk_size": 40, "min_chunk_size": 80, "chunk_overlap": 8},
)


def main() -> None:
    splitter = RecursiveSplitter()
    lines = []
    for path in sorted(path for folder in FOLDERS for path in folder.iterdir()):
        text = path.read_bytes().decode()
        language = detect_code_language(filename=path.name.removesuffix(".sample"))
        for sizes in SIZES:
            chunks = splitter.split(text, language=language, **sizes)
            places = [
                [place.byte_offset, place.char_offset, place.line, place.column]
                for chunk in chunks
                for place in (chunk.start, chunk.end)
            ]
            lines.append(json.dumps([path.name, language, sizes, places]))
    text = "[\n" + ",\n".join(lines) + "\n]\n"
    (HERE / "cocoindex_chunks.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
