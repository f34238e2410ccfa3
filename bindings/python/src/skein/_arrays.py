"""Tokens and float32 arrays between Python and C. Floats are written by the library into the memory
of the array that the caller gets: a numpy.ndarray, or a memoryview of format "f" where numpy is not
installed."""

import array
import ctypes
import math
from typing import Any, Iterable, List, Optional, Sequence, Tuple, Union

from ._calls import c_bytes
from ._errors import invalid_argument

# A numpy.ndarray of float32; a memoryview of format "f" where numpy is not installed.
Floats = Any
# Token ids: a sequence of int, or anything with the buffer protocol and unsigned elements of 32
# bits.
Tokens = Union[Sequence[int], Iterable[int]]
# A text, or its tokens.
Prompt = Union[str, bytes, Tokens]

_numpy: Any = None
_looked_for_numpy = False


def numpy() -> Any:
    """The module, or None. It is imported when first needed, because that takes longer than all of
    this package."""
    global _numpy, _looked_for_numpy
    if not _looked_for_numpy:
        try:
            import numpy as module

            _numpy = module
        except ImportError:
            pass
        _looked_for_numpy = True
    return _numpy


def is_text(prompt: object) -> bool:
    """Whether it is a text rather than tokens."""
    return isinstance(prompt, (str, bytes, bytearray))


def c_tokens(tokens: Tokens) -> "ctypes.Array[ctypes.c_uint32]":
    """Token ids as an array of C. A number that is no id of 32 bits is refused, where C would wrap
    it around."""
    if isinstance(tokens, (str, bytes, bytearray)):
        raise TypeError(f"tokens: expected a sequence of int, found {type(tokens).__name__}")
    try:
        ids = array.array("I", tokens)
    except OverflowError:
        raise invalid_argument(
            "tokens: expected ids from 0 to 2^32 - 1, found one beyond"
        ) from None
    if not ids:
        return (ctypes.c_uint32 * 0)()
    return (ctypes.c_uint32 * len(ids)).from_buffer(ids)


def c_prompt(prompt: Prompt) -> Tuple[Any, int]:
    """A text or tokens, and how many bytes or tokens they are."""
    if is_text(prompt):
        text = c_bytes(prompt, "prompt")  # type: ignore[arg-type]
        return text, len(text)
    tokens = c_tokens(prompt)  # type: ignore[arg-type]
    return tokens, len(tokens)


def new_floats(shape: Tuple[int, ...]) -> Tuple[Floats, Any]:
    """An array, and its memory for C. It is not set to anything."""
    count = math.prod(shape)
    module = numpy()
    if module is None:
        memory = (ctypes.c_float * count)()
        return memoryview(memory).cast("B").cast("f", list(shape)), memory
    floats = module.empty(shape, module.float32)
    return floats, (ctypes.c_float * count).from_buffer(floats)


def floats_in(out: Optional[Any], shape: Tuple[int, ...]) -> Tuple[Floats, Any]:
    """An array of the caller's, or a new one, and its memory for C."""
    if out is None:
        return new_floats(shape)
    view = memoryview(out)
    count = math.prod(shape)
    if (
        view.readonly
        or not view.c_contiguous
        or view.format not in ("f", "<f")
        or view.nbytes != 4 * count
    ):
        found = f"{view.nbytes} bytes of format {view.format!r}" + (
            ", read-only" if view.readonly else ""
        )
        raise invalid_argument(f"out: expected {count} writable float32 in a row, found {found}")
    return out, (ctypes.c_float * count).from_buffer(out)


def floats_from(memory: Any) -> Floats:
    """An array over memory that C has filled, without a copy."""
    module = numpy()
    if module is None:
        return memoryview(memory).cast("B").cast("f")
    return module.frombuffer(memory, module.float32)


def list_of(memory: Any) -> List[int]:
    """The elements of an array of C, such as tokens."""
    return list(memory)
