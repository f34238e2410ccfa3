"""How a function of the ABI is called: errors become exceptions, buffers grow until they hold the
answer, and what C would cut off or wrap around silently is refused."""

import ctypes
import operator
import os
from ctypes import byref
from typing import Any, Callable, Type, TypeVar, Union

from . import _abi
from ._errors import invalid_argument, make_error

Path = Union[str, "os.PathLike[str]"]
Text = Union[str, bytes]
Record = TypeVar("Record", bound=Any)

# The first size of a buffer for texts, in bytes; most answers fit.
_FIRST_BYTES = 4096


def call(function: Callable[..., int], *arguments: Any) -> None:
    """Calls a function with a `skein_error` behind its arguments, and raises what it reports."""
    error = _abi.skein_error()
    status = function(*arguments, byref(error))
    if status != _abi.SKEIN_OK:
        raise make_error(status, error.message.decode("utf-8", "replace"), error.retry_after_ms)


def read_handle(function: Callable[..., int], *arguments: Any) -> int:
    """Calls a function whose last argument takes a new handle."""
    handle = ctypes.c_void_p()
    call(function, *arguments, byref(handle))
    return handle.value or 0


def read_number(ctype: Any, function: Callable[..., int], *arguments: Any) -> int:
    """Calls a function whose last argument takes a number."""
    number = ctype()
    call(function, *arguments, byref(number))
    return int(number.value)


def read_array(
    ctype: Any,
    first: int,
    function: Callable[..., int],
    *arguments: Any,
    head: Any = (),
    tail: Any = (),
) -> Any:
    """Calls a function with (buffer, capacity, size) behind its arguments, `head` between buffer
    and capacity, and `tail` behind them. Gives an array of ctypes of exactly the size that was
    written. `first` is the capacity of the first try."""
    size = ctypes.c_uint64(0)
    capacity = first
    while True:
        array = (ctype * capacity)()
        error = _abi.skein_error()
        size.value = 0
        status = function(*arguments, array, *head, capacity, byref(size), *tail, byref(error))
        if status == _abi.SKEIN_OK:
            return (ctype * size.value).from_buffer(array) if size.value else (ctype * 0)()
        if status != _abi.SKEIN_OUT_OF_RANGE or size.value <= capacity:
            raise make_error(status, error.message.decode("utf-8", "replace"), error.retry_after_ms)
        capacity = (
            size.value
        )  # the answer may have grown again by the next call, which then says so


def read_bytes(
    function: Callable[..., int], *arguments: Any, first: int = _FIRST_BYTES, tail: Any = ()
) -> bytes:
    """As read_array, for bytes."""
    return bytes(read_array(ctypes.c_char, first, function, *arguments, tail=tail))


def read_text(function: Callable[..., int], *arguments: Any, tail: Any = ()) -> str:
    """As read_array, for a text of the library's own, which is UTF-8."""
    return read_bytes(function, *arguments, tail=tail).decode("utf-8", "replace")


def make_record(record: Type[Record], struct: ctypes.Structure) -> Record:
    """The facts in a struct, as the named tuple that was generated for it."""
    values = (getattr(struct, name) for name in record._fields)
    facts = (
        value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values
    )
    made: Record = record(*facts)
    return made


def read_record(
    record: Type[Record], ctype: Any, function: Callable[..., int], *arguments: Any
) -> Record:
    """Calls a function whose last argument is a struct that it fills."""
    struct = ctype()
    struct.struct_size = ctypes.sizeof(struct)
    call(function, *arguments, byref(struct))
    return make_record(record, struct)


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise invalid_argument(
            f"{what}: expected a text that UTF-8 can hold, found {text!r}"
        ) from None


def c_text(text: str, what: str) -> bytes:
    """A name or a key for C, which ends it at its first NUL."""
    if not isinstance(text, str):
        raise TypeError(f"{what}: expected str, found {type(text).__name__}")
    if "\0" in text:
        raise invalid_argument(f"{what}: expected a text without NUL, found {text!r}")
    return _utf8(text, what)


def c_path(path: Path) -> bytes:
    """A path for C."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise invalid_argument(f"path: expected one without NUL, found {encoded!r}")
    return encoded


def c_bytes(text: Text, what: str) -> bytes:
    """A text that travels with its size; as str it goes as UTF-8."""
    if isinstance(text, str):
        return _utf8(text, what)
    if not isinstance(text, (bytes, bytearray, memoryview)):
        raise TypeError(f"{what}: expected str or bytes, found {type(text).__name__}")
    return bytes(text)


def c_integer(value: int, what: str) -> int:
    """An integer of any type, such as numpy's. What ctypes says of another is no TypeError."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{what}: expected an integer, found {type(value).__name__}") from None


def c_unsigned(value: int, bits: int, what: str) -> int:
    """A number for an unsigned argument of C, which would wrap around."""
    value = c_integer(value, what)
    if not 0 <= value < 1 << bits:
        raise invalid_argument(f"{what}: expected 0 to 2^{bits} - 1, found {value}")
    return value


def c_signed(value: int, bits: int, what: str) -> int:
    """A number for a signed argument of C, which would wrap around."""
    value = c_integer(value, what)
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise invalid_argument(f"{what}: expected -2^{bits - 1} to 2^{bits - 1} - 1, found {value}")
    return value


def c_float(value: float, what: str) -> float:
    """A number for an argument of type float."""
    try:
        return float(value)
    except OverflowError:  # of an integer
        raise invalid_argument(f"{what}: found a number beyond all of C's") from None
