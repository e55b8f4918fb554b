"""Internal modules that the public engine's tests import."""
