"""JSON splitter: streams the items of a body to the blob store, and keeps the rest.

``{"indexing_config_id": "a", "items": [{…}, {…}]}`` becomes the bytes ``[{…}, {…}]`` for the store
and ``{"indexing_config_id": "a", "items": []}`` for the request's model. Nothing but the rest is
kept, whatever the body's size.
"""

from __future__ import annotations

import json
import re

from coco_core.errors import BodyTooLarge, InvalidInput

__all__ = ["ItemsSplitter"]

# Everything around the items: ids and switches, and up to 10,000 ids of documents to delete, which
# fit when they have a hundred characters each.
_MOST_HEAD_BYTES = 1_048_576

_STRUCTURE = re.compile(rb'["{}\[\]]')

_ITEMS_FOLLOW = re.compile(rb'"items"\s*:\s*\Z')

_CONTAINERS = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}


class ItemsSplitter:
    """Divides one body; feed it piece by piece."""

    def __init__(self) -> None:
        self.items = 0
        """Objects found in the array so far."""
        self.found = False
        """Whether there is an array of items."""
        self._head = bytearray()
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._inside = False

    def feed(self, piece: bytes) -> bytes:
        """Take the next bytes of the body, and return those of its items.

        Raises:
            BodyTooLarge: there is too much beside the items.
            InvalidInput: there are two arrays of items.
        """
        out = bytearray()
        start = place = 0
        while place < len(piece):
            if self._in_string:
                place = self._to_string_end(piece, place)
                continue
            match = _STRUCTURE.search(piece, place)
            if match is None:
                break
            place = match.end()
            sign = piece[match.start()]
            if sign == ord('"'):
                self._in_string = True
                continue
            if sign == ord("[") and not self._inside and self._depth == 1:
                # Only a small body has more than one array beside the items.
                self._keep(piece[start : match.start()])
                start = match.start()
                if _ITEMS_FOLLOW.search(self._head):
                    self._begin_items()
            if sign == ord("{") and self._inside and self._depth == 2:
                self.items += 1
            self._depth += _CONTAINERS[sign]
            if self._inside and self._depth == 1:
                out += piece[start:place]
                start = place
                self._inside = False
                self._keep(b"[]")
        rest = piece[start:]
        if self._inside:
            out += rest
        else:
            self._keep(rest)
        return bytes(out)

    def head(self) -> dict[str, object]:
        """Return the body without its items, once all of it was fed.

        Raises:
            InvalidInput: it is no JSON object.
        """
        if self._inside:
            raise InvalidInput(
                "The body is truncated within its items.", hint="Send one complete JSON object."
            )
        try:
            found = json.loads(self._head.decode("utf-8-sig"))
            # Python's parser takes halves of surrogate pairs, which no text in UTF-8 has.
            json.dumps(found, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise InvalidInput(
                f"The body is not valid JSON: {str(error)[:200]}.",
                hint="Send one JSON object in UTF-8.",
            ) from error
        if not isinstance(found, dict):
            raise InvalidInput(
                "The body is no JSON object.", hint='Send {"items": [{…}, …]} or a blob_ref.'
            )
        if self.found:
            del found["items"]
        return found

    def _begin_items(self) -> None:
        if self.found:
            raise InvalidInput("The body has 'items' twice.", hint="Send one array of items.")
        self.found = self._inside = True

    def _to_string_end(self, piece: bytes, place: int) -> int:
        """Return the position after the string's closing quote, or the end of the piece."""
        while True:
            if self._escaped:
                self._escaped = False
                place += 1
            quote = piece.find(b'"', place)
            end = len(piece) if quote < 0 else quote
            slashes = end - len(piece[place:end].rstrip(b"\\")) - place
            if quote < 0:
                self._escaped = slashes % 2 == 1
                return len(piece)
            place = quote + 1
            if slashes % 2 == 0:
                self._in_string = False
                return place

    def _keep(self, data: bytes) -> None:
        if len(self._head) + len(data) > _MOST_HEAD_BYTES:
            raise BodyTooLarge(
                f"The body has more than {_MOST_HEAD_BYTES} bytes around its items.",
                hint="Content belongs into items, and those into the array 'items'; of very many "
                "documents, send the deletions as lines of NDJSON.",
            )
        self._head += data
