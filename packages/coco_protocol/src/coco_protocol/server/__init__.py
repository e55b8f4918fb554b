"""The routes of the server product, where they differ from the local product's.

No request has a field that takes a file-system path, and no answer holds a path or line numbers.
"""

__all__: list[str] = []
