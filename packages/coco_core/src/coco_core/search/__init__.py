"""One search for both products: from an intent over an executor's candidates to a page of hits.

`request` says what is asked of an index, `page` cuts a ranked list, `course` goes from the one to
the other. Import from the modules: the ports, which `course` needs, need the other two.
"""

from __future__ import annotations

__all__: list[str] = []
