"""What all objects of the package are: a handle of the library with an owner."""

from types import TracebackType
from typing import Any, Callable, ClassVar, Optional, Type, TypeVar

from ._errors import InvalidHandleError, Status

Self = TypeVar("Self", bound="Handle")


class Handle:
    """Owns one handle of the library.

    close() releases it, and so does the end of a `with` block, or of the last reference. Closing
    twice is fine, and the order in which objects are closed does not matter: the library keeps what
    others still need. Closing never waits for inference. Any use after it raises
    InvalidHandleError."""

    __slots__ = ("_value", "__weakref__")
    _release: ClassVar[Callable[..., int]]

    def __init__(self, value: int) -> None:
        self._value: Optional[int] = value

    @property
    def handle(self) -> int:
        """The handle as the C ABI knows it, for use with other libraries. It stays this
        object's."""
        value = self._value
        if value is None:
            raise InvalidHandleError(Status.INVALID_HANDLE, f"this {type(self).__name__} is closed")
        return value

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._value is None

    def close(self) -> None:
        """Releases the handle. Never raises: an object that is closed, or a fork's copy, has
        nothing to release."""
        value, self._value = self._value, None
        if value is not None:
            type(self)._release(value, None)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_value", None) is not None:  # None too if the constructor raised
            self.close()

    def __repr__(self) -> str:
        state = "closed" if self._value is None else hex(self._value)
        return f"<skein.{type(self).__name__} {state}>"

    def __reduce_ex__(
        self, protocol: Any
    ) -> Any:  # a copy would release the handle of the original
        raise TypeError(
            f"a {type(self).__name__} belongs to its process and can be neither copied nor pickled"
        )
