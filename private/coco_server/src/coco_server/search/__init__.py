"""Searching a version: executors for pgvector and Qdrant."""
