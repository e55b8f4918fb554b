"""CoCo's server mode: the API service, its store on PostgreSQL and its job queue."""

__all__ = ["__version__"]

__version__ = "0.1.0"
