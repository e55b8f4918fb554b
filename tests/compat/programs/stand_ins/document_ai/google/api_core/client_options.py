"""Options of Google's clients."""

from dataclasses import dataclass


@dataclass
class ClientOptions:
    """Where the service is."""

    api_endpoint: str
