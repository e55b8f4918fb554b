"""Import of LanceDB without its client for remote namespaces."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

__all__ = ["import_lancedb"]

# LanceDB needs some of its models. Its own ``__init__`` imports all of it, the HTTP client with
# every request and answer: 14 to 22 MB and half of LanceDB's import time.
_CLIENT = "lance_namespace_urllib3_client"


def import_lancedb() -> ModuleType:
    """Return the module ``lancedb``."""
    if "lancedb" in sys.modules:
        return importlib.import_module("lancedb")
    spec = importlib.util.find_spec(_CLIENT)
    if spec is None or _CLIENT in sys.modules:
        return importlib.import_module("lancedb")
    # The package, but not what its ``__init__`` would do: its modules are found all the same.
    sys.modules[_CLIENT] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module("lancedb")
    except ImportError:
        # Another version takes names from the package itself: so everything, after all.
        parts = ("lancedb", "lance_namespace", _CLIENT)
        for name in [name for name in sys.modules if name.partition(".")[0] in parts]:
            # A native module cannot be made twice in one process.
            if name != "lancedb._lancedb":
                del sys.modules[name]
        return importlib.import_module("lancedb")
