"""Failures of the library as exceptions: one class, and a kind of it for each status code.

Kinds derive also from the builtin exception that a native expects: a model that is not there is a
FileNotFoundError. """

from enum import IntEnum
from typing import Any, Dict, List, Sequence, Tuple, Type, Union

from . import _abi


class Status(IntEnum):
    """The codes of skein/status.h."""

    OK = _abi.SKEIN_OK
    CANCELLED = _abi.SKEIN_CANCELLED
    UNKNOWN = _abi.SKEIN_UNKNOWN
    INVALID_ARGUMENT = _abi.SKEIN_INVALID_ARGUMENT
    DEADLINE_EXCEEDED = _abi.SKEIN_DEADLINE_EXCEEDED
    NOT_FOUND = _abi.SKEIN_NOT_FOUND
    ALREADY_EXISTS = _abi.SKEIN_ALREADY_EXISTS
    PERMISSION_DENIED = _abi.SKEIN_PERMISSION_DENIED
    RESOURCE_EXHAUSTED = _abi.SKEIN_RESOURCE_EXHAUSTED
    FAILED_PRECONDITION = _abi.SKEIN_FAILED_PRECONDITION
    ABORTED = _abi.SKEIN_ABORTED
    OUT_OF_RANGE = _abi.SKEIN_OUT_OF_RANGE
    UNIMPLEMENTED = _abi.SKEIN_UNIMPLEMENTED
    INTERNAL = _abi.SKEIN_INTERNAL
    UNAVAILABLE = _abi.SKEIN_UNAVAILABLE
    DATA_LOSS = _abi.SKEIN_DATA_LOSS
    UNAUTHENTICATED = _abi.SKEIN_UNAUTHENTICATED
    INVALID_HANDLE = _abi.SKEIN_INVALID_HANDLE


class Error(Exception):
    """A call that failed.

    code: the status, a Status where it is one that this package knows.
    name: its name, such as "NOT_FOUND".
    message: what was expected, what was found, and where.
    retry_after_ms: with RESOURCE_EXHAUSTED the time after which trying again makes sense; 0 where
    it is not known.
    results: of eval, score and embed, the results of all items, each with its own status; else
    empty."""

    code: Union[Status, int]
    name: str
    message: str
    retry_after_ms: int
    results: Sequence[Any]

    def __init__(self, code: int, message: str, retry_after_ms: int = 0) -> None:
        super().__init__(message)
        self.args = (message,)
        self.code = Status(code) if code in _KNOWN else code
        self.name = self.code.name if isinstance(self.code, Status) else f"CODE_{code}"
        self.message = message
        self.retry_after_ms = retry_after_ms
        self.results = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"

    def __reduce__(
        self,
    ) -> Tuple[Any, ...]:  # errors travel between processes, as those of multiprocessing do
        return make_error, (int(self.code), self.message, self.retry_after_ms)


class CancelledError(Error):
    """The work was cancelled."""


class InvalidArgumentError(Error, ValueError):
    """The arguments are wrong, whatever the state of the library."""


class DeadlineExceededError(Error, TimeoutError):
    """A deadline passed, or cannot be met."""


class NotFoundError(Error, FileNotFoundError, LookupError):
    """No such file, device, key, plugin or entry."""


class AlreadyExistsError(Error, FileExistsError):
    """The file or the name is taken."""


class PermissionDeniedError(Error, PermissionError):
    """The system refuses it."""


class ResourceExhaustedError(Error):
    """Out of memory, slots or room in a queue; see retry_after_ms."""


class FailedPreconditionError(Error, RuntimeError):
    """Not in this state: a request runs on the stream, or this process is a fork of one with a
    runtime."""


class OutOfRangeError(Error, IndexError):
    """A position or an index is past the end."""


class UnimplementedError(Error, NotImplementedError):
    """This device, format or build does not offer it."""


class UnavailableError(Error):
    """A device of the model is lost: release the model, and load it again."""


class DataLossError(Error):
    """A file or a snapshot is truncated, corrupt, or lies about itself."""


class InvalidHandleError(Error, ValueError):
    """The object was closed."""


_KNOWN = frozenset(int(status) for status in Status)

_KINDS: Dict[int, Type[Error]] = {
    Status.CANCELLED: CancelledError,
    Status.INVALID_ARGUMENT: InvalidArgumentError,
    Status.DEADLINE_EXCEEDED: DeadlineExceededError,
    Status.NOT_FOUND: NotFoundError,
    Status.ALREADY_EXISTS: AlreadyExistsError,
    Status.PERMISSION_DENIED: PermissionDeniedError,
    Status.RESOURCE_EXHAUSTED: ResourceExhaustedError,
    Status.FAILED_PRECONDITION: FailedPreconditionError,
    Status.OUT_OF_RANGE: OutOfRangeError,
    Status.UNIMPLEMENTED: UnimplementedError,
    Status.UNAVAILABLE: UnavailableError,
    Status.DATA_LOSS: DataLossError,
    Status.INVALID_HANDLE: InvalidHandleError,
}


def make_error(code: int, message: str, retry_after_ms: int = 0) -> Error:
    """The exception for a status; codes without a kind of their own are plain Error."""
    return _KINDS.get(code, Error)(code, message, retry_after_ms)


def invalid_argument(message: str) -> InvalidArgumentError:
    """The exception for an argument that would not survive the way to C."""
    return InvalidArgumentError(Status.INVALID_ARGUMENT, message)


def with_results(error: Error, results: List[Any]) -> Error:
    """The error of a call with items, which carries what became of each."""
    error.results = results
    return error
