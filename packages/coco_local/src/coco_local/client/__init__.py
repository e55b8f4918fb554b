"""The daemon over HTTP, as its clients see it: address, transport, operations."""
