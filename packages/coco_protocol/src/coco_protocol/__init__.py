"""Wire protocol: request and answer models, envelope, error codes, headers.

Every product and every client speaks through these models. They forbid unknown fields, so that a
typing error in a request is an answer and not a silence.
"""

from coco_protocol.envelope import API_VERSION, SIGNATURE

__all__ = ["API_VERSION", "SIGNATURE"]
