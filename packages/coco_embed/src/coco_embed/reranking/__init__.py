"""Rerankers: cross-encoders from ONNX directories and behind servers, and how they are named."""
