"""What both `model_rows` and `pandas_rows` do with frames."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd


def cleaned_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the derived columns of some events."""
    text = frame["text"].str.strip().str.lower()
    return pd.DataFrame(
        {
            "document_id": frame["document_id"],
            "position": frame["position"],
            "text": text,
            "words": text.str.count(" ") + 1,
            "cents": (frame["amount"] * 100).round().astype("int64"),
        }
    )


def summed(frames: Iterator[pd.DataFrame]) -> pd.DataFrame:
    """Return the sums of each document over frames that may cut it in two."""
    parts = [
        frame.groupby("document_id").agg(
            events=("position", "size"), words=("words", "sum"), cents=("cents", "sum")
        )
        for frame in frames
    ]
    return pd.concat(parts).groupby(level=0).sum().reset_index()
