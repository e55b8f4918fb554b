"""Settings of a conversion."""

from typing import Any


class ConfigParser:
    """Takes settings and has none."""

    def __init__(self, cli_options: dict[str, Any]) -> None:
        self.options = cli_options

    def generate_config_dict(self) -> dict[str, Any]:
        """Return the settings."""
        return self.options
