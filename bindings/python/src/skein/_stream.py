"""Streams: a sequence of tokens and the state behind it."""

import ctypes
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Iterable, List, Mapping, Optional, Tuple

from . import _abi
from ._aio import AsyncGeneration, AsyncQueue
from ._arrays import Floats, Prompt, Tokens, floats_from, list_of
from ._batch import EvalItem
from ._calls import (
    Path,
    c_path,
    c_text,
    c_unsigned,
    call,
    read_array,
    read_bytes,
    read_handle,
    read_number,
    make_record,
)
from ._generation import Generation
from ._handle import Handle
from ._library import abi
from ._options import Options, OptionValue
from ._prefix import Prefix, save_flags
from ._records import Checkpoint
from ._request import Request, Stop

if TYPE_CHECKING:
    from ._model import Model


class Output(IntEnum):
    """What an eval gives."""

    NONE = _abi.SKEIN_OUTPUT_NONE
    LAST_LOGITS = _abi.SKEIN_OUTPUT_LAST_LOGITS
    ALL_LOGITS = _abi.SKEIN_OUTPUT_ALL_LOGITS
    LAST_HIDDEN = _abi.SKEIN_OUTPUT_LAST_HIDDEN
    ALL_HIDDEN = _abi.SKEIN_OUTPUT_ALL_HIDDEN


class Stream(Handle):
    """One sequence of tokens and the state behind it. Made by Model.create_stream, fork and
    Prefix.start.

    A stream has one writer at a time: while a request or an eval runs on it, eval, reset, restore,
    load, truncate and a second request raise FailedPreconditionError. What only reads it is always
    allowed, and sees the last committed token. Threads: any; calls on one stream are serialised,
    different streams are independent."""

    __slots__ = ("_model",)
    _release = abi.skein_stream_release

    def __init__(self, value: int, model: "Model") -> None:
        super().__init__(value)
        self._model = model

    @property
    def model(self) -> "Model":
        """The model that it is of."""
        return self._model

    # --- text ---

    def create_request(
        self,
        prompt: Optional[Prompt] = None,
        options: Optional[Options] = None,
        *,
        stop: Iterable[Stop] = (),
        logit_bias: Optional[Mapping[int, float]] = None,
        **values: OptionValue,
    ) -> Request:
        """Makes a request on this stream. Keyword arguments: stops, biases, and the options of
        Request.set_options. It runs when it is given to Queue.submit, or by its run()."""
        request = Request(self)
        if prompt is not None:
            request.set_prompt(prompt)
        if options is not None or values:
            request.set_options(options, **values)
        request.configure(stop, logit_bias)
        return request

    def generate(
        self, prompt: Optional[Prompt] = None, options: Optional[Options] = None, **values: Any
    ) -> Generation:
        """Writes on behind `prompt`, or behind the last token if there is none: an iterator over
        the pieces of the text. Arguments as in create_request."""
        return self.create_request(prompt, options, **values).run()

    def generate_async(
        self,
        prompt: Optional[Prompt] = None,
        options: Optional[Options] = None,
        *,
        queue: Optional[AsyncQueue] = None,
        **values: Any,
    ) -> AsyncGeneration:
        """As generate(), for `async for`. Many requests should share one AsyncQueue."""
        return self.create_request(prompt, options, **values).run_async(queue)

    # --- tokens, and what the model computes for them ---

    def eval(
        self, tokens: Tokens, output: int = Output.LAST_LOGITS, out: Optional[Any] = None
    ) -> Floats:
        """Feeds tokens, and gives logits or hidden states: [vocab_size] or [d_model], and a row for
        each token with ALL. None with NONE. They are written into `out`, a writable array of
        float32 of that size, or into a new one. Waits."""
        return self._model.eval([EvalItem(self, tokens, output, out)])[0].output

    @property
    def position(self) -> int:
        """The number of tokens committed since the initial state."""
        return read_number(ctypes.c_uint64, abi.skein_stream_position, self.handle)

    def tokens(self, begin: int = 0) -> List[int]:
        """The tokens from position `begin` to the last."""
        start = c_unsigned(begin, 64, "begin")
        return list_of(
            read_array(ctypes.c_uint32, 1024, abi.skein_stream_tokens, self.handle, start)
        )

    def state(self) -> Floats:
        """The canonical state: for each layer att_shift[C] ffn_shift[C], then wkv[H][N][N] (RWKV-4:
        aa bb pp)."""
        count = self._model._info.num_state_floats
        return floats_from(read_array(ctypes.c_float, count, abi.skein_stream_state, self.handle))

    # --- the way back ---

    def reset(self) -> None:
        """Goes back to the initial state."""
        call(abi.skein_stream_reset, self.handle)

    def fork(self) -> "Stream":
        """A stream that continues from the last committed token. Copies no state, and never
        waits."""
        return Stream(read_handle(abi.skein_stream_fork, self.handle), self._model)

    def fork_at(self, position: int) -> "Tuple[Stream, int]":
        """A stream that continues from `position`, and how many tokens were read again for it."""
        copy, replayed = ctypes.c_void_p(), ctypes.c_uint64()
        place = c_unsigned(position, 64, "position")
        call(
            abi.skein_stream_fork_at, self.handle, place, ctypes.byref(copy), ctypes.byref(replayed)
        )
        return Stream(copy.value or 0, self._model), replayed.value

    def truncate(self, position: int) -> int:
        """Goes back to `position`. Gives how many tokens were read again for it."""
        place = c_unsigned(position, 64, "position")
        return read_number(ctypes.c_uint64, abi.skein_stream_truncate, self.handle, place)

    def set_checkpoint(self, name: str) -> None:
        """Names the last position, and keeps its state."""
        call(abi.skein_stream_set_checkpoint, self.handle, c_text(name, "name"))

    def find_checkpoint(self, name: str) -> int:
        """The position with a name."""
        return read_number(
            ctypes.c_uint64, abi.skein_stream_find_checkpoint, self.handle, c_text(name, "name")
        )

    def checkpoints(self) -> List[Checkpoint]:
        """The places to go back to: those with names, and those whose states are kept."""
        struct = _abi.skein_checkpoint
        size = ctypes.sizeof(struct)
        found = read_array(struct, 16, abi.skein_stream_checkpoints, self.handle, head=(size,))
        return [make_record(Checkpoint, one) for one in found]

    # --- to other processes ---

    def snapshot(self, *, past: bool = False) -> bytes:
        """The stream as bytes, which restore on another device, layer split, weight type or
        process. past: the tokens and the checkpoints go along, so that the stream can go back
        after restore()."""
        if past:
            flags = save_flags(False, past)
            return read_bytes(abi.skein_stream_snapshot_with, self.handle, flags, first=0)
        size = ctypes.sizeof(ctypes.c_float) * self._model._info.num_state_floats + (1 << 16)
        return bytes(read_array(ctypes.c_char, size, abi.skein_stream_snapshot, self.handle))

    def restore(self, snapshot: bytes) -> None:
        """Replaces the state by that of a snapshot. DataLossError: it is truncated or corrupt."""
        if not isinstance(snapshot, (bytes, bytearray, memoryview)):
            raise TypeError(f"snapshot: expected bytes, found {type(snapshot).__name__}")
        data = bytes(snapshot)
        call(abi.skein_stream_restore, self.handle, data, len(data))

    def save(self, path: Path, *, replace: bool = False, past: bool = False) -> None:
        """Writes a snapshot to a file. replace: a file that exists is replaced. past: the tokens
        and the checkpoints go along, so that the stream can go back after load()."""
        call(abi.skein_stream_save, self.handle, c_path(path), save_flags(replace, past))

    def load(self, path: Path) -> None:
        """Restores the stream from a file of save(), or of Prefix.save."""
        call(abi.skein_stream_load, self.handle, c_path(path))

    def create_prefix(self, name: str = "", provenance: str = "") -> Prefix:
        """Keeps the last committed place, for others to start from."""
        texts = c_text(name, "name"), c_text(provenance, "provenance")
        return Prefix(read_handle(abi.skein_prefix_create, self.handle, *texts), self._model)
