"""What an experiment's results say: figures, differences, and a page that shows both."""

__all__: list[str] = []
