"""Every error that coco_flow raises on purpose.

CocoError
├── FlowError                 flow_failed           500
│   ├── RowFailed             row_failed            500
│   ├── ValueMismatch         value_mismatch        500   (a ValueError and a TypeError)
│   ├── UpdateAborted         update_aborted        500
│   ├── ModelFailed           model_failed          500
│   └── RunCancelled          run_cancelled         500
├── InvalidInput
│   ├── DefinitionError       invalid_flow          400   (a ValueError)
│   │   └── NamingError       invalid_name          400
│   ├── InvalidSetting        invalid_setting       400   (a ValueError)
│   ├── WrongRows             wrong_rows            400   (a ValueError)
│   └── SetupNeeded           setup_needed          400   (a RuntimeError)
├── NotFound
│   ├── FlowNotFound          flow_not_found        404   (a KeyError)
│   ├── ModelNotFound         model_not_found       404   (a KeyError)
│   └── RunNotFound           run_not_found         404   (a KeyError)
├── Conflict
│   ├── FlowConflict          flow_conflict         409
│   └── RunConflict           run_conflict          409
└── Unavailable
    ├── ExtraMissing          extra_missing         503   (an ImportError)
    └── StateBroken           state_broken          503
"""

from __future__ import annotations

from coco_core.errors import CocoError, Conflict, InvalidInput, NotFound, Unavailable

__all__ = [
    "DefinitionError",
    "ExtraMissing",
    "FlowConflict",
    "FlowError",
    "FlowNotFound",
    "InvalidSetting",
    "ModelFailed",
    "ModelNotFound",
    "NamingError",
    "RowFailed",
    "RunCancelled",
    "RunConflict",
    "RunNotFound",
    "SetupNeeded",
    "StateBroken",
    "UpdateAborted",
    "ValueMismatch",
    "WrongRows",
    "missing_extra",
]


class FlowError(CocoError):
    """A flow failed."""

    code = "flow_failed"


class RowFailed(FlowError):
    """A row of a source could not be processed; the cause is chained."""

    code = "row_failed"


class ValueMismatch(FlowError, ValueError, TypeError):
    """A value does not have the type that was declared for it."""

    code = "value_mismatch"


class UpdateAborted(FlowError):
    """The update was aborted before it ended; the next one continues where it stopped."""

    code = "update_aborted"


class ModelFailed(FlowError):
    """A table model failed; the cause is chained."""

    code = "model_failed"


class RunCancelled(FlowError):
    """The run of a pipeline was cancelled; `resume` continues it."""

    code = "run_cancelled"


class DefinitionError(InvalidInput, ValueError):
    """The flow's definition is not valid."""

    code = "invalid_flow"


class NamingError(DefinitionError):
    """The name is not one that flows, targets and fields can have."""

    code = "invalid_name"


class InvalidSetting(InvalidInput, ValueError):
    """A setting cannot be read or used."""

    code = "invalid_setting"


class WrongRows(InvalidInput, ValueError):
    """Rows do not fit the table that they are written to."""

    code = "wrong_rows"


class SetupNeeded(InvalidInput, RuntimeError):
    """The flow's targets differ from its definition; run `coco-flow setup` first."""

    code = "setup_needed"


class FlowNotFound(NotFound, KeyError):
    """There is no flow of this name."""

    code = "flow_not_found"

    # A KeyError shows the repr of its argument, which would quote the whole sentence.
    __str__ = CocoError.__str__


class ModelNotFound(NotFound, KeyError):
    """There is no table model of this name."""

    code = "model_not_found"
    __str__ = CocoError.__str__


class RunNotFound(NotFound, KeyError):
    """There is no run of this id."""

    code = "run_not_found"
    __str__ = CocoError.__str__


class FlowConflict(Conflict):
    """The flow, or something that it writes to, is in use in a way that excludes this."""

    code = "flow_conflict"


class RunConflict(Conflict):
    """The run cannot do this now, such as resume while a process works on it."""

    code = "run_conflict"


class ExtraMissing(Unavailable, ImportError):
    """A package that this operation needs is not installed."""

    code = "extra_missing"
    retryable = False


class StateBroken(Unavailable):
    """The state store cannot be opened or read."""

    code = "state_broken"


def missing_extra(what: str, package: str, extra: str) -> ExtraMissing:
    """Return the error for an operation whose optional package is not installed."""
    return ExtraMissing(
        f"{what} needs the package {package!r}, which is not installed.",
        hint=f"Run: pip install 'coco-flow[{extra}]'",
    )
