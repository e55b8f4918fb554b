"""The checks of `coco doctor`, in the order in which their results help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from coco_core.errors import CocoError
from coco_local.doctor.check_result import CheckResult
from coco_local.doctor.context import DoctorContext, gather_context
from coco_local.doctor.home import check_disk, check_home, check_settings
from coco_local.doctor.model import (
    check_index_tool,
    check_model,
    check_registered_models,
    check_rerankers,
)
from coco_local.doctor.service import check_service, check_versions
from coco_local.doctor.stores import check_database, check_vectors
from coco_local.doctor.tools import check_ripgrep
from coco_local.doctor.watching import check_watches
from coco_local.settings import Settings

__all__ = ["CHECKS", "run_checks"]

Check = Callable[[DoctorContext], Iterator[CheckResult]]

CHECKS: Final[tuple[Check, ...]] = (
    check_versions,
    check_settings,
    check_home,
    check_disk,
    check_service,
    check_model,
    check_registered_models,
    check_rerankers,
    check_index_tool,
    check_database,
    check_vectors,
    check_watches,
    check_ripgrep,
)


def run_checks(settings: Settings) -> Iterator[CheckResult]:
    """Yield every result as it is made; a check that cannot be made is a result, too."""
    context = gather_context(settings)
    for check in CHECKS:
        name = check.__name__.removeprefix("check_").replace("_", " ")
        try:
            yield from check(context)
        except (CocoError, OSError) as error:
            yield CheckResult.fail(name, f"It cannot be checked: {error}.", "See the message.")
