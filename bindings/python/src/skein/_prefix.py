"""Prefix objects: a text that many streams begin with, read once and kept as a state with a
name."""

from typing import TYPE_CHECKING, Optional

from . import _abi
from ._calls import Path, c_path, call, read_handle, read_record, read_text
from ._handle import Handle
from ._library import abi
from ._options import Options, OptionsKind, OptionValue, handle_of, use_options
from ._records import PrefixInfo

if TYPE_CHECKING:
    from ._model import Model
    from ._stream import Stream


class Prefix(Handle):
    """A place that any number of streams start from: all of them read one state, and nothing is
    copied. Made by Stream.create_prefix and Model.load_prefix. It never changes; any number of
    threads may use it."""

    __slots__ = ("_model",)
    _release = abi.skein_prefix_release

    def __init__(self, value: int, model: "Model") -> None:
        super().__init__(value)
        self._model = model

    def start(self, options: Optional[Options] = None, **values: OptionValue) -> "Stream":
        """Makes a stream at the place of the prefix. Keyword arguments: tenant, cache_salt."""
        from ._stream import Stream

        used = use_options(OptionsKind.STREAM, options, values)
        return Stream(
            read_handle(abi.skein_prefix_start, self.handle, handle_of(used)), self._model
        )

    @property
    def info(self) -> PrefixInfo:
        """Position, sizes, name, and the fingerprint of the weights."""
        return read_record(
            PrefixInfo, _abi.skein_prefix_info, abi.skein_prefix_get_info, self.handle
        )

    @property
    def provenance(self) -> str:
        """Where the prefix comes from, as it was made."""
        return read_text(abi.skein_prefix_provenance, self.handle)

    def save(self, path: Path, *, replace: bool = False, past: bool = False) -> None:
        """Writes the prefix to a file. The flags are as in Stream.save."""
        call(abi.skein_prefix_save, self.handle, c_path(path), save_flags(replace, past))


def save_flags(replace: bool, past: bool) -> int:
    """The flags of a save as the ABI has them."""
    return (_abi.SKEIN_SAVE_REPLACE if replace else 0) | (_abi.SKEIN_SAVE_PAST if past else 0)


def describe_snapshot(path: Path, options: Optional[Options] = None, **values: OptionValue) -> str:
    """What a file of Prefix.save or Stream.save holds, without a model. Keyword argument: format
    ("text", "json")."""
    used = use_options(OptionsKind.DESCRIBE, options, values)
    return read_text(abi.skein_snapshot_describe, c_path(path), handle_of(used))
