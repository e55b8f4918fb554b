"""What an experiment's results say: metrics, differences, and a page that shows both."""

__all__: list[str] = []
