"""Embedders of CoCo: ONNX Runtime and HTTP, the model store, and how a model gets there.

Import what you need from the modules; this package itself imports nothing, so that starting a
program that may never embed costs nothing.
"""
