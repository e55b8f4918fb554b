"""Make a static model of a sentence-transformers model: python -m … SOURCE TARGET."""

from __future__ import annotations

import sys

from model2vec.distill import distill

# What the makers of semble's own model chose.
_DIMENSIONS = 256

if __name__ == "__main__":
    model = distill(model_name=sys.argv[1], pca_dims=_DIMENSIONS, device="cpu")
    model.save_pretrained(sys.argv[2])
