"""Tokenizers: text to token ids and back."""

from typing import TYPE_CHECKING, List

import ctypes

from . import _abi
from ._arrays import Tokens, c_tokens, list_of
from ._calls import Text, c_bytes, read_array, read_bytes, read_record
from ._handle import Handle
from ._library import abi
from ._records import TokenizerInfo

if TYPE_CHECKING:
    from ._runtime import Runtime


class Tokenizer(Handle):
    """A vocabulary. It is immutable, and any number of threads may use it. Made by
    Runtime.load_tokenizer and Model.tokenizer."""

    __slots__ = ("_runtime",)
    _release = abi.skein_tokenizer_release

    def __init__(self, value: int, runtime: "Runtime") -> None:
        super().__init__(value)
        self._runtime = runtime

    @property
    def info(self) -> TokenizerInfo:
        """The number of ids, the kind, and where the vocabulary comes from."""
        return read_record(
            TokenizerInfo, _abi.skein_tokenizer_info, abi.skein_tokenizer_get_info, self.handle
        )

    def encode(self, text: Text) -> List[int]:
        """The ids of a text. As bytes it need not be UTF-8."""
        data = c_bytes(text, "text")
        tokens = read_array(
            ctypes.c_uint32, len(data), abi.skein_tokenizer_encode, self.handle, data, len(data)
        )
        return list_of(tokens)

    def decode_bytes(self, tokens: Tokens) -> bytes:
        """The bytes of ids, which may end inside a character. InvalidArgumentError: an id outside
        the vocabulary."""
        ids = c_tokens(tokens)
        return read_bytes(abi.skein_tokenizer_decode, self.handle, ids, len(ids))

    def decode(self, tokens: Tokens) -> str:
        """The text of ids, with U+FFFD in place of what is not UTF-8."""
        return self.decode_bytes(tokens).decode("utf-8", "replace")
