"""Options: named values for one kind of call. Calls take them as keyword arguments, or as an
Options object that many calls share."""

import ctypes
import numbers
import os
from enum import IntEnum
from typing import Dict, List, Optional, Union

from . import _abi
from ._calls import c_path, c_signed, c_text, call, read_handle, read_number, read_record
from ._handle import Handle
from ._library import abi
from ._records import OptionInfo

OptionValue = Union[int, float, str, "os.PathLike[str]"]


class OptionsKind(IntEnum):
    """The kinds, each for one call of the library."""

    RUNTIME = _abi.SKEIN_OPTIONS_RUNTIME
    MODEL = _abi.SKEIN_OPTIONS_MODEL
    CONVERT = _abi.SKEIN_OPTIONS_CONVERT
    DESCRIBE = _abi.SKEIN_OPTIONS_DESCRIBE
    TOKENIZER = _abi.SKEIN_OPTIONS_TOKENIZER
    STREAM = _abi.SKEIN_OPTIONS_STREAM
    QUEUE = _abi.SKEIN_OPTIONS_QUEUE
    REQUEST = _abi.SKEIN_OPTIONS_REQUEST
    CHAT = _abi.SKEIN_OPTIONS_CHAT
    TENANT = _abi.SKEIN_OPTIONS_TENANT


class Options(Handle):
    """A set of values for one kind of call. It may be given to any number of calls, and closed at
    any time.

    One thread at a time sets values; any number of threads may use it then.
    """

    __slots__ = ("values",)
    _release = abi.skein_options_release

    def __init__(self, kind: int, /, **values: OptionValue) -> None:
        super().__init__(read_handle(abi.skein_options_create, kind))
        self.values: Dict[str, OptionValue] = {}  # those that are set
        for key, value in values.items():
            self.set(key, value)

    def set(self, key: str, value: OptionValue) -> None:
        """Sets a key. A bool counts as 0 or 1. InvalidArgumentError: no such key, another type, or
        out of range."""
        name = c_text(key, "key")
        if isinstance(value, numbers.Integral):  # bool and the integers of numpy too
            call(abi.skein_options_set_i64, self.handle, name, c_signed(int(value), 64, key))
        elif isinstance(value, numbers.Real):
            call(abi.skein_options_set_f64, self.handle, name, float(value))
        elif isinstance(value, str):
            call(abi.skein_options_set_str, self.handle, name, c_text(value, key))
        elif isinstance(value, os.PathLike):
            call(abi.skein_options_set_str, self.handle, name, c_path(value))
        else:
            raise TypeError(
                f"{key}: expected a number, a str or a path, found {type(value).__name__}"
            )
        self.values[key] = value


def option_keys(kind: int) -> List[OptionInfo]:
    """The keys of a kind, with type, default, range and meaning."""
    count = read_number(ctypes.c_uint32, abi.skein_options_key_count, kind)
    struct = _abi.skein_option_info
    return [
        read_record(OptionInfo, struct, abi.skein_options_key_info, kind, index)
        for index in range(count)
    ]


def use_options(
    kind: int, options: Optional[Options], values: "dict[str, OptionValue]"
) -> Optional[Options]:
    """What a call was given: an object or keyword arguments, not both. None: neither."""
    if options is not None and values:
        raise TypeError(f"give options or keyword arguments, not both; found {', '.join(values)}")
    if options is not None and not isinstance(options, Options):
        raise TypeError(
            f"options: expected skein.Options or keyword arguments, found {type(options).__name__}"
        )
    return Options(kind, **values) if values else options


def handle_of(owner: Optional[Handle]) -> Optional[int]:
    """The handle of what may be left out."""
    return None if owner is None else owner.handle
