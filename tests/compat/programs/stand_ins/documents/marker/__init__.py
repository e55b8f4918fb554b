"""Stands in for marker-pdf, whose models need torch: the plain text of a PDF by pypdf."""

import os
import tempfile
from functools import partial

if os.environ.get("COMPAT_KEEP_TEMPORARY"):
    # For a program that reads its temporary file after it closed it.
    tempfile.NamedTemporaryFile = partial(
        lambda make, delete=True, **options: make(delete=False, **options),
        tempfile.NamedTemporaryFile,
    )
