"""Exceptions raised at run time, one per canonical code (`tf.errors`)."""

from __future__ import annotations

from typing import Any

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16


class OpError(Exception):
    """Failure of an operation at run time.

    Parameters
    ----------
    node_def, op : object or None
        The operation, when it is known.
    message : str
    error_code : int
        Canonical code.
    """

    _code = UNKNOWN

    def __init__(
        self, node_def: Any, op: Any, message: str, error_code: int | None = None, *args: Any
    ) -> None:
        super().__init__(message)
        self._node_def = node_def
        self._op = op
        self._op_name = getattr(op, "name", "")
        self._message = message
        self._error_code = self._code if error_code is None else error_code

    @property
    def message(self) -> str:
        return self._message

    @property
    def op(self) -> Any:
        return self._op

    @property
    def node_def(self) -> Any:
        return self._node_def

    @property
    def error_code(self) -> int:
        return self._error_code

    @property
    def experimental_payloads(self) -> dict[str, bytes]:
        return {}

    def __str__(self) -> str:
        return self._message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (None, None, self._message)


def _make(name: str, code: int, doc: str) -> type[OpError]:
    return type(name, (OpError,), {"_code": code, "__doc__": doc, "__module__": __name__})


CancelledError = _make("CancelledError", CANCELLED, "The operation was cancelled.")
UnknownError = _make("UnknownError", UNKNOWN, "An error of no other kind.")
InvalidArgumentError = _make(
    "InvalidArgumentError", INVALID_ARGUMENT, "An operation got an argument it cannot take."
)
DeadlineExceededError = _make("DeadlineExceededError", DEADLINE_EXCEEDED, "Time ran out.")
NotFoundError = _make("NotFoundError", NOT_FOUND, "Something asked for does not exist.")
AlreadyExistsError = _make("AlreadyExistsError", ALREADY_EXISTS, "Something exists already.")
PermissionDeniedError = _make("PermissionDeniedError", PERMISSION_DENIED, "Not permitted.")
ResourceExhaustedError = _make("ResourceExhaustedError", RESOURCE_EXHAUSTED, "Out of memory.")
FailedPreconditionError = _make(
    "FailedPreconditionError", FAILED_PRECONDITION, "The state does not allow it."
)
AbortedError = _make("AbortedError", ABORTED, "The operation was aborted.")
OutOfRangeError = _make("OutOfRangeError", OUT_OF_RANGE, "Iterated past the valid range.")
UnimplementedError = _make("UnimplementedError", UNIMPLEMENTED, "Not implemented.")
InternalError = _make("InternalError", INTERNAL, "An invariant of the library is broken.")
UnavailableError = _make("UnavailableError", UNAVAILABLE, "Not available now.")
DataLossError = _make("DataLossError", DATA_LOSS, "Data cannot be recovered.")
UnauthenticatedError = _make("UnauthenticatedError", UNAUTHENTICATED, "Not authenticated.")

BY_CODE_NAME: dict[str, type[OpError]] = {
    "Cancelled": CancelledError,
    "Unknown": UnknownError,
    "InvalidArgument": InvalidArgumentError,
    "DeadlineExceeded": DeadlineExceededError,
    "NotFound": NotFoundError,
    "AlreadyExists": AlreadyExistsError,
    "PermissionDenied": PermissionDeniedError,
    "ResourceExhausted": ResourceExhaustedError,
    "FailedPrecondition": FailedPreconditionError,
    "Aborted": AbortedError,
    "OutOfRange": OutOfRangeError,
    "Unimplemented": UnimplementedError,
    "Internal": InternalError,
    "Unavailable": UnavailableError,
    "DataLoss": DataLossError,
}


class OperatorNotAllowedInGraphError(TypeError):
    """A symbolic tensor was used as a Python value."""


class InaccessibleTensorError(ValueError):
    """A tensor of a function being traced was used outside it."""
